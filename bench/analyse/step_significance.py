"""The permutation test for one step in each of many series, judged together.

The statistic of a series is the largest share of its sum of squares that one step explains, over the steps of the whole
series and of shorter intervals of it ("seeded" ones, Kovács, Bühlmann, Li and Munk, Biometrika 2023). Its distribution
is that of the AR(1) innovations of the runs in random orders.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaincc

from bench.analyse.run_noise import LEAST_SIDE, NOTHING, Points, RunNoise

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

    @property
    def runs(self) -> tuple[int, ...]:
        """Their numbers."""
        return tuple(point.run for point in self.points)

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
    by_runs: dict[tuple[int, ...], list[Stretch]] = {}
    for stretch in stretches:
        by_runs.setdefault(stretch.runs, []).append(stretch)
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
