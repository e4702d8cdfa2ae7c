"""Latency against memory, or against the quality of the answers: which configurations no other beats in both."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.analyse.grouping import group_by
from bench.analyse.interval import over_blocks
from bench.analyse.results import CellResult
from bench.plan.cells import Request

Against = Literal["memory", "perplexity"]
"""What latency is traded for: peak memory in bytes, or perplexity over that of the reference."""


@dataclass(frozen=True, slots=True)
class TradeoffPoint:
    """One cell with both figures.

    Args:
        tpot_ms: time per output token over the blocks that all points of the shape have.
        cost: the other figure, see :data:`Against`; of memory the median over the same blocks.
        best: no other cell of the same shape needs at most as much of both, and less of one (Pareto). A broken load is
            never among the best, and beats nobody.
    """

    cell: CellResult
    tpot_ms: float
    cost: float
    best: bool


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """All cells of one request shape; measured and simulated ones are never mixed."""

    against: Against
    shape: Request
    simulated: bool
    points: tuple[TradeoffPoint, ...]


def tradeoffs(cells: Sequence[CellResult], against: Against = "memory") -> list[Tradeoff]:
    """One per shape that has at least two cells with both figures, and one that is not broken.

    First asks alone: what is left of a prefix-cache hit is the decoding of the same answer.
    """
    known = [
        (cell, cell.tpot_ms.by_block, costs)
        for cell in cells
        if cell.tpot_ms and cell.ask == "first" and (costs := _costs(cell, against))
    ]
    groups = group_by(known, lambda one: (one[0].shape, one[0].load.simulated))
    return [
        Tradeoff(against, shape, simulated, points)
        for (shape, simulated), group in sorted(groups.items(), key=lambda one: (one[0][0][::-1], one[0][1]))
        if len(points := _points(group)) > 1 and any(point.best for point in points)
    ]


_ByBlock = Mapping[int, float]
_Known = tuple[CellResult, _ByBlock, _ByBlock]
"""A cell, its times per output token in ms, and its costs."""


def _costs(cell: CellResult, against: Against) -> _ByBlock:
    """By block; empty where they are not known. A load's perplexity is the same in each.

    A ratio counts in hundredths: what is below is chance of the texts, and would leave the slowest of the faithful
    unbeaten.
    """
    if against == "memory":
        return cell.load.peak_memory.by_block if cell.load.peak_memory else {}
    ratio = cell.load.quality.ratio if cell.load.quality else None
    return dict.fromkeys(cell.tpot_ms.by_block, round(ratio.value, 2)) if ratio and cell.tpot_ms else {}


def _points(known: Sequence[_Known]) -> tuple[TradeoffPoint, ...]:
    blocks, shown = _shared(known)
    figures = []
    for cell, tpots, costs in shown:
        tpot = over_blocks({block: tpots[block] for block in blocks})
        assert tpot is not None
        figures.append((statistics.median(costs[block] for block in blocks), tpot.value, cell))

    def best(cost: float, tpot: float, cell: CellResult) -> bool:
        beaten = any(
            c <= cost and t <= tpot and (c, t) != (cost, tpot) for c, t, other in figures if not other.load.broken
        )
        return not beaten and not cell.load.broken

    ordered = sorted(figures, key=lambda one: (one[0], one[1], one[2].cell_key))
    return tuple(TradeoffPoint(cell, tpot, cost, best(cost, tpot, cell)) for cost, tpot, cell in ordered)


def _shared(known: Sequence[_Known]) -> tuple[set[int], list[_Known]]:
    """The blocks that cells have in common, and these cells.

    A cell that shares no block with those that have more of them is left out: its figures are of another time.
    """
    both = [(one, one[1].keys() & one[2].keys()) for one in known]
    blocks: set[int] = set()
    shown: list[_Known] = []
    for one, its in sorted(both, key=lambda pair: -len(pair[1])):
        common = blocks & its if shown else its
        if common:
            blocks = common
            shown.append(one)
    return blocks, shown
