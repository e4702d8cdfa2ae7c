"""Power: the smallest slowdown that is found in 95 % of comparisons, over the time that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from backends.noise import Noise
from bench.analyse.gate_rule import held_against
from bench.analyse.interval import Contrast, between_runs, correlation_over, paired
from studies.intervals import ways
from studies.intervals.chance import Share, generator, shared
from studies.intervals.play import Shape, mappings, play
from studies.intervals.settings import BETWEEN_RUNS, HALF_CORRELATED, QUIET, RESTLESS, Setting
from studies.intervals.tables import Table, percent, percent_range
from studies.intervals.ways import COMPARE_THRESHOLD, GATE_THRESHOLD

Way = Literal["compare", "ab", "gate"]
Slowed = Literal["one", "all"]
WAYS: tuple[Way, ...] = ("compare", "ab", "gate")
SLOWED: tuple[Slowed, ...] = ("one", "all")

BLOCKS = (3, 5, 10, 20, 30)
BASELINES = 5
WANTED = 0.95
MOST = 1.0
"""The largest slowdown that is tried."""
_HALVINGS = 11
PROMISES = ((0.05, 10), (0.03, 20))
"""(slowdown, blocks) that have to be found on a quiet machine: by profile standard, and by thorough."""

_THRESHOLDS = {"compare": COMPARE_THRESHOLD, "ab": COMPARE_THRESHOLD, "gate": GATE_THRESHOLD}


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve.

    Args:
        slowed: one cell of the family of 21, or all of them.
        minutes: that the measuring takes: two runs, or one of two variants, or for the gate its one run.
        slowdown: the smallest that is found in 95 % of comparisons; ``None`` if a doubling is not.
    """

    way: str
    noise: str
    slowed: str
    blocks: int
    minutes: float
    slowdown: float | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison of 21 cells, of which some can be slowed.

    Args:
        null: the contrasts without any slowdown.
        slowed: the contrast of a cell that takes a factor longer.
    """

    null: Sequence[Contrast | None]
    slowed: Callable[[int, float], Contrast | None]

    def found(self, factor: float, cells: Sequence[int], threshold: float) -> float:
        """The share of ``cells`` called slower if just they take ``factor`` times as long."""
        contrasts = list(self.null)
        for cell in cells:
            contrasts[cell] = self.slowed(cell, factor)
        said = ways.verdicts(contrasts, threshold)
        return sum(said[cell] == "slower" for cell in cells) / len(cells)


def power_tables(setting: Setting) -> tuple[list[Table], list[Point]]:
    """The tables, and the curves that the chart draws."""
    noises = setting.with_fitted({"quiet": QUIET, "restless": RESTLESS, **HALF_CORRELATED})
    between = {"quiet, 1 % between runs": replace(QUIET, run_spread=0.01), **BETWEEN_RUNS}
    asked = [(way, name, noise) for name, noise in noises.items() for way in WAYS]
    asked += [(way, name, noise) for name, noise in between.items() for way in WAYS[1:]]
    work = [
        partial(point, way, name, noise, slowed, blocks, setting)
        for slowed in SLOWED
        for way, name, noise in asked
        for blocks in BLOCKS
    ]
    promised = [
        partial(promise, way, slowdown, blocks, metric, setting)
        for slowdown, blocks in PROMISES
        for way in WAYS
        for metric in ("ttft_ms", "tpot_ms")
    ]
    points = shared(work, setting.jobs)
    return [_promises(shared(promised, setting.jobs)), _curves(points)], points


def point(way: Way, name: str, noise: Noise, slowed: Slowed, blocks: int, setting: Setting) -> Point:
    """The smallest slowdown that ``way`` finds in 95 % of comparisons, by bisection on the same simulated runs."""
    drawn = generator(setting.seed, "power", way, name, blocks)
    tried = list(trials(way, noise, blocks, setting.counts.power, drawn, "tpot_ms", setting.block_s))
    runs = 1 if way == "gate" else 2
    minutes = runs * blocks * setting.block_s / 60
    return Point(way, name, slowed, blocks, minutes, smallest(tried, slowed, _THRESHOLDS[way]))


def smallest(tried: Sequence[Trial], slowed: Slowed, threshold: float) -> float | None:
    """The smallest slowdown that is found in 95 % of ``tried``, to 0.05 %; ``None`` above :data:`MOST`."""
    low, high = 0.0, MOST
    if power(tried, high, slowed, threshold) < WANTED:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if power(tried, middle, slowed, threshold) >= WANTED:
            high = middle
        else:
            low = middle
    return high


def power(tried: Sequence[Trial], slowdown: float, slowed: Slowed, threshold: float) -> float:
    """The share of slowed cells that are called slower."""
    cells = range(len(tried[0].null)) if slowed == "all" else (0,)
    return float(np.mean([trial.found(1 + slowdown, cells, threshold) for trial in tried]))


def trials(
    way: Way, noise: Noise, blocks: int, count: int, drawn: np.random.Generator, metric: str, block_s: float
) -> Iterator[Trial]:
    """Comparisons of identical software, ready to be slowed."""
    shape = Shape(blocks=blocks, block_s=block_s)
    for _ in range(count):
        if way == "ab":
            both = play(noise, shape.with_variants(), 1, drawn)
            medians = mappings(both.medians()[metric][0])
            yield _paired(medians[: shape.cells], medians[shape.cells :])
        elif way == "compare":
            base, head = (mappings(run) for run in play(noise, shape, 2, drawn).medians()[metric])
            yield _compared(head, base)
        else:
            runs = play(noise, shape, 1 + BASELINES, drawn).medians()[metric]
            head_run, *baselines = ([ways.measured(cell) for cell in mappings(run)] for run in runs)
            yield _gated(head_run, baselines)


def _paired(head: ways.Medians, base: ways.Medians) -> Trial:
    return Trial(ways.ab(head, base), lambda cell, factor: paired(_times(head[cell], factor), base[cell]))


def _compared(head: ways.Medians, base: ways.Medians) -> Trial:
    alike = correlation_over([*head, *base])
    return Trial(
        ways.compare(head, base), lambda cell, factor: between_runs(_times(head[cell], factor), base[cell], alike)
    )


def _gated(head: ways.Run, baselines: Sequence[ways.Run]) -> Trial:
    def slowed(cell: int, factor: float) -> Contrast | None:
        return held_against(ways.measured(_times(head[cell].by_block, factor)), [run[cell] for run in baselines])

    return Trial(ways.gate(head, baselines), slowed)


def _times(medians: Any, factor: float) -> dict[int, float]:
    return {block: value * factor for block, value in medians.items()}


@dataclass(frozen=True, slots=True)
class Promise:
    """In how many comparisons a slowdown of one cell was found on the quiet noise."""

    way: str
    slowdown: float
    blocks: int
    metric: str
    found: Share


def promise(way: Way, slowdown: float, blocks: int, metric: str, setting: Setting) -> Promise:
    """How often a slowdown of one cell of 21 is found on the quiet noise."""
    drawn = generator(setting.seed, "promise", way, slowdown, blocks, metric)
    count = setting.counts.comparisons
    hits = sum(
        trial.found(1 + slowdown, (0,), _THRESHOLDS[way]) == 1
        for trial in trials(way, QUIET, blocks, count, drawn, metric, setting.block_s)
    )
    return Promise(way, slowdown, blocks, metric, Share(hits, count))


def _promises(found: Sequence[Promise]) -> Table:
    rows = [
        (
            named(one.way),
            percent(one.slowdown, 0),
            f"{one.blocks} x 3",
            one.metric.removesuffix("_ms").upper(),
            percent(one.found.value),
            percent_range(one.found.low, one.found.high),
        )
        for one in found
    ]
    return Table(
        "Power on the quiet noise",
        ("way", "slowdown", "blocks", "metric", "found", "95 % of that share"),
        tuple(rows),
        f"One cell of 21 takes that much longer; {found[0].found.tries:,} comparisons a row, after Holm's adjustment. "
        f"compare and ab at {percent(COMPARE_THRESHOLD, 0)}, gate at {percent(GATE_THRESHOLD, 0)}.",
    )


def named(way: str) -> str:
    """A way as tables and charts call it."""
    return f"gate, {BASELINES} runs" if way == "gate" else way


def _curves(points: Sequence[Point]) -> Table:
    keys = dict.fromkeys((one.noise, one.way, one.slowed) for one in points)
    by_key = {(one.noise, one.way, one.slowed, one.blocks): one for one in points}
    rows = []
    for noise, way, slowed in keys:
        curve = [by_key[noise, way, slowed, blocks] for blocks in BLOCKS]
        said = (percent(one.slowdown) if one.slowdown is not None else "> 100 %" for one in curve)
        rows.append((noise, named(way), slowed, *said))
    minutes = {blocks: by_key[(*next(iter(keys)), blocks)].minutes for blocks in BLOCKS}
    columns = (f"{blocks} blocks, {minutes[blocks]:.0f} min" for blocks in BLOCKS)
    return Table(
        "The smallest slowdown that is found in 95 % of comparisons",
        ("noise", "way", "slowed cells", *columns),
        tuple(rows),
        "TPOT, family of 21 cells, after Holm's adjustment. Minutes are those of both runs, or of the one A/B run; "
        "the gate's own run takes half of them, its baselines are there already.",
    )
