"""The stored runs of several machines, read in several processes where they are many, as a fleet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.analyse.fleet import Asked, Fleet, build_fleet, most_asked
from bench.analyse.fleet_machine import Machine, read_machine
from bench.analyse.machine_runs import in_processes
from bench.errors import StoreError, UsageError
from bench.store.machine_names import MachineName

NEWEST = 20
"""Runs of a machine that are read, the newest, unless another number is asked for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command line asks for; ``None`` for all. ``base`` is a name or the beginning of an id of a machine."""

    base: str | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    batch_size: int | None = None

    def fits(self, asked: Asked) -> bool:
        """Whether a request is among them."""
        wanted = self.prompt_tokens, self.new_tokens, self.batch_size
        sizes = zip(wanted, asked.request[: len(wanted)], strict=True)
        return self.model in (None, asked.model) and all(one in (None, size) for one, size in sizes)


def read_fleet(
    folders: Mapping[str, Sequence[Path]],
    named: Mapping[str, MachineName],
    wanted: Wanted,
    newest: int,
    threshold: float,
) -> Fleet:
    """The fleet of the machines whose runs lie in ``folders``, of each the newest ones.

    The ``folders`` of a machine have the oldest run first; ``named`` says what people call machines.

    Raises:
        StoreError: no run can be read, or none measured anything.
        UsageError: there is no such machine or request, or no two machines measured the same.
    """
    read = [own[-newest:] for own in folders.values()]
    machines = in_processes(
        *(read_machine, sum(map(len, read)), list(folders)),
        [named.get(machine, MachineName(machine)) for machine in folders],
        read,
        [len(own) for own in folders.values()],
        [threshold] * len(folders),
    )
    measured = [one for one in machines if one.standing]
    if not measured:
        left_out = [why for one in machines for why in one.left_out]
        raise StoreError(left_out[0] if left_out else "none of these runs measured anything")
    base = _base(measured, wanted.base) if wanted.base else most_asked(measured, wanted.fits)
    ordered = sorted(machines, key=lambda one: (one.generation, one.name))
    return build_fleet(ordered, base, threshold)


def _base(machines: Sequence[Machine], asked: str) -> Machine:
    exact = [one for one in machines if asked in (one.name, one.id)]
    found = exact or [one for one in machines if one.id.startswith(asked)]
    if len(found) != 1:
        known = " and ".join(one.name if one.name == one.id else f"{one.name} ({one.id})" for one in machines)
        why = "several machines are called or begin so" if found else "no machine with a number is called so"
        raise UsageError(f"--base {asked}: {why}; there are {known}")
    return found[0]
