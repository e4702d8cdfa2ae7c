"""Who stands how far behind the lowest, as marks on a logarithmic axis that the page draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analyse.interval import Estimate
from bench.analyse.results import LoadResult, Rival
from bench.report.drawing.ratio_axis import Mark, RatioAxis

MOST = 8
"""Of a large run, so many are drawn beside the lowest, and the last one in any case."""

# In percent of the width: room for a dot at either end.
_EDGE = 3.0
# An axis for an interval that reaches far beyond every estimate would press all others together.
_BEYOND = math.log(1.6)


@dataclass(frozen=True, slots=True)
class Rank:
    """One contestant and its ratio to the lowest one's value.

    Args:
        load: whose.
        name: as the page names it.
        ratio: above 1 means slower, or more.
        sides: what the ratio is of, where it rests on fewer blocks than the figure of the lowest; blank otherwise.
        mark: its places, in percent of the axis.
    """

    load: LoadResult
    name: str
    ratio: Estimate
    sides: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Ranks:
    """All that are drawn beside the lowest, nearest first.

    Args:
        even: where a ratio of 1 stands, in percent.
        lower: those that are told apart as lower over the blocks that they share with the lowest; nearly always none.
        tied: those that cannot be told apart from the lowest.
        rest: the others.
        left_out: how many more there are.
        untold: none has an interval, so nothing is said of any.
    """

    even: float
    lower: tuple[Rank, ...]
    tied: tuple[Rank, ...]
    rest: tuple[Rank, ...]
    left_out: int
    untold: bool


def ranks(
    rivals: Sequence[Rival[Any]],
    naming: Callable[[LoadResult], str],
    sides: Callable[[Rival[Any]], str],
) -> Ranks | None:
    """The marks of a ranking; ``None`` where nobody is there to be compared with.

    Args:
        rivals: nearest first.
        naming: of loads.
        sides: see :attr:`Rank.sides`.
    """
    if not rivals:
        return None
    tied = [rival for rival in rivals if not rival.distinguishable]
    lower = [rival for rival in rivals if rival.lower]
    rest = [rival for rival in rivals if rival.higher]
    near, far = tied[:MOST], _first_and_last(rest, max(2, MOST - len(tied)))
    axis = _axis([rival.ratio for rival in (*lower, *near, *far)])

    def rank(rival: Rival[Any]) -> Rank:
        return Rank(rival.load, naming(rival.load), rival.ratio, sides(rival), axis.mark(rival.ratio))

    return Ranks(
        axis.place(1.0),
        tuple(map(rank, lower)),
        tuple(map(rank, near)),
        tuple(map(rank, far)),
        len(rivals) - len(lower) - len(near) - len(far),
        all(rival.distinguishable is None for rival in rivals),
    )


def _first_and_last(ordered: Sequence[Rival[Any]], most: int) -> Sequence[Rival[Any]]:
    return ordered if len(ordered) <= most else [*ordered[: most - 1], ordered[-1]]


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
