"""Who is fastest at each request shape, and who cannot be told apart from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.analyse.interval import Estimate, ratio
from bench.analyse.results import METRICS, VERDICT_BLOCKS, CellResult, Measured, Ranking, Rival


def rankings(cells: Sequence[CellResult]) -> list[Ranking]:
    """One ranking per shape and metric; simulated cells and prefix-cache hits are kept apart from the others."""
    groups: dict[tuple[int, int, int, bool, bool], list[CellResult]] = {}
    for cell in cells:
        shape = (cell.prompt_tokens, cell.new_tokens, cell.batch_size, cell.ask == "again", cell.load.simulated)
        groups.setdefault(shape, []).append(cell)
    found = (_rank(metric, groups[shape]) for shape in sorted(groups) for metric in METRICS)
    return [ranking for ranking in found if ranking]


def _rank(metric: str, cells: Sequence[CellResult]) -> Ranking | None:
    measured: dict[str, Measured] = {}
    for cell in cells:
        value: Measured | None = getattr(cell, metric)
        if value:
            measured[cell.cell_key] = value
    contestants = [cell for cell in cells if cell.cell_key in measured]
    if not contestants:
        return None
    winner = min(contestants, key=lambda cell: (measured[cell.cell_key].estimate.value, cell.cell_key))
    rivals = [
        rival
        for cell in contestants
        if cell is not winner
        and (rival := _rival(cell, measured[cell.cell_key].by_block, measured[winner.cell_key].by_block))
    ]
    return Ranking(
        metric=metric,
        prompt_tokens=winner.prompt_tokens,
        new_tokens=winner.new_tokens,
        batch_size=winner.batch_size,
        ask=winner.ask,
        simulated=winner.load.simulated,
        verdict=min(value.estimate.blocks for value in measured.values()) >= VERDICT_BLOCKS,
        winner=winner,
        rivals=tuple(sorted(rivals, key=lambda rival: (rival.ratio.value, rival.cell.cell_key))),
    )


def _rival(cell: CellResult, its: Mapping[int, float], winners: Mapping[int, float]) -> Rival | None:
    over = ratio(its, winners)
    return None if over is None else Rival(cell, over, _distinguishable(over))


def _distinguishable(over: Estimate) -> bool | None:
    if over.low is None or over.high is None:
        return None
    return over.low > 1 or over.high < 1
