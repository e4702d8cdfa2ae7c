"""Figures with their intervals, and what may be said of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import stdtrit

from bench.analyse.interval import CONFIDENCE, Estimate


def verdict(estimate: Estimate, goal: float) -> str:
    """Whether a ratio is 1.00 within ``goal``; the interval has to lie on one side of the line to say so.

    Args:
        estimate: a ratio that should be 1.
        goal: allowed deviation, e.g. 0.005.
    """
    if estimate.low is None or estimate.high is None:
        return "cannot tell"
    if 1 - goal <= estimate.low and estimate.high <= 1 + goal:
        return "within the goal"
    if estimate.low > 1 + goal or estimate.high < 1 - goal:
        return "outside the goal"
    return "cannot tell"


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean and its 95 % t interval; for differences and shares, which may be 0 and so have no logarithm.

    Args:
        values: independent observations, two at least.
    """
    count = len(values)
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * math.sqrt(variance / count)
    return mean, mean - half, mean + half
