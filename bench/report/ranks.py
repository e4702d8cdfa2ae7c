"""Who stands how far behind the lowest, on a logarithmic axis that the page draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.analyse.interval import Estimate
from bench.analyse.results import Rival

MOST = 8
"""Of a large run, so many are drawn beside the lowest, and the last one in any case."""

# In percent of the width: room for a dot at either end.
_EDGE = 3.0
# An axis for an interval that reaches far beyond every estimate would press all others together.
_BEYOND = math.log(1.6)

Rivals = Sequence[Rival[Any]]


@dataclass(frozen=True, slots=True)
class Mark:
    """One ratio on the axis and the ends of its interval; an open end goes on beyond the axis."""

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
        if ratio.low is None or ratio.high is None:
            return Mark(self.place(ratio.value))
        return Mark(
            self.place(ratio.value),
            self.place(ratio.low),
            self.place(ratio.high),
            open_low=math.log(ratio.low) < self.low,
            open_high=math.log(ratio.high) > self.high,
        )


@dataclass(frozen=True, slots=True)
class Ranks:
    """All that are drawn beside the lowest, nearest first, and the axis of their ratios, in percent.

    Args:
        lower: those that are told apart as lower over the blocks that they share with the lowest; nearly always none.
        tied: those that cannot be told apart from the lowest.
        left_out: how many more there are.
        untold: none has an interval, so nothing is said of any.
    """

    axis: RatioAxis
    lower: Rivals
    tied: Rivals
    rest: Rivals
    left_out: int
    untold: bool


def ranks(rivals: Rivals) -> Ranks | None:
    """The marks of a ranking, its rivals nearest first; ``None`` where nobody is there to be compared with."""
    if not rivals:
        return None
    near = [rival for rival in rivals if not rival.distinguishable][:MOST]
    lower = [rival for rival in rivals if rival.lower]
    rest = [rival for rival in rivals if rival.higher]
    room = max(2, MOST - len(near))
    far = rest if len(rest) <= room else [*rest[: room - 1], rest[-1]]
    shown = [*lower, *near, *far]
    untold = all(rival.distinguishable is None for rival in rivals)
    return Ranks(_axis([rival.ratio for rival in shown]), lower, near, far, len(rivals) - len(shown), untold)


def _axis(ratios: Sequence[Estimate]) -> RatioAxis:
    """In percent; it holds 1, every estimate, and most of the intervals."""
    values = [math.log(ratio.value) for ratio in ratios]
    lows = [math.log(ratio.low) for ratio in ratios if ratio.low is not None]
    highs = [math.log(ratio.high) for ratio in ratios if ratio.high is not None]
    bottom, top = min(0.0, *values), max(0.0, *values)
    low = max(min(bottom, *lows), bottom - _BEYOND) if lows else bottom
    high = min(max(top, *highs), top + _BEYOND) if highs else top
    span = max(high - low, 0.01)
    room = _EDGE / (100 - 2 * _EDGE) * span
    return RatioAxis(low - room, low + span + room, 0.0, 100.0)
