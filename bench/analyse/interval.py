"""Estimates and their intervals: Student's t on the logarithms of block medians; docs/metrics.md derives them.

The worker process is the unit of sampling, so what enters here is one number per block, never single tokens.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
"""Of every interval in this project."""

_ADDED = 2.5
"""To n times the lag-1 autocorrelation of n blocks."""

MOST_CORRELATION = 0.7
"""Between neighbouring blocks, as far as intervals take it into account: more looks like a trend in few blocks."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A geometric mean over blocks, in the unit of what was averaged.

    The ends of the 95 % interval are ``None`` where there is none, with fewer than two blocks.
    """

    value: float
    low: float | None
    high: float | None
    blocks: int

    @property
    def half_width(self) -> float | None:
        """Half the interval's width as a factor's excess over 1: 0.05 means ± 5 %. ``None`` without an interval."""
        if self.low is None or self.high is None:
            return None
        return math.sqrt(self.high / self.low) - 1

    def times(self, factor: float) -> Estimate:
        """The same in another unit."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Estimate(self.value * factor, low, high, self.blocks)

    def rate(self, amount: float) -> Estimate:
        """``amount`` per estimate, e.g. tokens/s from seconds; the ends of the interval change places."""
        low = None if self.high is None else amount / self.high
        high = None if self.low is None else amount / self.low
        return Estimate(amount / self.value, low, high, self.blocks)


def over_blocks(medians: Mapping[int, float]) -> Estimate | None:
    """The geometric mean of block medians that are positive with its t interval; ``None`` if no block is left.

    The interval allows for neighbouring blocks that are alike, see :func:`correlation`; where they are not, it is
    Student's t with B - 1 degrees of freedom.
    """
    logs = _in_order(medians)
    if not logs:
        return None
    error = _variance_of_mean(logs, correlation(logs)) if len(logs) > 1 else None
    return _contrast(_mean(logs), error, len(logs)).ratio


def correlation(*series: Sequence[float]) -> float:
    """The correlation of values that follow each other, from 0 to :data:`MOST_CORRELATION`, as intervals allow for it.

    The lag-1 autocorrelation r of n values plus (2.5 + 3 r) / n: (1 + 3 r) / n is its bias (Kendall, 1954; Marriott and
    Pope, 1954), the rest was chosen by simulation (docs/statistics.md). Each of the ``series``, of two values at least
    in the order of time, counts by its length.
    """
    corrected = math.fsum((len(values) + 3) * lag_one(values) + _ADDED for values in series)
    return min(MOST_CORRELATION, max(0.0, corrected / sum(map(len, series))))


def lag_one(values: Sequence[float]) -> float:
    """The lag-1 autocorrelation of two values or more, as it is, in the order of time."""
    mean, squares = _mean(values), _squares(values)
    products = math.fsum((one - mean) * (other - mean) for one, other in itertools.pairwise(values))
    # Of values that do not differ every correlation is true; the lowest leaves their interval alone.
    return products / squares if squares else -1.0


def _in_order(medians: Mapping[int, float]) -> list[float]:
    """The logarithms in the order of the blocks."""
    return [math.log(value) for _, value in sorted(medians.items()) if value > 0]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A ratio, and its two-sided p-value: ``None`` where there is no interval."""

    ratio: Estimate
    p_value: float | None


def correlation_over(cells: Iterable[Mapping[int, float]]) -> float:
    """The :func:`correlation` of blocks over several cells, each with block medians; 0 where none has two blocks."""
    series = [logs for medians in cells if len(logs := _in_order(medians)) > 1]
    return correlation(*series) if series else 0.0


def between_runs(head: Mapping[int, float], base: Mapping[int, float], alike: float | None = None) -> Contrast | None:
    """How many times ``base`` the ``head`` is, of two runs: Welch's t on the logarithms of block medians.

    Both variances allow for neighbouring blocks that are alike, by one :func:`correlation` for both runs; it is
    ``alike`` where it was estimated over more cells than this one.
    """
    above, below = _in_order(head), _in_order(base)
    blocks = min(len(above), len(below))
    if blocks == 0:
        return None
    error = None
    if blocks > 1:
        shared = correlation(above, below) if alike is None else alike
        error = _welch([_variance_of_mean(logs, shared) for logs in (above, below)])
    return _contrast(_mean(above) - _mean(below), error, blocks)


def paired(head: Mapping[int, float], base: Mapping[int, float]) -> Contrast | None:
    """How many times ``base`` the ``head`` is, of two cells of one run: t on the log ratios of the blocks.

    Whatever slowed a block slowed both of its visits, and leaves the ratio alone. Blocks that only one has are left
    out; ``None`` if none is shared.
    """
    shared = sorted(block for block in head.keys() & base.keys() if head[block] > 0 and base[block] > 0)
    logs = [math.log(head[block]) - math.log(base[block]) for block in shared]
    count = len(logs)
    if count == 0:
        return None
    return _contrast(_mean(logs), (_variance(logs) / count, count - 1) if count > 1 else None, count)


@dataclass(frozen=True, slots=True)
class RunSpread:
    """The variance of the logarithms of one cell's estimates from run to run of the same software, and its freedom."""

    variance: float
    freedom: float


def run_spread(estimates: Sequence[float]) -> RunSpread | None:
    """The spread between runs that ``estimates`` of one cell show; ``None`` for fewer than two that are positive."""
    logs = [math.log(value) for value in estimates if value > 0]
    return RunSpread(_variance(logs), len(logs) - 1) if len(logs) > 1 else None


def against_runs(head: float, baselines: Sequence[float], spread: RunSpread | None = None) -> Contrast | None:
    """How many times its baselines a further run is, with the interval that predicts such a run.

    The interval is Student's t prediction interval on logarithms, ln(head / geometric mean) +- t * s * sqrt(1 + 1/n)
    with n - 1 degrees of freedom (Hahn and Meeker, Statistical Intervals, 1991, section 4.7).

    Returns:
        ``None`` without a positive baseline; a ratio without an interval where neither ``spread`` nor the baselines
        tell the spread between runs.
    """
    logs = [math.log(value) for value in baselines if value > 0]
    if not logs or not head > 0:
        return None
    count = len(logs)
    mean = math.log(head) - _mean(logs)
    known = spread or run_spread(baselines)
    return _contrast(mean, (known.variance * (1 + 1 / count), known.freedom) if known else None, count)


BORROWED = 4
"""Degrees of freedom with which the spread of a run's own blocks leans on that of its baselines' blocks."""


def against_blocks(head: Mapping[int, float], baselines: Sequence[Mapping[int, float]]) -> Contrast | None:
    """How many times its baselines a further run is, as far as its own blocks agree on that.

    Welch's t on the logarithms of block medians, baselines counting alike. The variance between the head's blocks is
    moderated as in Smyth (2004), by that within the baselines with :data:`BORROWED` degrees of freedom.

    Returns:
        ``None`` without a block on either side; a ratio without an interval where no side has two.
    """
    above = [math.log(value) for value in head.values() if value > 0]
    below = [logs for run in baselines if (logs := [math.log(value) for value in run.values() if value > 0])]
    if not above or not below:
        return None
    mean = _mean(above) - _mean([_mean(logs) for logs in below])
    blocks = min(len(above), *map(len, below))
    shared = sum(len(logs) - 1 for logs in below)
    own = len(above) - 1 + min(BORROWED, shared)
    if own == 0:
        return _contrast(mean, None, blocks)
    within = math.fsum(map(_squares, below)) / shared if shared else 0.0
    first = (_squares(above) + min(BORROWED, shared) * within) / own / len(above)
    second = within * math.fsum(1 / len(logs) for logs in below) / len(below) ** 2
    return _contrast(mean, _welch([(first, own), (second, shared)]), blocks)


def both(one: Contrast, other: Contrast) -> Contrast:
    """The wider of two intervals of one ratio with the larger of their p values: a claim has to stand by both.

    With more degrees of freedom the wider interval may have the smaller p value. Where either has no interval, it is
    the first alone.
    """
    if one.p_value is None or other.p_value is None:
        return one
    widths = [math.inf if ratio.half_width is None else ratio.half_width for ratio in (one.ratio, other.ratio)]
    return Contrast(other.ratio if widths[1] > widths[0] else one.ratio, max(one.p_value, other.p_value))


def _contrast(mean: float, error: tuple[float, float] | None, blocks: int) -> Contrast:
    """What a t test says of a mean of logarithms.

    ``error``: the variance of the mean and its degrees of freedom; ``None`` where they are unknown.
    """
    if error is None:
        return Contrast(Estimate(math.exp(mean), None, None, blocks), None)
    variance, freedom = error
    deviation = math.sqrt(variance)
    p_value = 2 * float(stdtr(freedom, -abs(mean) / deviation)) if deviation else float(mean == 0)
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * deviation
    # An interval that a float cannot hold says nothing.
    if not abs(mean) + half < 700:
        return Contrast(Estimate(math.exp(max(-700.0, min(700.0, mean))), None, None, blocks), p_value)
    return Contrast(Estimate(math.exp(mean), math.exp(mean - half), math.exp(mean + half), blocks), p_value)


def _welch(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The variance of a difference and its degrees of freedom, from those of its two sides."""
    spread = math.fsum(variance for variance, _ in parts)
    if spread == 0:
        return 0.0, 1
    return spread, spread**2 / math.fsum(variance**2 / count for variance, count in parts if count)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _squares(values: Sequence[float]) -> float:
    """The sum of the squares around the mean."""
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values)


def _variance(values: Sequence[float]) -> float:
    return _squares(values) / (len(values) - 1)


def _variance_of_mean(values: Sequence[float], alike: float) -> tuple[float, float]:
    """The variance of a mean, and its degrees of freedom, where neighbours are correlated by ``alike``, as in AR(1).

    n correlated values are worth n / v independent ones, v = 1 + 2 sum (1 - k / n) alike^k over the lags k; their sum
    of squares is expected to be n - v times the variance, with (1 - alike^2) / (1 + alike^2) of its degrees of freedom
    (Bayley and Hammersley, 1946), but at least two where there were two.
    """
    count = len(values)
    cost = (1 + alike) / (1 - alike) - 2 * alike * (1 - alike**count) / (count * (1 - alike) ** 2)
    freedom = (count - 1) * (1 - alike**2) / (1 + alike**2)
    return _squares(values) / (count - cost) * cost / count, max(freedom, min(2, count - 1))


_Name = TypeVar("_Name", bound=Hashable)


def holm(p_values: Mapping[_Name, float | None]) -> set[_Name]:
    """The names whose hypothesis falls, with at most 5 % of families holding a false one (Holm, 1979)."""
    known = [(value, name) for name, value in p_values.items() if value is not None]
    ordered = sorted(known, key=lambda one: one[0])
    fallen: set[_Name] = set()
    for place, (value, name) in enumerate(ordered):
        if value > (1 - CONFIDENCE) / (len(ordered) - place):
            break
        fallen.add(name)
    return fallen


def claim(ratio: Estimate, threshold: float, *, stands: bool) -> str:
    """``same``, ``higher``, ``lower`` or ``inconclusive``, checked in this order.

    ``same`` if the 95 % interval lies within the threshold; ``higher`` or ``lower`` if the difference stands and is
    beyond half the threshold.

    ``stands``: whether the difference is significant after :func:`holm`.
    """
    widest, half = 1 + threshold, 1 + threshold / 2
    if ratio.low is not None and ratio.high is not None and 1 / widest <= ratio.low and ratio.high <= widest:
        return "same"
    if stands and ratio.value > half:
        return "higher"
    if stands and ratio.value < 1 / half:
        return "lower"
    return "inconclusive"
