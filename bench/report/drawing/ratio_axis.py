"""A logarithmic axis of ratios, and the marks on it that the pages draw."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.analyse.interval import Estimate


@dataclass(frozen=True, slots=True)
class Mark:
    """One ratio on the axis.

    Args:
        place: of the estimate.
        low: left end of its interval; ``None`` without one.
        high: right end.
        open_low: the interval goes on beyond the axis.
        open_high: the same at the other end.
    """

    place: float
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True, slots=True)
class RatioAxis:
    """Args: the natural logarithms of the ratios at its ends, and where these are drawn."""

    low: float
    high: float
    left: float
    right: float

    def place(self, ratio: float) -> float:
        """Where a ratio stands; one beyond an end stands there."""
        share = (math.log(ratio) - self.low) / (self.high - self.low)
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def mark(self, ratio: Estimate) -> Mark:
        """Where a ratio and its interval stand."""
        if ratio.low is None or ratio.high is None:
            return Mark(self.place(ratio.value))
        return Mark(
            self.place(ratio.value),
            self.place(ratio.low),
            self.place(ratio.high),
            open_low=math.log(ratio.low) < self.low,
            open_high=math.log(ratio.high) > self.high,
        )
