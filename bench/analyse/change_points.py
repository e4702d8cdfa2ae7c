"""Where the level of a series of runs changes, and by how much; the method is in ``docs/metrics.md``, "Histories".

What all series of a group (a metric) have in common in a run is a series of its own, and so is what each differs from
it by: a change of the whole machine is found in the one, a change of one cell in the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.analyse.interval import CONFIDENCE
from bench.analyse.run_noise import LEAST_SIDE, NOTHING, Points, Reading, left_over, run_noise
from bench.analyse.step_significance import Name, Stretch, significant

LEAST_RUNS = 8
"""Of fewer runs no order is rare enough: seven have 35 ways to choose three, and one of two indicates a change."""

LEAST_SERIES = 5
"""How many series show what runs have in common; with fewer, one that changed is too large a part of it."""

_SWEEPS = 20
# The location of a change is as good as the best one where twice the log likelihood is not this much less.
_AS_GOOD = 3.84


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """One change of a series' level.

    Args:
        index: of the first point after it.
        ratio: geometric mean of the stretch after it, up to the next change, over that of the stretch before.
        p_value: adjusted for all series that were judged with it.
        gradual: it is part of a slow drift, which a straight line describes better than steps do.
        around: every index at which a step would fit about as well, ``index`` among them.
    """

    index: int
    ratio: float
    p_value: float
    gradual: bool
    around: tuple[int, ...]


def change_points(
    groups: Mapping[str, Mapping[str, Points]], threshold: float
) -> dict[str, dict[str, tuple[ChangePoint, ...]]]:
    """The change points of each series, all judged together; series shorter than :data:`LEAST_RUNS` have none.

    A change that is found in what a group has in common is one of each series of it whose own level changed there as
    well, and a change of what a series differs by is one if its own level changed likewise.

    Args:
        groups: group -> name -> points; what the series of a group have in common is taken out of them.
        threshold: as a share; a change of less than half of it is not called.
    """
    judged: dict[Name, Points] = {}
    for group, series in groups.items():
        long = {name: points for name, points in series.items() if len(points) >= LEAST_RUNS}
        judged |= {(group, name): points for name, points in _common_and_own(long).items()}
    splits = _splits(judged)
    return {
        group: {name: _called(points, (group, name), judged, splits, threshold) for name, points in series.items()}
        for group, series in groups.items()
    }


def _common_and_own(series: Mapping[str, Points]) -> dict[str, Points]:
    """What the runs have in common, under a blank name, and what each series differs from that by.

    The series themselves if they are fewer than :data:`LEAST_SERIES`.
    """
    if len(series) < LEAST_SERIES:
        return dict(series)
    columns = [{point.run: point for point in points} for points in series.values()]
    runs = sorted(set().union(*columns))
    logs = np.array([[one[run].log if run in one else math.nan for one in columns] for run in runs])
    common = dict(zip(runs, _common(logs).tolist(), strict=True))
    within = {run: [one[run].within for one in columns if run in one] for run in runs}
    # The median of that many independent logarithms has pi / 2 times the variance of their mean.
    shared = [Reading(run, log, math.pi / 2 * sum(within[run]) / len(within[run]) ** 2) for run, log in common.items()]
    own = {
        name: [point._replace(log=point.log - common[point.run]) for point in points] for name, points in series.items()
    }
    return {"": shared, **own}


def _common(logs: Any) -> Any:
    """[runs] how far the series of ``logs`` [runs, series] are from their own levels: median polish (Tukey, 1977)."""
    common = np.zeros(len(logs))
    for _ in range(_SWEEPS):
        levels = np.nanmedian(logs - common[:, None], axis=0)
        before, common = common, np.nanmedian(logs - levels, axis=1)
        if np.abs(common - before).max() < 1e-12:
            break
    return common


def _splits(judged: Mapping[Name, Points]) -> dict[Name, dict[int, float]]:
    """Series -> index of a significant split -> its p value.

    What groups have in common has half of the 5 % for itself: as one series among all of them it would find little.
    """
    found: dict[Name, dict[int, float]] = {}
    stretches = [Stretch(name, 0, points, run_noise(points)) for name, points in judged.items()]
    families = [[one for one in stretches if bool(one.name[1]) is own] for own in (False, True)]
    several = sum(map(bool, families))
    for family in families:
        left = family
        while left:
            after: list[Stretch] = []
            for stretch, p_value in significant(left, (1 - CONFIDENCE) / several):
                split = stretch.best_split()
                found.setdefault(stretch.name, {})[stretch.start + split] = several * p_value
                after += [half for half in stretch.halves(split) if len(half.points) >= LEAST_RUNS]
            left = after
    return found


# -- from significant steps to change points


def _called(
    points: Points,
    name: Name,
    judged: Mapping[Name, Points],
    splits: Mapping[Name, Mapping[int, float]],
    threshold: float,
) -> tuple[ChangePoint, ...]:
    """The change points of one series: those of its own, and those of what its group has in common."""
    if len(points) < LEAST_RUNS:
        return ()
    logs = np.array([point.log for point in points])
    own = np.array([point.log for point in judged[name]])
    found = {at: _Call(p_value, own) for at, p_value in splits.get(name, {}).items()}
    common = judged.get((name[0], ""), ())
    for place, p_value in splits.get((name[0], ""), {}).items():
        at = sum(point.run < common[place].run for point in points)
        near = [index for index in found if abs(index - at) < LEAST_SIDE]
        if near:
            # Both changed there: only its own level shows how much is left.
            found |= {index: _Call(min(p_value, found[index].p_value), logs) for index in near}
        elif LEAST_SIDE <= at <= len(points) - LEAST_SIDE:
            found[at] = _Call(p_value, logs - own)
    return _described(logs, found, threshold)


@dataclass(frozen=True, slots=True)
class _Call:
    """A split of a series: how surprising it is, and the logarithms in which it was found."""

    p_value: float
    found_in: Any


def _described(logs: Any, calls: Mapping[int, _Call], threshold: float) -> tuple[ChangePoint, ...]:
    kept = _large_enough(logs, calls, math.log1p(threshold / 2))
    bounds = [0, *kept, len(logs)]
    means = [math.fsum(logs[low:high]) / (high - low) for low, high in itertools.pairwise(bounds)]
    steps = [after - before for before, after in itertools.pairwise(means)]
    gradual = _gradual(logs, bounds, steps)
    return tuple(
        ChangePoint(at, math.exp(step), calls[at].p_value, at in gradual, _around(logs[low:high], low, at))
        for low, at, high, step in zip(bounds, kept, bounds[2:], steps, strict=False)
    )


def _large_enough(logs: Any, calls: Mapping[int, _Call], least: float) -> list[int]:
    """The splits without those between whose sides lies less than ``least``, the smallest taken out first."""
    kept = sorted(calls)
    while kept:
        bounds = [0, *kept, len(logs)]
        sizes = [
            _size(logs, calls[at].found_in, low, at, high)
            for low, at, high in zip(bounds, kept, bounds[2:], strict=False)
        ]
        smallest = min(range(len(sizes)), key=sizes.__getitem__)
        if 0 < sizes[smallest] >= least:
            break
        del kept[smallest]
    return kept


def _size(logs: Any, found_in: Any, low: int, at: int, high: int) -> float:
    """How far apart two stretches lie; nothing where their medians, or what the step was found in, know little of it.

    Shuffling alone lets an outlier among the first or last three runs through where its neighbours happen to help it.
    And a step of what a series differs by may be one of all the others, a step of these one that it had no part in.
    """
    own = _step(np.mean, logs, low, at, high)
    typical = _step(np.median, logs, low, at, high)
    there = _step(np.mean, found_in, low, at, high)
    supported = typical * own > 0 and abs(typical) >= abs(own) / 2
    return abs(own) if supported and there * own > 0 and abs(own) >= abs(there) / 2 else 0.0


def _step(of: Any, logs: Any, low: int, at: int, high: int) -> float:
    return float(of(logs[at:high]) - of(logs[low:at]))


def _gradual(logs: Any, bounds: Sequence[int], steps: Sequence[float]) -> set[int]:
    """The splits of those staircases that a straight line describes better, by Schwarz's criterion (BIC, 1978).

    A staircase is all neighbouring steps of one direction; a step costs a level and a place, a line two figures in all.
    """
    found: set[int] = set()
    for _, group in itertools.groupby(range(len(steps)), key=lambda index: steps[index] > 0):
        indices = list(group)
        stairs = bounds[indices[0] : indices[-1] + 3]
        values = logs[stairs[0] : stairs[-1]]
        flat = sum(left_over(logs[low:high]) for low, high in itertools.pairwise(stairs))
        costs = (2 * len(indices) + 1 - 2) * math.log(len(values))
        if len(values) * math.log(max(_off_line(values), NOTHING) / max(flat, NOTHING)) < costs:
            found |= set(stairs[1:-1])
    return found


def _around(values: Any, start: int, at: int) -> tuple[int, ...]:
    """The places at which a step fits ``values``, two neighbouring stretches, about as well as at ``at``."""
    squares = np.array([left_over(values[:k]) + left_over(values[k:]) for k in range(1, len(values))])
    squares = np.maximum(squares, NOTHING)
    as_good = np.flatnonzero(len(values) * np.log(squares / squares[at - start - 1]) <= _AS_GOOD)
    return tuple(sorted({start + 1 + int(k) for k in as_good} | {at}))


def _off_line(values: Any) -> float:
    """What a straight line leaves over of the sum of squares."""
    places = np.arange(len(values)) - (len(values) - 1) / 2
    return left_over(values) - float((places * values).sum()) ** 2 / float((places**2).sum())
