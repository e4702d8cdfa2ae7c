"""Latency against memory: which configurations no other beats in both."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyse.grouping import group_by
from bench.analyse.results import CellResult, Measured


@dataclass(frozen=True, slots=True)
class TradeoffPoint:
    """One cell with both figures.

    Args:
        tpot_ms: time per output token over the blocks that all points of the shape have.
        peak_bytes: peak memory of its processes, the median over the same blocks.
        best: no other cell of the same shape needs at most as much of both, and less of one (Pareto).
    """

    cell: CellResult
    tpot_ms: float
    peak_bytes: int
    best: bool


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """All cells of one request shape; measured and simulated ones are never mixed.

    Args:
        points: by memory, the smallest first.
    """

    prompt_tokens: int
    new_tokens: int
    batch_size: int
    simulated: bool
    points: tuple[TradeoffPoint, ...]


def tradeoffs(cells: Sequence[CellResult]) -> list[Tradeoff]:
    """One per shape that has at least two cells with both figures; there is nothing to trade otherwise.

    First asks alone: what is left of a prefix-cache hit is the decoding of the same answer.
    """
    known = [
        (cell, cell.tpot_ms, cell.load.peak_memory)
        for cell in cells
        if cell.tpot_ms and cell.load.peak_memory and cell.ask == "first"
    ]
    groups = group_by(
        known, lambda one: (one[0].batch_size, one[0].new_tokens, one[0].prompt_tokens, one[0].load.simulated)
    )
    return [
        Tradeoff(prompt_tokens, new_tokens, batch_size, simulated, points)
        for (batch_size, new_tokens, prompt_tokens, simulated), group in sorted(groups.items(), key=lambda one: one[0])
        if len(points := _points(group)) > 1
    ]


_Known = tuple[CellResult, Measured, Measured]
"""A cell, its time per output token, and its peak memory."""


def _points(known: Sequence[_Known]) -> tuple[TradeoffPoint, ...]:
    blocks, shown = _shared(known)
    figures = []
    for cell, tpot, peak in shown:
        within = tpot.within(blocks)
        assert within is not None
        peak_bytes = round(statistics.median(peak.by_block[block] for block in blocks))
        figures.append((peak_bytes, within.estimate.value, cell))

    def beaten(peak: int, tpot: float) -> bool:
        return any(p <= peak and t <= tpot and (p, t) != (peak, tpot) for p, t, _ in figures)

    ordered = sorted(figures, key=lambda one: (one[0], one[1], one[2].cell_key))
    return tuple(TradeoffPoint(cell, tpot, peak, not beaten(peak, tpot)) for peak, tpot, cell in ordered)


def _shared(known: Sequence[_Known]) -> tuple[set[int], list[_Known]]:
    """The blocks that cells have in common, and these cells.

    A cell that shares no block with those that have more of them is left out: its figures are of another time.
    """
    both = [(one, one[1].by_block.keys() & one[2].by_block.keys()) for one in known]
    blocks: set[int] = set()
    shown: list[_Known] = []
    for one, its in sorted(both, key=lambda pair: -len(pair[1])):
        common = blocks & its if shown else its
        if common:
            blocks = common
            shown.append(one)
    return blocks, shown
