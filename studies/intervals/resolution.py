"""What an interval of so much time can show on a real machine: paired by block, not paired, or one after another."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from bench.analyse.interval import CONFIDENCE, Contrast, between_runs, paired
from bench.analyse.results import RunAnalysis
from studies.intervals.stored import name_of
from studies.intervals.tables import Table, percent

METRICS = {"ttft_ms": "TTFT", "tpot_ms": "TPOT"}
BLOCKS = (5, 10, 20, 40, 80)

Medians = Mapping[int, float]
"""Block -> median."""
Pair = tuple[Medians, Medians]
"""Of both variants, over the same blocks."""
Way = Callable[[Sequence[Pair]], Iterator[Contrast | None]]
"""Makes intervals of windows of blocks that follow each other."""

ALPHA = 1 - CONFIDENCE


def _paired(windows: Sequence[Pair]) -> Iterator[Contrast | None]:
    return (paired(b, a) for a, b in windows)


def _unpaired(windows: Sequence[Pair]) -> Iterator[Contrast | None]:
    return (between_runs(b, a) for a, b in windows)


def _in_turn(windows: Sequence[Pair]) -> Iterator[Contrast | None]:
    return (between_runs(after, before) for (before, _), (after, _) in itertools.pairwise(windows))


WAYS: dict[str, Way] = {
    "paired by block (ab)": _paired,
    "the same blocks, not paired": _unpaired,
    "one after the other (compare)": _in_turn,
}


def resolution(runs: Sequence[RunAnalysis]) -> Table:
    """Half the width of an interval, and how often it leaves 1 out, over the time that it took.

    Args:
        runs: with two identical variants, in the order of time; their blocks are taken as one long series, which is cut
            into windows of equal length that have no block in common.
    """
    rows = []
    for metric, title in METRICS.items():
        series = list(_series(runs, metric))
        for blocks in BLOCKS:
            windows = [_window(series[start : start + blocks]) for start in range(0, len(series) - blocks + 1, blocks)]
            if len(windows) < 2:
                continue
            for name, way in WAYS.items():
                found = [one for one in way(windows) if one is not None]
                rows.append((title, str(blocks), _time(runs, blocks), name, *_told(found)))
    return Table(
        "What identical variants tell over time",
        ("metric", "blocks of each", "time", "way", "half of the interval", "without 1", "spread of the ratio"),
        tuple(rows),
        "Half of the interval: median over the windows. Without 1: intervals of 95 % that leave the truth out. Spread: "
        "standard deviation of the logarithms of the ratios; half of an honest interval is about twice as much. Time: "
        "of both variants together.",
    )


def _series(runs: Sequence[RunAnalysis], metric: str) -> Iterator[tuple[float, float]]:
    """The medians of both variants, block by block, of the one cell that each run measured of each."""
    for run in runs:
        sides: dict[str, dict[str, Medians]] = {}
        for cell in run.cells:
            measured = getattr(cell, metric)
            if measured is not None:
                sides.setdefault(name_of(cell), {})[cell.load.variant] = measured.by_block
        for found in list(sides.values())[:1]:
            a, b = found.get("a", {}), found.get("b", {})
            yield from ((a[block], b[block]) for block in sorted(a.keys() & b.keys()))


def _window(series: Sequence[tuple[float, float]]) -> Pair:
    return dict(enumerate(a for a, _ in series)), dict(enumerate(b for _, b in series))


def _told(found: Sequence[Contrast]) -> tuple[str, str, str]:
    halves = [math.sqrt(one.ratio.high / one.ratio.low) - 1 for one in found if one.ratio.low and one.ratio.high]
    outside = [one for one in found if one.p_value is not None and one.p_value < ALPHA]
    spread = statistics.stdev(math.log(one.ratio.value) for one in found) if len(found) > 1 else None
    half = percent(statistics.median(halves)) if halves else ""
    return half, f"{len(outside)} of {len(found)}", percent(spread)


def _time(runs: Sequence[RunAnalysis], blocks: int) -> str:
    taken = [seconds for run in runs if (seconds := _seconds_per_block(run)) is not None]
    return f"{blocks * statistics.median(taken):.0f} s" if taken else ""


def _seconds_per_block(run: RunAnalysis) -> float | None:
    try:
        began = datetime.fromisoformat(str(run.record.get("created_at")))
        ended = datetime.fromisoformat(str((run.end or {}).get("ended_at")))
    except ValueError:
        return None
    blocks = (run.record.get("plan") or {}).get("blocks")
    return (ended - began).total_seconds() / blocks if blocks else None
