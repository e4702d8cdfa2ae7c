"""Where the level of a series of runs changes, and by how much; the method is in ``docs/metrics.md``, "Histories".

What all series of a group (a metric) have in common in a run is a series of its own, and so is what each differs from
it by: a change of the whole machine is found in the one, a change of one cell in the other.

The statistic of a series is the largest share of its sum of squares that one step explains, over the steps of the whole
series and of shorter intervals of it ("seeded" ones, Kovács, Bühlmann, Li and Munk, Biometrika 2023). Its distribution
is that of the AR(1) innovations of the runs in random orders.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaincc

from bench.analyse.grouping import group_by
from bench.analyse.interval import CONFIDENCE
from bench.analyse.run_noise import LEAST_SIDE, NOTHING, Points, Reading, RunNoise, left_over, run_noise

Name = tuple[str, str]
"""Group and name of a series; the name of what a group has in common is blank."""

_MOST_ORDERS, _LEAST_ORDERS = 999, 199
# Of a long history fewer random orders are taken, so that this many runs are shuffled in all.
_SHUFFLED_RUNS = 200_000
_SEED = 2014
_SHRINK = math.sqrt(0.5)
# Numbers at a time: what they take stays in a cache, and no more orders than needed are looked at.
_ELEMENTS = 60_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a series that may hold one more change; ``start`` is its place in the series."""

    name: Name
    start: int
    points: Points
    noise: RunNoise

    def halves(self, split: int) -> tuple[Stretch, Stretch]:
        """What lies before and after."""
        return (
            Stretch(self.name, self.start, self.points[:split], self.noise),
            Stretch(self.name, self.start + split, self.points[split:], self.noise),
        )

    def best_split(self) -> int:
        """The index within the stretch at which a step explains most."""
        innovations = _Innovations.of([self])
        best, split = -1.0, 0
        for places, explained in innovations.explained(innovations.values[:, None, :]):
            shares = explained[..., 0, 0].ravel()
            if float(shares.max()) > best + 1e-12:
                best, split = float(shares.max()), int(places.ravel()[shares.argmax()])
        return split


def significant(stretches: Sequence[Stretch], level: float) -> Iterator[tuple[Stretch, float]]:
    """The stretches whose best step is significant at ``level``, with its p value.

    By Westfall and Young's step-down (Resampling-Based Multiple Testing, 1993, algorithm 2.8): the most surprising
    first, each by how often the most surprising of it and all that are less so is as surprising in another order.
    """
    by_runs = group_by(stretches, lambda stretch: tuple(point.run for point in stretch.points))
    judged = [one for group in by_runs.values() for one in group]
    innovations = {runs: _Innovations.of(group) for runs, group in by_runs.items()}
    observed = np.concatenate([one.scores(np.arange(len(runs))[None, :])[0] for runs, one in innovations.items()])
    order = np.argsort(observed, kind="stable")
    as_small = np.zeros(len(order))
    orders = min(_MOST_ORDERS, max(_LEAST_ORDERS, _SHUFFLED_RUNS // max(map(len, by_runs))))
    keys = np.random.default_rng(_SEED).random((orders, 1 + max(run for runs in by_runs for run in runs)))
    size = max(1, _ELEMENTS // sum(one.values.size for one in innovations.values()))
    for at in range(0, orders, size):
        some = keys[at : at + size]
        scores = [one.scores(np.argsort(some[:, list(runs)], axis=1)) for runs, one in innovations.items()]
        least = np.minimum.accumulate(np.concatenate(scores, axis=1)[:, order[::-1]], axis=1)[:, ::-1]
        as_small += np.count_nonzero(least <= observed[order], axis=0)
        # More orders can only make it less surprising, and what is less so falls with it.
        if (1 + as_small[0]) / (1 + orders) > level + 1e-9:
            return
    adjusted = np.maximum.accumulate((1 + as_small) / (1 + orders))
    for place, p_value in zip(order, adjusted, strict=True):
        if p_value <= level + 1e-9:
            yield judged[place], float(p_value)


@dataclass(frozen=True, slots=True)
class _Innovations:
    """What is new in each run of stretches of the same runs, all arrays [runs, series].

    With the noise u[t] = phi u[t-1] + e[t] of variance 1 in units of each run's standard deviation s[t], what is new is
    (z[t] - phi z[t-1]) / sqrt(1 - phi^2), z = log / s, and the first z as it is. The same is done to a level.

    Args:
        values: what is new, without what a single level explains, of length 1.
        level: what a level of 1 becomes.
        first: what it becomes in the run in which it begins.
    """

    values: Any
    level: Any
    first: Any

    @classmethod
    def of(cls, stretches: Sequence[Stretch]) -> _Innovations:
        logs = np.array([[point.log for point in one.points] for one in stretches]).T
        variance = np.array([[one.noise.rest + point.within for point in one.points] for one in stretches]).T
        phi = np.array([one.noise.phi for one in stretches])
        # Alone their proportions matter; equal values leave none.
        scale = np.sqrt(variance.mean(axis=0))
        spread = np.sqrt(variance) / np.where(scale > 0, scale, 1.0)
        spread = np.where(spread > 0, spread, 1.0)
        root = np.sqrt(1 - phi**2)
        level = 1 / spread
        values = (logs - logs.mean(axis=0)) * level
        first = level / root
        values[1:] = (values[1:] - phi * values[:-1]) / root
        level[1:] = (level[1:] - phi * level[:-1]) / root
        values -= level * (level * values).sum(axis=0) / (level**2).sum(axis=0)
        norm = np.sqrt((values**2).sum(axis=0))
        # Equal values leave nothing but rounding, which must not be taken for a change.
        return cls(np.where(norm > 1e-9, values, 0.0) / np.where(norm > 1e-9, norm, 1.0), level, first)

    def explained(self, values: Any) -> Iterator[tuple[Any, Any]]:
        """For each length of interval: the places of its steps, and what each explains within its interval.

        Args:
            values: [runs, orders, series] in place of :attr:`values`.

        Yields:
            Arrays [intervals, steps] and [intervals, steps, orders, series].
        """
        sums, squares = _sums_before(self.level[:, None, :] * values), _sums_before(self.level**2)
        firsts = self.first[:, None, :] * values
        for starts, length in _seeded_intervals(len(values)):
            low, high = starts[:, None], starts[:, None] + length
            at = low + np.arange(LEAST_SIDE, length - LEAST_SIDE + 1)
            # The step's products with the level and with itself, and what is left of it beside the level.
            tail = squares[high] - squares[at + 1]
            of_level = squares[high] - squares[low]
            shared = (self.first[at] * self.level[at] + tail) / of_level
            left = self.first[at] ** 2 + tail - shared**2 * of_level
            explained = firsts[at]
            explained -= sums[at + 1]
            explained += sums[high]
            explained -= shared[:, :, None, :] * (sums[high] - sums[low])
            explained *= explained
            explained /= left[:, :, None, :]
            yield at, explained

    def scores(self, orders: Any) -> Any:
        """[orders, series] how surprising the best step of each order is."""
        runs = len(self.values)
        values = self.values[orders.T]
        largest = np.zeros(values.shape[1:])
        for _, explained in self.explained(values):
            np.maximum(largest, explained.max(axis=(0, 1)), out=largest)
        # In another order a level may explain some of it again.
        left = 1 - (self.level[:, None, :] * values).sum(axis=0) ** 2 / (self.level**2).sum(axis=0)
        # Rounded, for two orders of the same sides must tie, and sums in another order differ in their last digits.
        share = np.minimum(np.round(largest / np.maximum(left, NOTHING), 9), 1.0)
        # The p value of that share for one given step, which makes series of different lengths comparable.
        return betaincc(0.5, (runs - 2) / 2, share)


def _sums_before(values: Any) -> Any:
    """[runs + 1, ...] sums of all that comes before."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _seeded_intervals(runs: int) -> Iterator[tuple[Any, int]]:
    """First runs and length of the intervals in which steps are looked for; those of a length overlap by half."""
    length = float(runs)
    while length >= 2 * LEAST_SIDE:
        whole = math.ceil(length - 1e-9)
        count = 2 * math.ceil(runs / length - 1e-9) - 1
        yield np.unique(np.linspace(0, runs - whole, count).round().astype(int)), whole
        length *= _SHRINK


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
        places = np.arange(len(values)) - (len(values) - 1) / 2
        off_line = left_over(values) - float((places * values).sum()) ** 2 / float((places**2).sum())
        costs = (2 * len(indices) + 1 - 2) * math.log(len(values))
        if len(values) * math.log(max(off_line, NOTHING) / max(flat, NOTHING)) < costs:
            found |= set(stairs[1:-1])
    return found


def _around(values: Any, start: int, at: int) -> tuple[int, ...]:
    """The places at which a step fits ``values``, two neighbouring stretches, about as well as at ``at``."""
    squares = np.array([left_over(values[:k]) + left_over(values[k:]) for k in range(1, len(values))])
    squares = np.maximum(squares, NOTHING)
    as_good = np.flatnonzero(len(values) * np.log(squares / squares[at - start - 1]) <= _AS_GOOD)
    return tuple(sorted({start + 1 + int(k) for k in as_good} | {at}))
