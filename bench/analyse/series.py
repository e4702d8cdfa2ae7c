"""What a series of times looks like beside its mean: drift, trend, two modes, outliers. All on logarithms.

Each looks for one thing, says how large it is, and is silent where the series is too short to tell. The bounds are
such that a log-normal series of independent values is called in less than two cases of a hundred by each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr
from scipy.stats import kendalltau

SURE = 0.01
"""Above this p-value a drift or a trend may well be chance."""
SIZE = 1.03
"""A drift or trend smaller than this factor is left alone."""
MODES_APART = 1.05
OUTLYING = 1.2
SCORE = 5.0
"""Modified z-score below which no value is an outlier; of few values it is more."""

_FEWEST_BLOCKS = 6
_GRAIN = 0.01
"""The least spread, as a share, against which an outlier is measured: a clock's own grain is none."""


@dataclass(frozen=True, slots=True)
class Change:
    """A series that goes one way.

    Args:
        ratio: its end over its beginning; above 1 is slower.
        p_value: how probable that is by chance.
    """

    ratio: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Modes:
    """Blocks in two groups.

    Args:
        low: geometric mean of the quicker group.
        high: of the slower one.
        low_blocks: which blocks are in the quicker group.
        high_blocks: which are in the slower one.
    """

    low: float
    high: float
    low_blocks: tuple[int, ...]
    high_blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A value far from the others.

    Args:
        block: in which block.
        ratio: the value over the median of all blocks, or of its block.
        estimate: the cell's estimate with it.
        without: the cell's estimate without it.
        ordinal: which generation of the block, from 0; ``None`` where the block itself is meant.
    """

    block: int
    ratio: float
    estimate: float
    without: float
    ordinal: int | None = None


def block_medians(blocks: Any, values: Any) -> dict[int, float]:
    """Block -> median of its positive values.

    Args:
        blocks: int array [generations].
        values: float array [generations].
    """
    kept = values > 0
    return {int(block): float(np.median(values[kept & (blocks == block)])) for block in np.unique(blocks[kept])}


def drift(medians: Mapping[int, float]) -> Change | None:
    """Whether the blocks went one way: Kendall's rank correlation with time, and the size by the median slope.

    Six blocks are the fewest that can tell.
    """
    order = sorted(medians)
    logs = [math.log(medians[block]) for block in order]
    if len(logs) < 3 or max(logs) == min(logs):
        return None
    p_value = float(kendalltau(order, logs).pvalue)
    slopes = [
        (logs[later] - logs[earlier]) / (order[later] - order[earlier])
        for later in range(len(order))
        for earlier in range(later)
    ]
    ratio = math.exp(float(np.median(slopes)) * (order[-1] - order[0]))
    return _change(ratio, p_value)


def trend(blocks: Any, values: Any) -> Change | None:
    """Whether generations of one process still went one way: t on the slopes of the blocks, three of them at least.

    Args:
        blocks: int array [generations], the block of each.
        values: float array [generations], in the order in which they were measured.
    """
    rises = []
    for block in np.unique(blocks):
        mine = values[blocks == block]
        if len(mine) >= 3 and bool(np.all(mine > 0)):
            places = np.arange(len(mine)) - (len(mine) - 1) / 2
            slope = float((places * np.log(mine)).sum() / (places**2).sum())
            rises.append(slope * (len(mine) - 1))
    if len(rises) < 3:
        return None
    error = float(np.std(rises, ddof=1)) / math.sqrt(len(rises))
    mean = float(np.mean(rises))
    if error == 0:
        return None
    return _change(math.exp(mean), 2 * float(stdtr(len(rises) - 1, -abs(mean) / error)))


def _change(ratio: float, p_value: float) -> Change | None:
    if not p_value < SURE or max(ratio, 1 / ratio) < SIZE:
        return None
    return Change(ratio, p_value)


def modes(medians: Mapping[int, float]) -> Modes | None:
    """Whether the blocks fall into two groups: the best split in two, of two blocks or more each.

    The best split of normal values is never small, the less the fewer there are, so what it is held against depends on
    their number; the bound is the 99.5 % point of simulated normal series, a little rounded up.
    """
    order = sorted(medians, key=lambda block: medians[block])
    count = len(order)
    if count < _FEWEST_BLOCKS:
        return None
    logs = np.log([medians[block] for block in order])
    splits = range(2, count - 1)
    within = [_squares(logs[:place]) + _squares(logs[place:]) for place in splits]
    least = int(np.argmin(within))
    place = splits[least]
    low, high = float(logs[:place].mean()), float(logs[place:].mean())
    deviation = max(math.sqrt(within[least] / (count - 2)), _GRAIN / 10)
    if high - low < math.log(MODES_APART) or high - low < (3 + 40 / count) * deviation:
        return None
    return Modes(math.exp(low), math.exp(high), tuple(sorted(order[:place])), tuple(sorted(order[place:])))


def _squares(logs: Any) -> float:
    return float(((logs - logs.mean()) ** 2).sum())


def outlying_blocks(medians: Mapping[int, float]) -> list[Outlier]:
    """Blocks far from the median of all, each with what the estimate would be without it; of six blocks or more."""
    order = sorted(medians)
    if len(order) < _FEWEST_BLOCKS:
        return []
    logs = np.log([medians[block] for block in order])
    away = logs - np.median(logs)
    return [
        Outlier(order[index], math.exp(away[index]), _mean(logs), _mean(np.delete(logs, index)))
        # The spread of few values is often small by chance.
        for index in _outlying(away, away, 4.5 + 240 / len(order) ** 2)
    ]


def outlying_generations(blocks: Any, values: Any) -> list[Outlier]:
    """Generations far from the median of their own block, each with what the estimate would be without it.

    How much blocks differ is no matter here. Blocks of fewer than three generations tell nothing.

    Args:
        blocks: int array [generations], the block of each.
        values: float array [generations]; positive.
    """
    medians = block_medians(blocks, values)
    away = np.log(values) - np.log([medians[int(block)] for block in blocks])
    spread = away[away != 0]
    if len(away) < 3 * len(medians) or len(spread) == 0:
        return []
    found = []
    for index in _outlying(away, spread, 5 + 20 / len(away)):
        block = int(blocks[index])
        ordinal = int(np.count_nonzero(blocks[:index] == block))
        without = block_medians(np.delete(blocks, index), np.delete(values, index))
        with_it, without_it = (_mean(np.log(list(one.values()))) for one in (medians, without))
        found.append(Outlier(block, math.exp(away[index]), with_it, without_it, ordinal))
    return found


def _outlying(away: Any, spread: Any, bound: float) -> list[int]:
    """Places whose modified z-score (Iglewicz and Hoaglin, 1993) is beyond ``bound``, and that are far away besides."""
    deviation = max(float(np.median(np.abs(spread))), 0.6745 * _GRAIN)
    beyond = (0.6745 * np.abs(away) / deviation > max(SCORE, bound)) & (np.abs(away) > math.log(OUTLYING))
    return [int(index) for index in np.flatnonzero(beyond)]


def _mean(logs: Any) -> float:
    return math.exp(float(np.mean(logs)))
