"""Diagnoses in words, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bench.observe.accelerators import AcceleratorFacts
from bench.observe.cpu import cpu_list
from bench.observe.limits import Limits
from bench.run.doctor.diagnose import Diagnosis
from bench.run.doctor.system import SystemFacts


def usable_line(usable: Limits) -> str:
    """What a run may use of the machine, and the threads that follow from it."""
    cpus, logical = usable.cpus, usable.machine.logical
    which = f"{logical} CPUs" if cpus is None else f"{len(cpus)} of {logical} CPUs ({cpu_list(cpus)})"
    quota = "no CPU quota" if usable.cpu_quota is None else f"a quota of {usable.cpu_quota:.3g} CPUs"
    threads = f"{usable.default_threads} thread{'' if usable.default_threads == 1 else 's'} by default"
    return f"usable     {which}, {quota}, {usable.memory_bytes / 1e9:.1f} GB of memory: {threads}"


def system_lines(system: SystemFacts) -> Iterator[str]:
    """What the system lists, whatever the stacks make of it."""
    yield f"GPU        {_listed(system.gpus)}"
    yield f"NPU        {_listed(system.npus)}"
    yield from (f"           {name}: no kernel driver has taken it" for name in system.undriven_npus)
    yield from (f"           {file}: this user may not open it" for file in system.locked)


def _listed(found: Sequence[AcceleratorFacts]) -> str:
    return "; ".join(f"{one['name']}, driver {one['driver'] or 'unknown'}" for one in found) or "the system lists none"


def full_lines(diagnoses: Sequence[Diagnosis]) -> Iterator[str]:
    """A paragraph per stack with a line per device, remedies below what they mend."""
    for backend, mine in groupby(diagnoses, key=lambda one: one.backend):
        yield ""
        yield backend
        for one in mine:
            yield f"  {one.device:<16} {'usable' if one.usable else 'not usable':<11} {_facts(one)}"
            if one.remedy is not None:
                yield f"  {'':<16} {'':<11} to mend it: {one.remedy}"


def short_line(one: Diagnosis) -> str:
    """One device in one line, for the start of a run."""
    return f"device     {one.backend} {one.device}: {_facts(one) if one.usable else f'not usable: {one.reason}'}"


def _facts(one: Diagnosis) -> str:
    facts = [one.words]
    if one.driver is not None:
        facts.append(f"driver {one.driver}")
    if one.memory_bytes is not None:
        facts.append(f"{one.memory_bytes / 1e9:.1f} GB")
    return ", ".join(facts)
