"""Where the level of a series of runs changes: splitting in two, again and again, each split judged by permutation.

The statistic of a series is the largest share of its sum of squares that one split explains, over the splits of a fixed
collection of stretches of it: the whole, and shorter ones at several scales ("seeded" ones, Kovács, Bühlmann, Li and
Munk, Biometrika 2023), so that a level which came and went again is found too. How surprising that share is, is told by
the same figure of the same runs in random orders, as in E-divisive (Matteson and James, JASA 2014), which MongoDB uses
on its own benchmarks (Daly et al., ICPE 2020).

All series are shuffled alike, run by run, and judged together by Westfall and Young's step-down (1993): at most 5 % of
families in which nothing changed have a call. Holm's adjustment would hold that too, but no shuffling of twelve runs is
rarer than one in 462, which no family of 30 cells would survive.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaincc

from bench.analyse.interval import CONFIDENCE

LEAST_SIDE = 3
"""How many runs lie on either side of a change point, at the least: two could be one bad day."""

LEAST_RUNS = 8
"""Of fewer runs no order is rare enough: seven have 35 ways to choose three, and one of two tells a change."""

_PERMUTATIONS = 999
_SEED = 2014
_SHRINK = math.sqrt(0.5)
# Numbers at a time: what they take stays within tens of megabytes.
_ELEMENTS = 300_000
# The location of a change is as good as the best one where twice the log likelihood is not this much less.
_AS_GOOD = 3.84
# A sum of squares that is rounding.
_NOTHING = 1e-18

Points = Sequence[tuple[int, float]]
"""(number of the run, natural logarithm of its estimate), in the order of the runs."""


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


def change_points(series: Mapping[str, Points], threshold: float) -> dict[str, tuple[ChangePoint, ...]]:
    """The change points of each series, judged together; series shorter than :data:`LEAST_RUNS` have none.

    Args:
        series: name -> points, all of one metric.
        threshold: as a share; a change of less than half of it is not called.
    """
    found: dict[str, dict[int, float]] = {}
    stretches = [_Stretch(name, 0, points) for name, points in series.items() if len(points) >= LEAST_RUNS]
    while stretches:
        after: list[_Stretch] = []
        for stretch, p_value in _standing(stretches):
            split = stretch.best_split()
            found.setdefault(stretch.name, {})[stretch.start + split] = p_value
            after += [half for half in stretch.halves(split) if len(half.points) >= LEAST_RUNS]
        stretches = after
    calls = {name: _described([log for _, log in series[name]], splits, threshold) for name, splits in found.items()}
    return {name: calls.get(name, ()) for name in series}


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of a series that may hold one more change."""

    name: str
    start: int
    points: Points

    @property
    def runs(self) -> tuple[int, ...]:
        return tuple(run for run, _ in self.points)

    def halves(self, split: int) -> tuple[_Stretch, _Stretch]:
        return (
            _Stretch(self.name, self.start, self.points[:split]),
            _Stretch(self.name, self.start + split, self.points[split:]),
        )

    def best_split(self) -> int:
        """The index within the stretch at which a split explains most."""
        sums = _running_sums(_scaled([self])[:, None, :])
        best, split = -1.0, 0
        for low, high in _seeds(len(self.points)):
            shares = _shares(sums, low, high)[:, 0, 0]
            if float(shares.max()) > best + 1e-12:
                best, split = float(shares.max()), low + LEAST_SIDE + int(shares.argmax())
        return split


def _standing(stretches: Sequence[_Stretch]) -> Iterator[tuple[_Stretch, float]]:
    """The stretches whose best split stands, with its p value."""
    by_runs: dict[tuple[int, ...], list[_Stretch]] = {}
    for stretch in stretches:
        by_runs.setdefault(stretch.runs, []).append(stretch)
    keys = np.random.default_rng(_SEED).random((_PERMUTATIONS, 1 + max(run for runs in by_runs for run in runs)))
    judged = [one for group in by_runs.values() for one in group]
    scores = np.concatenate([_scores(group, keys[:, list(runs)]) for runs, group in by_runs.items()], axis=1)
    adjusted = _step_down(scores[0], scores[1:])
    return ((one, p) for one, p in zip(judged, adjusted, strict=True) if p <= 1 - CONFIDENCE + 1e-9)


def _step_down(observed: Any, shuffled: Any) -> list[float]:
    """Adjusted p values of ``observed`` [series], the smallest first, by the least of each row of ``shuffled``.

    Westfall and Young, Resampling-Based Multiple Testing, 1993, algorithm 2.8.
    """
    order = np.argsort(observed, kind="stable")
    # The least over this series and all that look less surprising.
    least = np.minimum.accumulate(shuffled[:, order[::-1]], axis=1)[:, ::-1]
    as_small = np.count_nonzero(least <= observed[order], axis=0)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate((1 + as_small) / (1 + len(shuffled)))
    return [float(value) for value in adjusted]


def _scores(group: Sequence[_Stretch], keys: Any) -> Any:
    """[1 + shuffles, series] how surprising each order's best split is; the order as measured comes first.

    Args:
        group: stretches of the same runs.
        keys: [shuffles, runs] random numbers that order the runs.
    """
    runs = keys.shape[1]
    values = _scaled(group)
    orders = np.concatenate([np.arange(runs)[None, :], np.argsort(keys, axis=1)])
    size = max(1, _ELEMENTS // values.size)
    parts = [_largest(_running_sums(values[orders[at : at + size].T])) for at in range(0, len(orders), size)]
    # Rounded, for two orders of the same sides must tie, and sums in another order differ in their last digits.
    share = np.minimum(np.round(np.concatenate(parts), 9), 1.0)
    # The p value of that share for one given split, which makes series of different lengths comparable.
    return betaincc(0.5, (runs - 2) / 2, share)


def _scaled(group: Sequence[_Stretch]) -> Any:
    """[runs, series] deviations from each series' mean, as shares of the root of its sum of squares."""
    values = np.array([[log for _, log in one.points] for one in group]).T
    values = values - values.mean(axis=0)
    norm = np.sqrt((values**2).sum(axis=0))
    # Equal values leave nothing but rounding, which must not be taken for a change.
    return np.where(norm > 1e-9, values, 0.0) / np.where(norm > 1e-9, norm, 1.0)


def _running_sums(values: Any) -> Any:
    """[runs + 1, shuffles, series] sums of all that comes before."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _largest(sums: Any) -> Any:
    """[shuffles, series] the largest share that a split explains."""
    largest = np.zeros(sums.shape[1:])
    for low, high in _seeds(len(sums) - 1):
        np.maximum(largest, _shares(sums, low, high).max(axis=0), out=largest)
    return largest


def _shares(sums: Any, low: int, high: int) -> Any:
    """[splits, shuffles, series] what each split of ``low`` to ``high`` explains, beginning with the leftmost."""
    length = high - low
    left = np.arange(LEAST_SIDE, length - LEAST_SIDE + 1)[:, None, None]
    shares = (left / length) * (sums[low] - sums[high])
    shares += sums[low + LEAST_SIDE : high - LEAST_SIDE + 1]
    shares -= sums[low]
    shares *= shares
    shares *= length / (left * (length - left))
    return shares


def _seeds(runs: int) -> Iterator[tuple[int, int]]:
    """The stretches of ``runs`` in which splits are looked for: each scale's overlap by half."""
    length = float(runs)
    while length >= 2 * LEAST_SIDE:
        count = 2 * math.ceil(runs / length) - 1
        step = (runs - length) / (count - 1) if count > 1 else 0.0
        seeds = ((math.floor(at * step + 1e-9), math.ceil(at * step + length - 1e-9)) for at in range(count))
        yield from dict.fromkeys(seeds)
        length *= _SHRINK


def _described(logs: Sequence[float], splits: Mapping[int, float], threshold: float) -> tuple[ChangePoint, ...]:
    kept = _large_enough(logs, sorted(splits), math.log1p(threshold / 2))
    bounds = [0, *kept, len(logs)]
    means = _means(logs, bounds)
    steps = [after - before for before, after in itertools.pairwise(means)]
    gradual = _gradual(logs, bounds, steps)
    return tuple(
        ChangePoint(at, math.exp(step), splits[at], at in gradual, _around(np.array(logs[low:high]), low, at))
        for low, at, high, step in zip(bounds, kept, bounds[2:], steps, strict=False)
    )


def _large_enough(logs: Sequence[float], splits: Sequence[int], least: float) -> list[int]:
    """``splits`` without those between whose sides lies less than ``least``, the smallest taken out first."""
    kept = list(splits)
    while kept:
        stretches = [np.array(logs[low:high]) for low, high in itertools.pairwise([0, *kept, len(logs)])]
        sizes = [_size(before, after) for before, after in itertools.pairwise(stretches)]
        smallest = min(range(len(sizes)), key=sizes.__getitem__)
        if 0 < sizes[smallest] >= least:
            break
        del kept[smallest]
    return kept


def _size(before: Any, after: Any) -> float:
    """How far apart two stretches lie; nothing where it is one run that carries it, and the medians know little of it.

    Shuffling alone lets an outlier among the first or last three runs through where its neighbours happen to help it.
    """
    means, medians = (float(of(after) - of(before)) for of in (np.mean, np.median))
    return abs(means) if medians * means > 0 and abs(medians) >= abs(means) / 2 else 0.0


def _means(logs: Sequence[float], bounds: Sequence[int]) -> list[float]:
    return [math.fsum(logs[low:high]) / (high - low) for low, high in itertools.pairwise(bounds)]


def _gradual(logs: Sequence[float], bounds: Sequence[int], steps: Sequence[float]) -> set[int]:
    """The splits of those staircases that a straight line describes better, by Schwarz's criterion (BIC, 1978).

    A staircase is all neighbouring steps of one direction; a step costs a level and a place, a line two figures in all.
    """
    found: set[int] = set()
    for _, group in itertools.groupby(range(len(steps)), key=lambda index: steps[index] > 0):
        indices = list(group)
        stairs = bounds[indices[0] : indices[-1] + 3]
        values = np.array(logs[stairs[0] : stairs[-1]])
        flat = sum(_left_over(np.array(logs[low:high])) for low, high in itertools.pairwise(stairs))
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
