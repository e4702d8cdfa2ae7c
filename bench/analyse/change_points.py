"""Where the level of a series of runs changes, judged so that runs which follow each other may be alike.

Runs that lie close in time are alike for reasons that no run records: heat, a neighbour on a shared host, an update in
the background. Read as independent, such runs look like changes of level. So a series is first made into what is new
in each run: with an autoregression of order 1 and coefficient phi, z[t] - phi z[t-1] is independent from run to run.
phi is taken to be :data:`PERSISTENCE`, or larger where a series long enough shows more; an autocorrelation cannot be
estimated from ten runs. Runs of more blocks count more (generalized least squares): the variance of an estimate is what
varies within its run, which its interval tells, and what is left over, which is the same for all runs.

The statistic of a series is the largest share of its sum of squares that one step explains, over the steps of a fixed
collection of stretches of it: the whole, and shorter ones at several scales ("seeded" ones, Kovács, Bühlmann, Li and
Munk, Biometrika 2023), so that a level which came and went again is found too. How surprising that share is, is told by
the same figure of what is new in the runs in random orders.

What all series of a group (a metric) have in common in a run is a series of its own, judged beside what each differs
from it by: a change of the whole machine is found in the one, a change of one cell in the other. The former of all
groups are shuffled alike, run by run, and judged together by Westfall and Young's step-down (1993) at 2.5 %, and so are
the latter: at most 5 % of histories in which nothing changed have a call, if phi is at most :data:`PERSISTENCE`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincc

from bench.analyse.interval import CONFIDENCE

LEAST_SIDE = 3
"""How many runs lie on either side of a change point, at the least: two could be one bad day."""

LEAST_RUNS = 8
"""Of fewer runs no order is rare enough: seven have 35 ways to choose three, and one of two tells a change."""

PERSISTENCE = 0.4
"""How much of a run's deviation the next run is taken to share, at the least: the phi of an autoregression."""

LEAST_SERIES = 5
"""How many series tell what runs have in common; with fewer, one that changed is too large a part of it."""

_MOST_ORDERS, _LEAST_ORDERS = 999, 199
# Of a long history fewer random orders are taken, so that this many runs are shuffled in all.
_SHUFFLED_RUNS = 200_000
_SEED = 2014
_SHRINK = math.sqrt(0.5)
# Of fewer runs an estimate of phi is mostly chance.
_LEAST_FOR_PERSISTENCE = 30
_MOST_PERSISTENCE = 0.95
_SWEEPS = 20
# Numbers at a time: what they take stays in a cache, and no more orders than needed are looked at.
_ELEMENTS = 60_000
# The location of a change is as good as the best one where twice the log likelihood is not this much less.
_AS_GOOD = 3.84
# A sum of squares that is rounding.
_NOTHING = 1e-18


class Reading(NamedTuple):
    """One run's estimate of a series.

    Args:
        run: its number.
        log: natural logarithm of the estimate.
        within: variance of that logarithm by what varies within the run; 0 where it is not known.
    """

    run: int
    log: float
    within: float = 0.0


Points = Sequence[Reading]
"""In the order of the runs."""


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


Name = tuple[str, str]
"""Group and name of a series; the name of what a group has in common is blank."""


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
        judged |= {(group, name): points for name, points in _apart(long).items()}
    splits = _splits(judged)
    return {
        group: {name: _called(points, (group, name), judged, splits, threshold) for name, points in series.items()}
        for group, series in groups.items()
    }


def _apart(series: Mapping[str, Points]) -> dict[str, Points]:
    """What the runs have in common, under a blank name, and what each series differs from that by.

    The series themselves if they are fewer than :data:`LEAST_SERIES`.
    """
    if len(series) < LEAST_SERIES:
        return dict(series)
    runs = sorted({point.run for points in series.values() for point in points})
    places = {run: place for place, run in enumerate(runs)}
    logs = np.full((len(runs), len(series)), np.nan)
    within = np.zeros(len(runs))
    for column, points in enumerate(series.values()):
        for point in points:
            logs[places[point.run], column] = point.log
            within[places[point.run]] += point.within
    common = _common(logs)
    count = np.count_nonzero(~np.isnan(logs), axis=1)
    # The median of that many independent logarithms has pi / 2 times the variance of their mean.
    shared = [
        Reading(run, float(log), float(variance))
        for run, log, variance in zip(runs, common, math.pi / 2 * within / count**2, strict=True)
    ]
    own: dict[str, Points] = {
        name: [point._replace(log=point.log - float(common[places[point.run]])) for point in points]
        for name, points in series.items()
    }
    return {"": shared, **own} if len(runs) >= LEAST_RUNS else own


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
    """Series -> index of a split that stands -> its p value.

    What groups have in common has half of the 5 % for itself: as one series among all of them it would find little.
    """
    found: dict[Name, dict[int, float]] = {}
    stretches = [_Stretch(name, 0, points, _model(points)) for name, points in judged.items()]
    families = [[one for one in stretches if bool(one.name[1]) is own] for own in (False, True)]
    several = sum(map(bool, families))
    for family in families:
        left = family
        while left:
            after: list[_Stretch] = []
            for stretch, p_value in _standing(left, (1 - CONFIDENCE) / several):
                split = stretch.best_split()
                found.setdefault(stretch.name, {})[stretch.start + split] = several * p_value
                after += [half for half in stretch.halves(split) if len(half.points) >= LEAST_RUNS]
            left = after
    return found


# -- what is new in a run


@dataclass(frozen=True, slots=True)
class _Model:
    """How the runs of one series vary around its level.

    Args:
        persistence: the phi of their autoregression.
        rest: variance beside what varies within a run.
    """

    persistence: float
    rest: float


def _model(points: Points) -> _Model:
    values = np.array([point.log for point in points])
    split = _steepest(values)[1]
    left_over = (_left_over(values[:split]) + _left_over(values[split:])) / (len(values) - 2)
    within = math.fsum(point.within for point in points) / len(points)
    return _Model(max(PERSISTENCE, _persistence(values)), max(left_over - within, 0.0))


def _persistence(values: Any) -> float:
    """The phi of an autoregression around the levels of ``values``; 0 where they are too few to tell.

    Steps and slopes look like autocorrelation and autocorrelation looks like them, so a line is taken out, or one step
    after the other, and what describes the series best by Schwarz's criterion (BIC, 1978) is believed.
    """
    count = len(values)
    if count < _LEAST_FOR_PERSISTENCE:
        return 0.0
    rest = values - values.mean()
    places = np.arange(count) - (count - 1) / 2
    found = [_autoregression(rest - places * float((places * rest).sum()) / float((places**2).sum()), 2, 1)]
    # What its steepest step explains, where that is within it, its first run, its end.
    levels = [(*_steepest(values), 0, count)]
    while len(levels) <= count // (2 * LEAST_SIDE):
        # A step costs a level and a place.
        found.append(_autoregression(rest, len(levels), 2 * (len(levels) - 1)))
        steepest = max(levels)
        explained, at, low, high = steepest
        if explained < _NOTHING:
            break
        levels.remove(steepest)
        for start, end in ((low, low + at), (low + at, high)):
            rest[start:end] = values[start:end] - values[start:end].mean()
            levels.append((*_steepest(values[start:end]), start, end))
    return min(found)[1]


def _autoregression(rest: Any, means: int, figures: int) -> tuple[float, float]:
    """(BIC, phi) of what a description leaves over that took ``means`` and ``figures`` more from the series.

    Each mean takes about (1 + 3 phi) / runs from an estimate of phi (Kendall, Biometrika 1954), which is given back.
    """
    count = len(rest)
    squares = float((rest**2).sum())
    if squares < _NOTHING:
        return -math.inf, 0.0
    raw = float((rest[1:] * rest[:-1]).sum()) / squares
    phi = min(max((count * raw + means) / (count - 3 * means), 0.0), _MOST_PERSISTENCE)
    new = (1 - phi**2) * rest[0] ** 2 + float(((rest[1:] - phi * rest[:-1]) ** 2).sum())
    return count * math.log(new / count) + figures * math.log(count), phi


def _steepest(values: Any) -> tuple[float, int]:
    """How much of the sum of squares one split explains at most, and where; nothing where there is no room for one."""
    count = len(values)
    if count < 2 * LEAST_SIDE:
        return 0.0, 0
    left = np.arange(LEAST_SIDE, count - LEAST_SIDE + 1)
    sums = np.cumsum(values - values.mean())[left - 1]
    explained = sums**2 * count / (left * (count - left))
    best = int(explained.argmax())
    return float(explained[best]), int(left[best])


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of a series that may hold one more change."""

    name: Name
    start: int
    points: Points
    model: _Model

    @property
    def runs(self) -> tuple[int, ...]:
        return tuple(point.run for point in self.points)

    def halves(self, split: int) -> tuple[_Stretch, _Stretch]:
        return (
            _Stretch(self.name, self.start, self.points[:split], self.model),
            _Stretch(self.name, self.start + split, self.points[split:], self.model),
        )

    def best_split(self) -> int:
        """The index within the stretch at which a step explains most."""
        new = _New.of([self])
        best, split = -1.0, 0
        for places, explained in new.explained(new.values[:, None, :]):
            shares = explained[..., 0, 0].ravel()
            if float(shares.max()) > best + 1e-12:
                best, split = float(shares.max()), int(places.ravel()[shares.argmax()])
        return split


@dataclass(frozen=True, slots=True)
class _New:
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
    def of(cls, stretches: Sequence[_Stretch]) -> _New:
        logs = np.array([[point.log for point in one.points] for one in stretches]).T
        variance = np.array([[one.model.rest + point.within for point in one.points] for one in stretches]).T
        phi = np.array([one.model.persistence for one in stretches])
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
        """For each scale: the places of its steps, and what each explains within its stretch of the runs.

        Args:
            values: [runs, orders, series] in place of :attr:`values`.

        Yields:
            Arrays [stretches, steps] and [stretches, steps, orders, series].
        """
        sums, squares = _before(self.level[:, None, :] * values), _before(self.level**2)
        firsts = self.first[:, None, :] * values
        for starts, length in _seeds(len(values)):
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
        share = np.minimum(np.round(largest / np.maximum(left, _NOTHING), 9), 1.0)
        # The p value of that share for one given step, which makes series of different lengths comparable.
        return betaincc(0.5, (runs - 2) / 2, share)


def _before(values: Any) -> Any:
    """[runs + 1, ...] sums of all that comes before."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


# -- which steps stand


def _standing(stretches: Sequence[_Stretch], level: float) -> Iterator[tuple[_Stretch, float]]:
    """The stretches whose best step stands at ``level``, with its p value.

    By Westfall and Young's step-down (Resampling-Based Multiple Testing, 1993, algorithm 2.8): the most surprising
    first, each by how often the most surprising of it and all that are less so is as surprising in another order.
    """
    by_runs: dict[tuple[int, ...], list[_Stretch]] = {}
    for stretch in stretches:
        by_runs.setdefault(stretch.runs, []).append(stretch)
    judged = [one for group in by_runs.values() for one in group]
    new = {runs: _New.of(group) for runs, group in by_runs.items()}
    observed = np.concatenate([one.scores(np.arange(len(runs))[None, :])[0] for runs, one in new.items()])
    order = np.argsort(observed, kind="stable")
    as_small = np.zeros(len(order))
    orders = min(_MOST_ORDERS, max(_LEAST_ORDERS, _SHUFFLED_RUNS // max(map(len, by_runs))))
    keys = np.random.default_rng(_SEED).random((orders, 1 + max(run for runs in by_runs for run in runs)))
    size = max(1, _ELEMENTS // sum(one.values.size for one in new.values()))
    for at in range(0, orders, size):
        some = keys[at : at + size]
        scores = [one.scores(np.argsort(some[:, list(runs)], axis=1)) for runs, one in new.items()]
        least = np.minimum.accumulate(np.concatenate(scores, axis=1)[:, order[::-1]], axis=1)[:, ::-1]
        as_small += np.count_nonzero(least <= observed[order], axis=0)
        # More orders can only make it less surprising, and what is less so falls with it.
        if (1 + as_small[0]) / (1 + orders) > level + 1e-9:
            return
    adjusted = np.maximum.accumulate((1 + as_small) / (1 + orders))
    for place, p_value in zip(order, adjusted, strict=True):
        if p_value <= level + 1e-9:
            yield judged[place], float(p_value)


def _seeds(runs: int) -> Iterator[tuple[Any, int]]:
    """The stretches of ``runs`` in which steps are looked for, a scale at a time: their first runs, and their length.

    Those of a scale overlap by half.
    """
    length = float(runs)
    while length >= 2 * LEAST_SIDE:
        whole = math.ceil(length - 1e-9)
        count = 2 * math.ceil(runs / length - 1e-9) - 1
        yield np.unique(np.linspace(0, runs - whole, count).round().astype(int)), whole
        length *= _SHRINK


# -- what is said of them


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
            # Both changed there: only its own level tells how much is left.
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
    means = _means(logs, bounds)
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
    borne = typical * own > 0 and abs(typical) >= abs(own) / 2
    return abs(own) if borne and there * own > 0 and abs(own) >= abs(there) / 2 else 0.0


def _step(of: Any, logs: Any, low: int, at: int, high: int) -> float:
    return float(of(logs[at:high]) - of(logs[low:at]))


def _means(logs: Any, bounds: Sequence[int]) -> list[float]:
    return [math.fsum(logs[low:high]) / (high - low) for low, high in itertools.pairwise(bounds)]


def _gradual(logs: Any, bounds: Sequence[int], steps: Sequence[float]) -> set[int]:
    """The splits of those staircases that a straight line describes better, by Schwarz's criterion (BIC, 1978).

    A staircase is all neighbouring steps of one direction; a step costs a level and a place, a line two figures in all.
    """
    found: set[int] = set()
    for _, group in itertools.groupby(range(len(steps)), key=lambda index: steps[index] > 0):
        indices = list(group)
        stairs = bounds[indices[0] : indices[-1] + 3]
        values = logs[stairs[0] : stairs[-1]]
        flat = sum(_left_over(logs[low:high]) for low, high in itertools.pairwise(stairs))
        costs = (2 * len(indices) + 1 - 2) * math.log(len(values))
        if len(values) * math.log(max(_off_line(values), _NOTHING) / max(flat, _NOTHING)) < costs:
            found |= set(stairs[1:-1])
    return found


def _around(values: Any, start: int, at: int) -> tuple[int, ...]:
    """The places at which a step fits ``values``, two neighbouring stretches, about as well as at ``at``."""
    left_over = np.array([_left_over(values[:k]) + _left_over(values[k:]) for k in range(1, len(values))])
    left_over = np.maximum(left_over, _NOTHING)
    as_good = np.flatnonzero(len(values) * np.log(left_over / left_over[at - start - 1]) <= _AS_GOOD)
    return tuple(sorted({start + 1 + int(k) for k in as_good} | {at}))


def _left_over(values: Any) -> float:
    return float(((values - values.mean()) ** 2).sum())


def _off_line(values: Any) -> float:
    """What a straight line leaves over of the sum of squares."""
    places = np.arange(len(values)) - (len(values) - 1) / 2
    return _left_over(values) - float((places * values).sum()) ** 2 / float((places**2).sum())
