"""Who is fastest at each request shape, and who cannot be told apart from it; and who needs least memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.analyse.interval import Estimate, ratio
from bench.analyse.results import (
    METRICS,
    VERDICT_BLOCKS,
    CellResult,
    LoadResult,
    Measured,
    MemoryRanking,
    MemoryRival,
    Ranking,
    Rival,
)


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
        verdict=_verdict(measured.values()),
        winner=winner,
        rivals=tuple(sorted(rivals, key=lambda rival: (rival.ratio.value, rival.cell.cell_key))),
    )


def _rival(cell: CellResult, its: Mapping[int, float], winners: Mapping[int, float]) -> Rival | None:
    over = ratio(its, winners)
    return None if over is None else Rival(cell, over, _distinguishable(over))


def memory_rankings(cells: Sequence[CellResult]) -> list[MemoryRanking]:
    """One ranking per set of requests that loads answered, that of most loads first; measured ones before simulated.

    A load that failed at the longest prompt never held what that takes, so it is ranked with its like alone. A load
    whose peak is not known is in none.
    """
    loads = {cell.load.load_key: cell.load for cell in cells}
    answered: dict[str, set[tuple[int, int, int, bool]]] = {}
    for cell in cells:
        request = (cell.prompt_tokens, cell.new_tokens, cell.batch_size, cell.ask == "again")
        answered.setdefault(cell.load.load_key, set()).add(request)
    groups: dict[tuple[bool, tuple[tuple[int, int, int, bool], ...]], dict[str, tuple[LoadResult, Measured]]] = {}
    for key, load in loads.items():
        if load.peak_memory:
            group = groups.setdefault((load.simulated, tuple(sorted(answered[key]))), {})
            group[key] = load, load.peak_memory
    ordered = sorted(groups, key=lambda group: (group[0], -len(groups[group]), group[1]))
    return [_rank_memory(simulated, requests, groups[simulated, requests]) for simulated, requests in ordered]


def _rank_memory(
    simulated: bool,
    requests: Sequence[tuple[int, int, int, bool]],
    known: Mapping[str, tuple[LoadResult, Measured]],
) -> MemoryRanking:
    lowest = min(known, key=lambda key: (known[key][1].estimate.value, key))
    winner, least = known[lowest]
    rivals = _memory_rivals([known[key] for key in known if key != lowest], least.by_block)
    return MemoryRanking(
        shapes=tuple(dict.fromkeys(request[:3] for request in requests)),
        ask="again" if all(again for *_, again in requests) else "first",
        simulated=simulated,
        verdict=_verdict([peak for _, peak in known.values()]),
        winner=winner,
        rivals=tuple(sorted(rivals, key=lambda rival: (rival.ratio.value, rival.load.load_key))),
    )


def _memory_rivals(
    others: Sequence[tuple[LoadResult, Measured]], winners: Mapping[int, float]
) -> Iterator[MemoryRival]:
    for load, peak in others:
        over = ratio(peak.by_block, winners)
        if over is not None:
            yield MemoryRival(load, over, _distinguishable(over))


def _verdict(measured: Iterable[Measured]) -> bool:
    return min(value.estimate.blocks for value in measured) >= VERDICT_BLOCKS


def _distinguishable(over: Estimate) -> bool | None:
    if over.low is None or over.high is None:
        return None
    return over.low > 1 or over.high < 1
