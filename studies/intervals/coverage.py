"""How many of the 95 % intervals hold the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from backends.noise import Noise
from bench.analyse.adaptive import Medians, Rule, narrow_enough
from bench.analyse.interval import CONFIDENCE, over_blocks
from bench.plan.flags import LEAST_ADAPTIVE_BLOCKS
from studies.intervals.chance import Share, generator, shared
from studies.intervals.play import Shape, play
from studies.intervals.settings import BETWEEN_RUNS, CORRELATED, NOISES, ONE_LOAD, ONE_LOAD_BLOCK_S, Setting
from studies.intervals.tables import Table, percent, percent_range

BLOCKS = (3, 10, 20)
TARGETS = (0.05, 0.03, 0.02, 0.01)
LEAST_BLOCKS, MOST_BLOCKS = LEAST_ADAPTIVE_BLOCKS, 40
"""Of a run that adds blocks until its interval is narrow enough."""

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the intervals of one noise held the truth.

    Args:
        blocks: per run; of an adaptive run their mean.
        share: of runs whose interval held it.
        pooled: the same of Student's t over all generations of the run; ``None`` where that was not asked.
        half_width: the median of the intervals' half-widths.
    """

    noise: str
    blocks: float
    share: Share
    pooled: Share | None
    half_width: float


@dataclass(frozen=True, slots=True)
class AdaptiveCoverage:
    """The same, of runs that stop by their own interval.

    Args:
        target: the half-width that they stop at.
        reached: share of runs that came under it.
    """

    target: float
    reached: Share
    coverage: Coverage


def coverage_tables(setting: Setting) -> tuple[list[Table], list[Coverage]]:
    """The tables, and what the chart draws."""
    count, seed = setting.counts.coverage, setting.seed
    noises = setting.with_fitted({**NOISES, **BETWEEN_RUNS, **ONE_LOAD, **CORRELATED})
    fixed = [partial(covered, name, noise, blocks, count, seed) for name, noise in noises.items() for blocks in BLOCKS]
    adaptive = [
        partial(covered_adaptively, name, noise, TARGETS, max(1, count // 8), seed) for name, noise in noises.items()
    ]
    found = shared(fixed, setting.jobs)
    stopped = [one for several in shared(adaptive, setting.jobs) for one in several]
    return [_fixed(found), _adaptive(stopped)], found


def covered(name: str, noise: Noise, blocks: int, runs: int, seed: int) -> Coverage:
    """How often :func:`bench.analyse.interval.over_blocks` holds the truth in ``runs`` runs of ``blocks`` blocks.

    The truth is the geometric mean of what a block's median can be, which is the mean over all that is played here:
    hundreds of times more blocks than a run has.
    """
    logs: list[Any] = []
    generations: list[Any] = []
    shape = replace(_one_cell(name), blocks=blocks)
    for played in _chunks(noise, shape, runs, generator(seed, "coverage", name, blocks)):
        logs.append(np.log(played.medians()["tpot_ms"][:, 0]))
        generations.append(np.log(played.tpot[:, 0]).reshape(len(logs[-1]), -1))
    medians, pooled = np.concatenate(logs), np.concatenate(generations)
    held, widths = _held(np.exp(medians), float(np.exp(medians.mean())))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, pooled.shape[1] - 1) * stats.sem(pooled, axis=1)
    naive = np.abs(pooled.mean(axis=1) - pooled.mean()) <= half
    return Coverage(name, blocks, Share(held, runs), Share(int(naive.sum()), runs), widths)


def covered_adaptively(
    name: str, noise: Noise, targets: Sequence[float], runs: int, seed: int
) -> list[AdaptiveCoverage]:
    """The same of runs that add blocks until half the interval is at most a target, looked at after each block."""
    shape = replace(_one_cell(name), blocks=MOST_BLOCKS)
    chunks = [played.medians() for played in _chunks(noise, shape, runs, generator(seed, "adaptive", name))]
    ttft, tpot = (np.concatenate([chunk[metric][:, 0] for chunk in chunks]) for metric in ("ttft_ms", "tpot_ms"))
    found, before = [], [LEAST_BLOCKS] * runs
    # What is narrow enough for one target is so for every wider one: no run stops sooner for a narrower one.
    for target in sorted(targets, reverse=True):
        pairs = zip(ttft.tolist(), tpot.tolist(), before, strict=True)
        stops = [_stopped(*of_run, Rule(target, LEAST_BLOCKS)) for of_run in pairs]
        found.append(_adaptively(name, tpot, target, stops))
        before = [blocks for blocks, _ in stops]
    return found


def _adaptively(name: str, tpot: Any, target: float, stops: Sequence[tuple[int, bool]]) -> AdaptiveCoverage:
    truth = float(np.exp(np.log(tpot).mean()))
    ends = [_interval(row[:blocks]) for row, (blocks, _) in zip(tpot.tolist(), stops, strict=True)]
    runs = len(stops)
    held = sum(low <= truth <= high for low, high, _ in ends)
    widths = [half_width for _, _, half_width in ends]
    taken = sum(blocks for blocks, _ in stops) / runs
    coverage = Coverage(name, taken, Share(held, runs), None, float(np.median(widths)))
    return AdaptiveCoverage(target, Share(sum(reached for _, reached in stops), runs), coverage)


def _one_cell(noise: str) -> Shape:
    """One cell of a sweep that has others between its blocks, or the only one."""
    shape = Shape(loads=1, lengths=1)
    return replace(shape, block_s=ONE_LOAD_BLOCK_S) if noise in ONE_LOAD else shape


def _stopped(ttft: Sequence[float], tpot: Sequence[float], least: int, rule: Rule) -> tuple[int, bool]:
    """After how many blocks, at least ``least``, a run stops by the product's rule, and whether it was met."""
    for blocks in range(least, len(tpot) + 1):
        if narrow_enough(Medians(dict(enumerate(ttft[:blocks])), dict(enumerate(tpot[:blocks]))), rule):
            return blocks, True
    return len(tpot), False


def _interval(medians: Sequence[float]) -> tuple[float, float, float]:
    """Low, high and half-width of the estimate over ``medians``, two at least."""
    estimate = over_blocks(dict(enumerate(medians)))
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high, estimate.half_width or 0.0


def _held(medians: Any, truth: float) -> tuple[int, float]:
    ends = [_interval(row) for row in medians.tolist()]
    held = sum(low <= truth <= high for low, high, _ in ends)
    return held, float(np.median([half_width for _, _, half_width in ends]))


def _chunks(noise: Noise, shape: Shape, runs: int, drawn: np.random.Generator) -> Iterator[Any]:
    """A few runs at a time, so that the steps of all of them need not be in memory."""
    for begun in range(0, runs, _AT_ONCE):
        yield play(noise, shape, min(_AT_ONCE, runs - begun), drawn)


def _fixed(found: Sequence[Coverage]) -> Table:
    rows = [
        (
            one.noise,
            f"{one.blocks:g}",
            percent(one.share.value),
            percent_range(one.share.low, one.share.high),
            percent(one.pooled.value) if one.pooled else "",
            percent(one.half_width),
        )
        for one in found
    ]
    return Table(
        "Coverage of the 95 % intervals",
        ("noise", "blocks", "intervals that hold the truth", "95 % of that share", "t over generations", "half-width"),
        tuple(rows),
        f"TPOT of one cell, {found[0].share.tries:,} simulated runs a row; half-width: the median.",
    )


def _adaptive(found: Sequence[AdaptiveCoverage]) -> Table:
    rows = [
        (
            one.coverage.noise,
            percent(one.target, 0),
            percent(one.coverage.share.value),
            percent_range(one.coverage.share.low, one.coverage.share.high),
            f"{one.coverage.blocks:.1f}",
            percent(one.reached.value, 0),
        )
        for one in found
    ]
    return Table(
        "Coverage under adaptive stopping",
        ("noise", "target", "intervals that hold the truth", "95 % of that share", "blocks, mean", "target reached"),
        tuple(rows),
        f"Blocks are added from {LEAST_BLOCKS} on until half the intervals of TTFT and TPOT are at most the target, or "
        f"to {MOST_BLOCKS}; coverage is that of TPOT. "
        f"{found[0].reached.tries:,} simulated runs a row.",
    )


def by_noise(found: Sequence[Coverage]) -> Mapping[str, list[Coverage]]:
    """Noise -> its coverages, fewest blocks first."""
    names = dict.fromkeys(one.noise for one in found)
    return {name: [one for one in found if one.noise == name] for name in names}
