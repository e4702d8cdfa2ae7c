"""Before a run: whether the machine is fit to be measured on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.guard.findings import Code, Found, percent
from bench.guard.setup import judge_limits
from bench.observe.conditions import Conditions, others_share
from bench.observe.energy import FoundMeter
from bench.observe.gauges import Instruments
from bench.observe.limits import limits
from bench.observe.virtual import hypervisor

BUSY_SHARE = 0.05
BUSY_SERIOUS = 0.25
"""Share of all CPUs that other programs use, before and during a run."""
LOW_MEMORY_SHARE = 0.1
SWAP_BYTES = 256 * 1024**2

_LOOK_S = 1.0


def look(instruments: Instruments) -> list[Found]:
    """Watch this machine for a second, and say what may spoil a measurement on it."""
    first = instruments.conditions.read()
    time.sleep(_LOOK_S)
    return [
        *judge_before(first, instruments.conditions.read()),
        *judge_machine(hypervisor(), instruments.energy),
        *judge_limits(limits()),
    ]


def judge_before(first: Conditions, last: Conditions) -> Iterator[Found]:
    """What two readings, a second apart, say while nothing is measured."""
    if last.power.source == "battery":
        yield Found(Code.ON_BATTERY, "the machine runs on battery")
    if last.power.saving is not None:
        yield Found(Code.SAVING_POWER, last.power.saving)
    share = others_share(first, last)
    if share is not None and share >= BUSY_SHARE:
        severity = "serious" if share >= BUSY_SERIOUS else "warning"
        yield Found(Code.BUSY_BEFORE, f"other programs used {percent(share)} of the CPU before the run began", severity)
    yield from judge_memory(last)
    if last.swap_used_bytes is not None and last.swap_used_bytes >= SWAP_BYTES:
        yield Found(Code.SWAP_IN_USE, f"{last.swap_used_bytes / 1e9:.1f} GB lie in the swap or page file")


def judge_memory(now: Conditions) -> Iterator[Found]:
    """Whether programs can still have memory without swapping."""
    if now.available_bytes < now.memory_bytes * LOW_MEMORY_SHARE:
        left, total = now.available_bytes / 1e9, now.memory_bytes / 1e9
        yield Found(Code.LITTLE_MEMORY, f"{left:.1f} GB of {total:.1f} GB of memory were available")


def judge_machine(virtual: str | None, energy: FoundMeter) -> Iterator[Found]:
    """What does not change while the machine is on.

    Args:
        virtual: what it runs on, if it is a virtual machine.
        energy: its energy meter.
    """
    if virtual is not None:
        yield Found(Code.VIRTUAL_MACHINE, f"the machine is virtual ({virtual})")
    if energy.problem is not None:
        yield Found(Code.ENERGY_LOCKED, energy.problem, advice=f"To allow it: {energy.remedy}")
