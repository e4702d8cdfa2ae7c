"""Estimates and their intervals: Student's t on the logarithms of block medians.

The worker process is the unit of sampling, so what enters here is one number per block, never single tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
"""Of every interval in this project."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A geometric mean over blocks, in the unit of what was averaged.

    Args:
        value: the estimate; always positive.
        low: lower end of the 95 % interval; ``None`` where there is no interval (fewer than two blocks).
        high: upper end, ``None`` together with ``low``.
        blocks: how many blocks it rests on.
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
    """The geometric mean of block medians with its t interval (B - 1 degrees of freedom, on logarithms).

    Args:
        medians: block -> median; values that are not positive carry no logarithm and are left out.

    Returns:
        ``None`` if no block is left.
    """
    logs = [math.log(value) for value in medians.values() if value > 0]
    return _Shift.of_one(logs).estimate if logs else None


@dataclass(frozen=True, slots=True)
class Contrast:
    """A ratio, and how surprising it would be if there were no difference.

    Args:
        ratio: with its 95 % interval.
        p_value: two-sided; ``None`` where there is no interval.
    """

    ratio: Estimate
    p_value: float | None


def between_runs(head: Mapping[int, float], base: Mapping[int, float]) -> Contrast | None:
    """How many times ``base`` the ``head`` is, of two runs: Welch's t on the logarithms of block medians.

    Blocks of two runs have nothing in common but their number, so they are never paired.
    """
    above = [math.log(value) for value in head.values() if value > 0]
    below = [math.log(value) for value in base.values() if value > 0]
    return _Shift.of_two(above, below).contrast if above and below else None


def paired(head: Mapping[int, float], base: Mapping[int, float]) -> Contrast | None:
    """How many times ``base`` the ``head`` is, of two cells of one run: t on the log ratios of the blocks.

    Whatever slowed a block slowed both of its visits, and leaves the ratio alone. Blocks that only one has are left
    out; ``None`` if none is shared.
    """
    shared = sorted(block for block in head.keys() & base.keys() if head[block] > 0 and base[block] > 0)
    logs = [math.log(head[block]) - math.log(base[block]) for block in shared]
    return _Shift.of_one(logs).contrast if logs else None


@dataclass(frozen=True, slots=True)
class RunSpread:
    """How much the estimate of one cell differs from run to run of the same software on one machine.

    Args:
        variance: of the natural logarithms of the runs' estimates.
        freedom: degrees of freedom that it rests on.
    """

    variance: float
    freedom: float


def run_spread(estimates: Sequence[float]) -> RunSpread | None:
    """The spread between runs that ``estimates`` of one cell show; ``None`` for fewer than two that are positive."""
    logs = [math.log(value) for value in estimates if value > 0]
    return RunSpread(_variance(logs), len(logs) - 1) if len(logs) > 1 else None


def against_runs(head: float, baselines: Sequence[float], spread: RunSpread | None = None) -> Contrast | None:
    """How many times its baselines a further run is, with the interval that predicts such a run.

    The baselines sample what blocks cannot: a reboot, another place in memory, another day. The interval is Student's t
    prediction interval on logarithms, ln(head / geometric mean) +- t * s * sqrt(1 + 1/n) with n - 1 degrees of freedom
    (Hahn and Meeker, Statistical Intervals, 1991, section 4.7); a further run of the same software has a ratio whose
    interval holds 1 in 95 % of cases.

    Args:
        head: the estimate of the run in question; positive.
        baselines: the estimates of the runs that it is held against; those that are not positive are left out.
        spread: what is known of the spread between runs beside these baselines; in place of theirs.

    Returns:
        ``None`` without a baseline; a ratio without an interval where nothing tells the spread between runs.
    """
    logs = [math.log(value) for value in baselines if value > 0]
    if not logs or not head > 0:
        return None
    count = len(logs)
    mean = math.log(head) - _mean(logs)
    known = spread or run_spread(baselines)
    if known is None:
        return _Shift(mean, None, 0, count).contrast
    return _Shift(mean, math.sqrt(known.variance * (1 + 1 / count)), known.freedom, count).contrast


BORROWED = 4
"""Degrees of freedom with which the spread of a run's own blocks leans on that of its baselines' blocks."""


def against_blocks(head: Mapping[int, float], baselines: Sequence[Mapping[int, float]]) -> Contrast | None:
    """How many times its baselines a further run is, as far as its own blocks agree on that.

    :func:`against_runs` takes the run's estimate as one more draw of what the baselines drew. Where a block is held up
    rarely and for long, most runs have no such block, and the one that has it lies beyond all of them. But then its
    blocks do not agree: this is Welch's t on the logarithms of block medians, baselines counting alike. The variance
    between the head's blocks is moderated as in Smyth (2004), by that within the baselines with :data:`BORROWED`
    degrees of freedom, because three blocks alone tell too little of it.

    Args:
        head: block -> median of the run in question.
        baselines: the same of each run that it is held against.

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
        return _Shift(mean, None, 0, blocks).contrast
    within = math.fsum(map(_squares, below)) / shared if shared else 0.0
    first = (_squares(above) + min(BORROWED, shared) * within) / own / len(above)
    second = within * math.fsum(1 / len(logs) for logs in below) / len(below) ** 2
    return _Shift.of_variances(mean, [(first, own), (second, shared)], blocks).contrast


def both(one: Contrast, other: Contrast) -> Contrast:
    """The wider of two intervals of one ratio with the larger of their p values: a claim has to stand by both.

    With more degrees of freedom the wider interval may have the smaller p value. Where either tells nothing, it is the
    first alone.
    """
    if one.p_value is None or other.p_value is None:
        return one
    return Contrast(max((one.ratio, other.ratio), key=_width), max(one.p_value, other.p_value))


def _width(ratio: Estimate) -> float:
    return math.inf if ratio.half_width is None else ratio.half_width


@dataclass(frozen=True, slots=True)
class _Shift:
    """A mean on the logarithmic scale, as a t test sees it; no standard error below two blocks."""

    mean: float
    standard_error: float | None
    freedom: float
    blocks: int

    @classmethod
    def of_one(cls, logs: Sequence[float]) -> _Shift:
        count = len(logs)
        error = math.sqrt(_variance(logs) / count) if count > 1 else None
        return cls(_mean(logs), error, count - 1, count)

    @classmethod
    def of_two(cls, above: Sequence[float], below: Sequence[float]) -> _Shift:
        difference = _mean(above) - _mean(below)
        blocks = min(len(above), len(below))
        if blocks < 2:
            return cls(difference, None, 0, blocks)
        parts = [(_variance(logs) / len(logs), len(logs) - 1) for logs in (above, below)]
        return cls.of_variances(difference, parts, blocks)

    @classmethod
    def of_variances(cls, mean: float, parts: Sequence[tuple[float, float]], blocks: int) -> _Shift:
        """A difference whose variance is the sum of ``parts``, each with its degrees of freedom (Welch)."""
        spread = math.fsum(variance for variance, _ in parts)
        if spread == 0:
            return cls(mean, 0.0, 1, blocks)
        freedom = spread**2 / math.fsum(variance**2 / count for variance, count in parts if count)
        return cls(mean, math.sqrt(spread), freedom, blocks)

    @property
    def estimate(self) -> Estimate:
        if self.standard_error is None:
            return Estimate(math.exp(self.mean), None, None, self.blocks)
        return _around(self.mean, self.standard_error, self.freedom, self.blocks)

    @property
    def contrast(self) -> Contrast:
        return Contrast(self.estimate, self._p_value())

    def _p_value(self) -> float | None:
        if self.standard_error is None:
            return None
        if self.standard_error == 0:
            return float(self.mean == 0)
        return 2 * float(stdtr(self.freedom, -abs(self.mean) / self.standard_error))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _squares(values: Sequence[float]) -> float:
    """The sum of the squares around the mean."""
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values)


def _variance(values: Sequence[float]) -> float:
    return _squares(values) / (len(values) - 1)


def _around(mean: float, standard_error: float, freedom: float, blocks: int) -> Estimate:
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * standard_error
    # An interval that a float cannot hold says nothing.
    if not abs(mean) + half < 700:
        return Estimate(math.exp(max(-700.0, min(700.0, mean))), None, None, blocks)
    return Estimate(math.exp(mean), math.exp(mean - half), math.exp(mean + half), blocks)
