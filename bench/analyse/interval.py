"""Estimates and their intervals: Student's t on the logarithms of block medians.

The worker process is the unit of sampling, so what enters here is one number per block, never single tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

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
    return _from_logs(logs) if logs else None


def ratio(numerator: Mapping[int, float], denominator: Mapping[int, float]) -> Estimate | None:
    """How many times ``denominator`` the ``numerator`` is, with its interval.

    Paired by block where at least two blocks have both, because whatever slowed a block slowed both; Welch's interval
    on the logarithms of block medians otherwise.
    """
    above = {block: math.log(value) for block, value in numerator.items() if value > 0}
    below = {block: math.log(value) for block, value in denominator.items() if value > 0}
    shared = sorted(above.keys() & below.keys())
    if len(shared) >= 2 or (shared and len(above) == len(below) == 1):
        return _from_logs([above[block] - below[block] for block in shared])
    if not above or not below:
        return None
    return _welch(list(above.values()), list(below.values()))


def _from_logs(logs: Sequence[float]) -> Estimate:
    count = len(logs)
    mean = math.fsum(logs) / count
    if count < 2:
        return Estimate(math.exp(mean), None, None, count)
    return _around(mean, math.sqrt(_variance(logs) / count), count - 1, count)


def _welch(above: Sequence[float], below: Sequence[float]) -> Estimate:
    difference = math.fsum(above) / len(above) - math.fsum(below) / len(below)
    blocks = min(len(above), len(below))
    if blocks < 2:
        return Estimate(math.exp(difference), None, None, blocks)
    first, second = _variance(above) / len(above), _variance(below) / len(below)
    spread = first + second
    if spread == 0:
        return _around(difference, 0.0, 1, blocks)
    # Welch-Satterthwaite.
    freedom = spread**2 / (first**2 / (len(above) - 1) + second**2 / (len(below) - 1))
    return _around(difference, math.sqrt(spread), freedom, blocks)


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _around(mean: float, standard_error: float, freedom: float, blocks: int) -> Estimate:
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * standard_error
    # An interval that a float cannot hold says nothing.
    if not abs(mean) + half < 700:
        return Estimate(math.exp(max(-700.0, min(700.0, mean))), None, None, blocks)
    return Estimate(math.exp(mean), math.exp(mean - half), math.exp(mean + half), blocks)
