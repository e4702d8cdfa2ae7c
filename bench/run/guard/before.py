"""Before a run: whether the machine is fit to be measured on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.findings import Code
from bench.observe.energy_meter import FoundMeter
from bench.observe.gauges import Instruments
from bench.observe.hindrance import hindrances
from bench.observe.limits import limits
from bench.observe.machine_conditions import Conditions, others_share
from bench.observe.virtual import hypervisor
from bench.run.guard.found import Found
from bench.run.guard.setup import judge_hindrances, judge_limits


@dataclass(frozen=True, slots=True)
class Bound:
    """From how many CPUs on it is a finding that a run did not get them; on a machine of few, from what share of all.

    A stack that computes on all of its threads waits at every step for the slowest, so that one CPU which somebody
    else uses weighs the same on a machine of many CPUs.
    """

    cpus: float
    share: float


BUSY, BUSY_SERIOUS = Bound(0.25, 0.05), Bound(1.0, 0.25)
"""What other programs use, before and during a run."""
LOW_MEMORY_SHARE = 0.1
SWAP_BYTES = 256 * 1024**2

_WATCH_S = 1.0


def check_machine(instruments: Instruments) -> list[Found]:
    """Watch this machine for a second, and say what may spoil a measurement on it."""
    first = instruments.conditions.read()
    time.sleep(_WATCH_S)
    return [
        *judge_before(first, instruments.conditions.read()),
        *judge_machine(hypervisor(), instruments.energy),
        *judge_limits(limits()),
        *judge_hindrances(hindrances()),
    ]


def judge_before(first: Conditions, last: Conditions) -> Iterator[Found]:
    """What two readings, a second apart, say while nothing is measured."""
    if last.power.source == "battery":
        yield Found(Code.ON_BATTERY)
    if last.power.saving is not None:
        setting, value = last.power.saving
        yield Found(Code.SAVING_POWER, {"value": value}, (setting,))
    share = others_share(first, last)
    if share is not None and (weight := weight_of(share, cpus(first, last), BUSY, BUSY_SERIOUS)):
        yield Found(Code.BUSY_BEFORE, in_cpus(share, cpus(first, last)), severity=weight)
    yield from judge_memory(last)
    if last.swap_used_bytes is not None and last.swap_used_bytes >= SWAP_BYTES:
        yield Found(Code.SWAP_IN_USE, {"swap_gb": last.swap_used_bytes / 1e9})


def cpus(first: Conditions, last: Conditions) -> float:
    """How many CPUs there are, by the time that there was to be had between two readings."""
    return last.cpu.since(first.cpu).capacity_s / (last.awake_s - first.awake_s)


def weight_of(share: float, count: float, warning: Bound, serious: Bound) -> str | None:
    """The severity of a share of ``count`` CPUs being taken; ``None`` if it is too little for a finding."""
    for severity, bound in (("serious", serious), ("warning", warning)):
        if share >= min(bound.cpus / count, bound.share):
            return severity
    return None


def in_cpus(share: float, count: float) -> dict[str, float]:
    """A share of all CPUs as people count them, e.g. 1.25 of 22."""
    return {"used": share * count, "cpus": count}


def judge_memory(now: Conditions) -> Iterator[Found]:
    """Whether programs can still have memory without swapping."""
    if now.available_bytes < now.memory_bytes * LOW_MEMORY_SHARE:
        yield Found(Code.LITTLE_MEMORY, {"left_gb": now.available_bytes / 1e9, "total_gb": now.memory_bytes / 1e9})


def judge_machine(virtual: str | None, energy: FoundMeter) -> Iterator[Found]:
    """What does not change while the machine is on; ``virtual`` is what it runs on, if it is a virtual machine."""
    if virtual is not None:
        yield Found(Code.VIRTUAL_MACHINE, {"product": virtual})
    if energy.problem is not None:
        yield Found(Code.ENERGY_LOCKED, {"remedy": energy.remedy or ""}, (energy.problem,))
