"""What a run is about to do, said before it does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.plan.estimate import counted, format_duration, guess_seconds, memory_bytes, quality_seconds
from bench.plan.options import Options
from bench.plan.plan import Plan
from bench.prepare.conversion_cost import PendingWork, disk_bytes


@dataclass(frozen=True, slots=True)
class Free:
    """What the machine has left, in bytes."""

    disk_bytes: int
    memory_bytes: int


def preflight_lines(
    plan: Plan, options: Options, pending: Sequence[PendingWork], parameters: int | None, free: Free
) -> list[str]:
    """The announcement of a run that first makes ``pending``; ``parameters`` is ``None`` if there is no model."""
    blocks = _from_to(options.blocks, options.most_blocks, "block")
    warmups = _from_to(options.warmups, options.max_warmups, "warm-up")
    timed = counted(options.repeats, "timed generation")
    what = f"{counted(len(plan.loads), 'load')}, {counted(len(plan.cells), 'cell')}"
    measure = f"measure    {what}, in {blocks} of {warmups} + {timed} each"
    if parameters is None:
        return [measure, "time       as the simulated latencies add up; no model is run"]
    making_s = sum(work.seconds for work in pending)
    labels = ", ".join(work.label for work in pending)
    what = f"{counted(len(pending), 'artifact')}, about {format_duration(making_s)}: {labels}"
    guess = _guess(plan, options, parameters, making_s)
    return [
        measure,
        f"prepare    {what if pending else 'nothing: all artifacts are in the cache'}",
        f"disk       {disk_bytes(pending) / 1e9:.1f} GB needed, {free.disk_bytes / 1e9:.1f} GB free",
        _memory(plan, pending, parameters, free),
        f"time       {guess} (a guess; a measured figure follows after the first block)",
    ]


def _from_to(least: int, most: int, noun: str) -> str:
    return counted(most, noun) if least == most else f"{least} to {counted(most, noun)}"


def _guess(plan: Plan, options: Options, parameters: int, making_s: float) -> str:
    most_s = guess_seconds(plan, options, parameters)
    if options.interval_target is None:
        return f"about {_whole(most_s, options, making_s)}"
    least_s = most_s * options.blocks / options.most_blocks
    limit_s = min(most_s, options.max_time_s or most_s)
    least, most = (_whole(seconds, options, making_s) for seconds in (min(least_s, limit_s), limit_s))
    return f"about {least} to {most}, as the intervals narrow"


def _whole(measuring_s: float, options: Options, making_s: float) -> str:
    scoring_s = quality_seconds(options.blocks, measuring_s) if options.quality else 0.0
    return format_duration(measuring_s + scoring_s + making_s)


def _memory(plan: Plan, pending: Sequence[PendingWork], parameters: int, free: Free) -> str:
    preparing = max((work.memory_bytes for work in pending), default=0)
    needed = f"{preparing / 1e9:.1f} GB needed to prepare, {memory_bytes(plan, parameters) / 1e9:.1f} GB to measure"
    return f"memory     {needed}, {free.memory_bytes / 1e9:.1f} GB free"
