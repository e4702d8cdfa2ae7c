"""Drift, trend, two modes and outliers of a series of times, all on logarithms.

The bounds are such that each test calls a log-normal series of independent values in less than two cases of a hundred;
by the p-values a run of many series is judged as a whole. A series that is too short is never called.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import stdtr

SURE = 0.01
"""Above this p-value a drift or a trend may well be chance."""
SIZE = 1.03
"""A drift or trend smaller than this factor is left alone."""
MODES_APART = 1.05
OUTLYING = 1.2
SCORE = 5.0
"""Modified z-score below which no value is an outlier; of few values it is more."""

FEWEST_BLOCKS = 6
"""Fewer show no drift, no two modes, no outlying block and no alike neighbours."""
FEWEST_TRENDS = 3
"""Blocks of three generations at least that it takes to see a trend."""

_DRAWS, _FREEDOM = 100_000, 5
"""Series that a statistic without a known distribution is compared with, and Student's t that they are drawn from."""
_PERMUTATIONS = 9_999
_GRAIN = 0.01
"""The least spread, as a share, against which an outlier is measured: a clock's own grain is none."""


@dataclass(frozen=True, slots=True)
class Change:
    """A series that goes one way: its end over its beginning, above 1 is slower, and the p-value of that."""

    ratio: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Modes:
    """Blocks in two groups, the faster one being the low one.

    Args:
        low: geometric mean of the group, as ``high``.
        p_value: how probable a split that is as clear is among as many independent values with heavy tails.
    """

    low: float
    high: float
    low_blocks: tuple[int, ...]
    high_blocks: tuple[int, ...]
    p_value: float


@dataclass(frozen=True, slots=True)
class Outlier:
    """A value far from the others.

    Args:
        ratio: the value over the median of all blocks, or of its block.
        estimate: of the cell with it; ``without`` is that without it.
        ordinal: which generation of the block, from 0; ``None`` where the block itself is meant.
        p_value: of a block: how probable it is that one of as many independent values with heavy tails is as far.
    """

    block: int
    ratio: float
    estimate: float
    without: float
    ordinal: int | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Alike:
    """Blocks that resemble the one before.

    Args:
        correlation: of a block with the next, the mean over the series; independent blocks have ``-1 / blocks``.
        p_value: how probable one as large is where the order of the blocks does not matter.
    """

    correlation: float
    blocks: int
    p_value: float


def block_medians(blocks: Any, values: Any) -> dict[int, float]:
    """Block -> median of its positive values; ``blocks`` and ``values`` are arrays [generations]."""
    kept = values > 0
    return {int(block): float(np.median(values[kept & (blocks == block)])) for block in np.unique(blocks[kept])}


def drift(medians: Mapping[int, float]) -> Change | None:
    """Whether the blocks went one way: Kendall's rank correlation with time, and the size by the median slope.

    Fewer than :data:`FEWEST_BLOCKS` have no p-value below :data:`SURE`.
    """
    order = sorted(medians)
    logs = [math.log(medians[block]) for block in order]
    if len(logs) < FEWEST_BLOCKS or max(logs) == min(logs):
        return None
    from scipy.stats import kendalltau, theilslopes  # noqa: PLC0415 - takes as long to import as pandas and matplotlib

    p_value = float(kendalltau(order, logs).pvalue)
    slope = float(theilslopes(logs, order).slope)
    return _change(math.exp(slope * (order[-1] - order[0])), p_value)


def trend(blocks: Any, values: Any) -> Change | None:
    """Whether generations of one process still went one way: t on the slopes of the blocks, three of them at least.

    ``blocks`` and ``values`` are arrays [generations], in the order in which they were measured.
    """
    rises = []
    for block in np.unique(blocks):
        mine = values[blocks == block]
        if len(mine) >= 3 and bool(np.all(mine > 0)):
            places = np.arange(len(mine)) - (len(mine) - 1) / 2
            slope = float((places * np.log(mine)).sum() / (places**2).sum())
            rises.append(slope * (len(mine) - 1))
    if len(rises) < FEWEST_TRENDS:
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

    The best split of normal values is never small, the less the fewer there are, so its bound depends on their number:
    the 99.5 % point of simulated normal series, a little rounded up.
    """
    order = sorted(medians, key=lambda block: medians[block])
    count = len(order)
    if count < FEWEST_BLOCKS:
        return None
    logs = np.log([medians[block] for block in order])
    (place,), (gap,), (spread,) = _best_split(logs[None])
    deviation = max(float(spread), _GRAIN / 10)
    if gap < math.log(MODES_APART) or gap < (3 + 40 / count) * deviation:
        return None
    low, high = float(logs[:place].mean()), float(logs[place:].mean())
    return Modes(
        math.exp(low),
        math.exp(high),
        tuple(sorted(order[:place])),
        tuple(sorted(order[place:])),
        _p_value(_reference_gaps(count), gap / deviation),
    )


def _best_split(ordered: Any) -> tuple[Any, Any, Any]:
    """Per row the place where two groups begin and end, how far their means are apart, and the deviation within them.

    ``ordered``: float array [series, values], each row ascending; six values at least.
    """
    count = ordered.shape[1]
    places = np.arange(2, count - 1)
    centred = ordered - ordered.mean(axis=1, keepdims=True)
    lower = np.cumsum(centred, axis=1)[:, places - 1]
    # Sums of squares: what two groups leave of the whole is what their means do not explain.
    explained = lower**2 / places + lower**2 / (count - places)
    best = np.argmax(explained, axis=1)
    rows = np.arange(len(ordered))
    place = places[best]
    within = np.maximum((centred**2).sum(axis=1) - explained[rows, best], 0)
    gap = -lower[rows, best] * (1 / place + 1 / (count - place))
    return place, gap, np.sqrt(within / (count - 2))


def outlying_blocks(medians: Mapping[int, float]) -> list[Outlier]:
    """Blocks far from the median of all, each with what the estimate would be without it; of six blocks or more."""
    order = sorted(medians)
    count = len(order)
    if count < FEWEST_BLOCKS:
        return []
    logs = np.log([medians[block] for block in order])
    away = logs - np.median(logs)
    return [
        Outlier(
            order[index],
            math.exp(away[index]),
            _mean(logs),
            _mean(np.delete(logs, index)),
            p_value=_p_value(_reference_scores(count), _score(away, away)[index]),
        )
        # The spread of few values is often small by chance.
        for index in _outlying(away, away, 4.5 + 240 / count**2)
    ]


def alike_neighbours(series: Sequence[Mapping[int, float]]) -> Alike | None:
    """Whether blocks resemble the one before, over all series of a run together.

    A permutation test of the lag-1 autocorrelation. A block affects all cells of a run, so the series are not
    independent, and the blocks change places in all of them at once.

    ``series``: block -> median, one per cell and metric.
    """
    blocks = sorted({block for medians in series for block in medians})
    known = [row for row in (_standardized(medians, blocks) for medians in series) if row is not None]
    if len(blocks) < FEWEST_BLOCKS or not known:
        return None
    rows = np.array(known)
    products = rows.T @ rows / len(rows)
    order: Any = np.arange(len(blocks))
    found = float(products[order[:-1], order[1:]].sum())
    drawn = np.random.default_rng(1).permuted(np.tile(order, (_PERMUTATIONS, 1)), axis=1)
    shuffled = products[drawn[:, :-1], drawn[:, 1:]].sum(axis=1)
    # Rounding must not make two sums of the same products differ.
    p_value = _p_value(np.sort(shuffled), found - 1e-9)
    return Alike(found, len(blocks), p_value) if p_value < SURE else None


def _standardized(medians: Mapping[int, float], blocks: Sequence[int]) -> Any:
    """The logarithms around their mean, of length 1; 0 where a block is missing. ``None`` if they do not vary."""
    logs = np.array([math.log(medians[block]) if block in medians else math.nan for block in blocks])
    centred = np.nan_to_num(logs - np.nanmean(logs))
    length = float(np.sqrt((centred**2).sum()))
    return centred / length if length > 1e-12 else None


def _p_value(drawn: Any, seen: float) -> float:
    """The share of ``drawn``, which ascend, that reach ``seen``; what was seen counts as one of them."""
    reached = len(drawn) - int(np.searchsorted(drawn, seen, side="left"))
    return (reached + 1) / (len(drawn) + 1)


@lru_cache(maxsize=16)
def _reference_gaps(count: int) -> Any:
    """How clear the best split of ``count`` independent values is, in deviations within the groups, ascending."""
    splits = (_best_split(np.sort(values, axis=1)) for values in _reference(count))
    return np.sort(np.concatenate([gap / spread for _, gap, spread in splits]))


@lru_cache(maxsize=16)
def _reference_scores(count: int) -> Any:
    """How far the farthest of ``count`` independent values lies away, as a modified z-score, ascending."""
    away = (values - np.median(values, axis=1, keepdims=True) for values in _reference(count))
    spreads = ((one, np.median(np.abs(one), axis=1)) for one in away)
    return np.sort(np.concatenate([0.6745 * np.abs(one).max(axis=1) / spread for one, spread in spreads]))


def _reference(count: int) -> Iterator[Any]:
    """Independent values with tails as heavy as blocks have where something now and then holds up a few answers."""
    drawn = np.random.default_rng(count)
    for _ in range(10):
        yield drawn.standard_t(_FREEDOM, (_DRAWS // 10, count))


def outlying_generations(blocks: Any, values: Any) -> list[Outlier]:
    """Generations far from the median of their own block, each with what the estimate would be without it.

    How much blocks differ does not matter here. Blocks of fewer than three generations tell nothing. ``blocks`` and
    ``values``, which are positive, are arrays [generations].
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
    beyond = (_score(away, spread) > max(SCORE, bound)) & (np.abs(away) > math.log(OUTLYING))
    return [int(index) for index in np.flatnonzero(beyond)]


def _score(away: Any, spread: Any) -> Any:
    deviation = max(float(np.median(np.abs(spread))), 0.6745 * _GRAIN)
    return 0.6745 * np.abs(away) / deviation


def _mean(logs: Any) -> float:
    return math.exp(float(np.mean(logs)))
