"""Latency against memory: which configurations no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyse.results import CellResult


@dataclass(frozen=True, slots=True)
class TradeoffPoint:
    """One cell with both figures.

    Args:
        tpot_ms: time per output token, the estimate.
        peak_bytes: peak memory of its processes, the median over them.
        best: no other cell of the same shape needs at most as much of both, and less of one (Pareto).
    """

    cell: CellResult
    tpot_ms: float
    peak_bytes: int
    best: bool


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """All cells of one request shape; measured and simulated ones are kept apart.

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
    groups: dict[tuple[int, int, int, bool], list[tuple[int, float, CellResult]]] = {}
    for cell in cells:
        peak = cell.load.peak_memory_bytes
        if cell.tpot_ms is not None and peak and cell.ask == "first":
            key = (cell.batch_size, cell.new_tokens, cell.prompt_tokens, cell.load.simulated)
            groups.setdefault(key, []).append((peak, cell.tpot_ms.estimate.value, cell))
    return [
        Tradeoff(prompt_tokens, new_tokens, batch_size, simulated, _points(known))
        for (batch_size, new_tokens, prompt_tokens, simulated), known in sorted(groups.items(), key=lambda one: one[0])
        if len(known) > 1
    ]


def _points(known: Sequence[tuple[int, float, CellResult]]) -> tuple[TradeoffPoint, ...]:
    def beaten(peak: int, tpot: float) -> bool:
        return any(p <= peak and t <= tpot and (p, t) != (peak, tpot) for p, t, _ in known)

    ordered = sorted(known, key=lambda one: (one[0], one[1], one[2].cell_key))
    return tuple(TradeoffPoint(cell, tpot, peak, not beaten(peak, tpot)) for peak, tpot, cell in ordered)
