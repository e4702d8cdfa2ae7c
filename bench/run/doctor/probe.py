"""Asking each stack, in a worker of its own venv, which devices it really has."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.spec import BackendSpec, family, names_for
from bench.errors import WorkerError
from bench.measure.worker import WorkerProcess
from bench.plan.venvs import Venv, Venvs
from bench.scratch import scratch

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Stack:
    """A backend in one of its venvs.

    Args:
        families: the device families that this venv is for.
        variants: those of an A/B run that it stands for.
    """

    spec: BackendSpec
    families: tuple[str, ...]
    venv: Venv
    variants: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Probe:
    """What a stack answered.

    ``devices``: :class:`backends.contract.Device` as mappings; empty if it could not be asked.
    """

    stack: Stack
    devices: Sequence[Mapping[str, Any]] = ()
    error: str | None = None

    def has(self, device: str) -> Mapping[str, Any] | None:
        """The device that the name means, as :func:`backends.spec.names_for` has it."""
        return next((one for one in self.devices if one["name"] in names_for(device)), None)


def stacks_of(spec: BackendSpec, venvs: Venvs, families: Iterable[str] | None = None, variant: str = "") -> list[Stack]:
    """The venvs that a backend runs in, each with its device families.

    ``families``: devices of interest, as far as the backend knows them; by default all of those.
    """
    by_venv: dict[Venv, list[str]] = {}
    for name in dict.fromkeys(map(family, spec.devices if families is None else families)):
        if name not in spec.devices:
            continue
        by_venv.setdefault(venvs.backend(spec, name, variant), []).append(name)
    return [Stack(spec, tuple(names), venv, (variant,)) for venv, names in by_venv.items()]


def probe(stacks: Sequence[Stack]) -> list[Probe]:
    """Import each stack in a process of its own, several at once, and ask it."""
    with scratch() as folder, ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(_ask, stacks, (folder / str(number) for number in range(len(stacks)))))


def _ask(stack: Stack, scratch: Path) -> Probe:
    if stack.venv.python is None:
        return Probe(stack, error=stack.venv.reason)
    try:
        with WorkerProcess(stack.venv.python, stack.spec.target, scratch, remedy=stack.venv.remedy) as worker:
            return Probe(stack, worker.open().devices)
    except WorkerError as error:
        return Probe(stack, error=str(error))
