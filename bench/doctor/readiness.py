"""What the loads of a run will find, asked before anything is prepared: nothing is made for what cannot run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from backends.spec import family
from bench.doctor.diagnose import Diagnosis, diagnose, refusal
from bench.doctor.probe import Probe, probe, stacks_of
from bench.doctor.system import SystemFacts, system_facts
from bench.doctor.text import short_line
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venvs


@dataclass(frozen=True, slots=True)
class Readiness:
    """The stacks of a run, asked.

    Args:
        probes: what each answered; played backends are not asked.
        system: what the system lists.
    """

    probes: Sequence[Probe]
    system: SystemFacts

    def unsupported(self, load: Load) -> str | None:
        """Why ``load`` cannot be here: its device is missing, or its packages do not exist for this machine."""
        asked = self._probe(load.backend, load.device)
        return None if asked is None else refusal(load.device, asked, self.system)

    def can_run(self, load: Load) -> bool:
        """Whether it is worth preparing a model for ``load``."""
        asked = self._probe(load.backend, load.device)
        return asked is None or (asked.error is None and asked.has(load.device) is not None)

    def lines(self, loads: Iterable[Load]) -> Iterator[str]:
        """One line per device that a run asks for."""
        for backend, device in dict.fromkeys((load.backend, load.device) for load in loads):
            yield from map(short_line, self._diagnoses(backend, device))

    def _probe(self, backend: str, device: str) -> Probe | None:
        mine = (one for one in self.probes if one.stack.spec.name == backend)
        return next((one for one in mine if family(device) in one.stack.families), None)

    def _diagnoses(self, backend: str, device: str) -> list[Diagnosis]:
        asked = self._probe(backend, device)
        if asked is None:
            return []
        if (reason := refusal(device, asked, self.system)) is not None:
            return [Diagnosis(backend, device, usable=False, words=reason)]
        wanted = (device, f"{device}.0")
        return [
            one
            for one in diagnose(asked, self.system)
            if one.device in wanted or (not one.usable and one.device == family(device))
        ]


def look(loads: Iterable[Load], venvs: Venvs) -> Readiness:
    """Ask the stacks of ``loads``; takes as long as the slowest of them is imported."""
    families: dict[str, list[str]] = {}
    for load in loads:
        if not BACKENDS[load.backend].simulated:
            families.setdefault(load.backend, []).append(load.device)
    stacks = [stack for backend, devices in families.items() for stack in stacks_of(BACKENDS[backend], venvs, devices)]
    return Readiness(probe(stacks), system_facts())
