"""During a run: what happened to the machine while one worker was measured."""

from collections.abc import Iterator

from bench.findings import Code
from bench.observe.clocks import SLEPT_S
from bench.observe.machine_conditions import Conditions, others_share
from bench.observe.power import PowerState
from bench.run.guard.before import BUSY, Bound, judge_memory, judge_share
from bench.run.guard.found import Found

STOLEN = Bound(0.25, 0.02), Bound(1.0, 0.1)
"""What a hypervisor gives to others."""
SWAPPED_BYTES = 1024**2
SWAPPED_SERIOUS = 64 * 1024**2
PAGE_FAULTS = 100
HOT_C = 95.0
JUMP_S = 2.0
STOPPED_SERIOUS = 0.1
"""Share of the visit's time for which a CPU quota stopped one CPU."""


def judge_visit(before: Conditions, after: Conditions, power: PowerState) -> Iterator[Found]:
    """What two readings say, of just after a model was loaded and of just before its worker was ended.

    ``power`` is as it was when the run began.
    """
    yield from _cpu(before, after)
    yield from _quota(before, after)
    yield from _memory(before, after)
    yield from _heat(before, after)
    yield from _power(after, power)
    yield from _clocks(before, after)


def _cpu(before: Conditions, after: Conditions) -> Iterator[Found]:
    share, used = others_share(before, after), after.cpu.since(before.cpu)
    yield from judge_share(Code.OTHER_LOAD, share, before, after, BUSY)
    # Of too short a time neither is known.
    stolen = None if share is None or used.stolen_s is None else used.stolen_s / used.capacity_s
    yield from judge_share(Code.STOLEN_TIME, stolen, before, after, STOLEN)


def _quota(before: Conditions, after: Conditions) -> Iterator[Found]:
    if before.throttling is None or after.throttling is None:
        return
    stopped, lasted_s = after.throttling.since(before.throttling), after.awake_s - before.awake_s
    if stopped.periods > 0:
        severity = "serious" if stopped.seconds >= lasted_s * STOPPED_SERIOUS else "warning"
        values = {"periods": stopped.periods, "stopped_s": stopped.seconds, "lasted_s": lasted_s}
        yield Found(Code.QUOTA_REACHED, values, severity=severity)


def _memory(before: Conditions, after: Conditions) -> Iterator[Found]:
    yield from judge_memory(after)
    if before.swapped_bytes is not None and after.swapped_bytes is not None:
        swapped = after.swapped_bytes - before.swapped_bytes
        if swapped >= SWAPPED_BYTES:
            severity = "serious" if swapped >= SWAPPED_SERIOUS else "warning"
            yield Found(Code.SWAPPING, {"swapped_mb": swapped / 1e6}, severity=severity)
    if before.page_faults is not None and after.page_faults is not None:
        faults = after.page_faults - before.page_faults
        if faults >= PAGE_FAULTS:
            yield Found(Code.PAGED_FROM_DISK, {"faults": faults})


def _heat(before: Conditions, after: Conditions) -> Iterator[Found]:
    if after.temperature_c is not None and after.temperature_c >= HOT_C:
        yield Found(Code.HOT, {"celsius": after.temperature_c})
    if before.throttles is not None and after.throttles is not None:
        times = after.throttles - before.throttles
        if times > 0:
            yield Found(Code.THROTTLED, {"times": times})
    limit = after.speed_limit_percent
    if limit is not None and limit < 100:
        yield Found(Code.THROTTLED, {"percent": limit}, ("speed-limit",))


def _power(after: Conditions, power: PowerState) -> Iterator[Found]:
    now = after.power
    changes = []
    if now.source != power.source:
        changes.append(f"power-source-{now.source or 'unknown'}")
    if now.mode != power.mode:
        known = "lost" if now.mode is None else "known" if power.mode is None else "changed"
        changes.append(f"power-mode-{known}")
    if changes:
        yield Found(Code.POWER_CHANGED, {"before": power.mode or "", "now": now.mode or ""}, tuple(changes))


def _clocks(before: Conditions, after: Conditions) -> Iterator[Found]:
    slept = 0.0
    if before.slept_s is not None and after.slept_s is not None:
        slept = after.slept_s - before.slept_s
    if slept >= SLEPT_S:
        yield Found(Code.SUSPENDED, {"seconds": slept})
    jumped = (after.wall_s - before.wall_s) - (after.awake_s - before.awake_s) - slept
    if abs(jumped) >= JUMP_S:
        yield Found(Code.CLOCK_JUMPED, {"seconds": jumped})
