"""Who is fastest at each request shape, and who cannot be distinguished from it; and who needs least memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

from bench.analyse.grouping import group_by
from bench.analyse.interval import Contrast, Estimate, holm, paired
from bench.analyse.results import VERDICT_BLOCKS, CellResult, LoadResult, Measured, Ranking, Rival
from bench.metrics import RANKED
from bench.plan.cells import Request

_Contestant = TypeVar("_Contestant", CellResult, LoadResult)


def rankings(cells: Sequence[CellResult]) -> list[Ranking[CellResult]]:
    """One ranking per shape and metric; simulated cells and prefix-cache hits are kept apart from the others.

    Broken loads take no part: a wrong answer is worth nothing however fast it comes.
    """
    groups = group_by(cells, _kind)
    found = (_rank(metric, groups[kind]) for kind in sorted(groups) for metric in RANKED)
    return [ranking for ranking in found if ranking]


def faithful_rankings(cells: Sequence[CellResult], found: Sequence[Ranking[CellResult]]) -> list[Ranking[CellResult]]:
    """The rankings among the faithful alone, where others take part in ``found``, the :func:`rankings` of the cells."""
    faithful = group_by([cell for cell in cells if cell.load.faithful], _kind)
    own = ((one, faithful.get(_kind(one.winner), [])) for one in found)
    fewer = (
        _rank(one.metric, cells)
        for one, cells in own
        if sum(bool(getattr(cell, one.metric)) for cell in cells) < len(one.contestants)
    )
    return [ranking for ranking in fewer if ranking]


def _rank(metric: str, cells: Sequence[CellResult]) -> Ranking[CellResult] | None:
    measured = [(cell, value) for cell in cells if (value := getattr(cell, metric))]
    known = {cell.cell_key: (cell, value) for cell, value in measured if not cell.load.broken}
    if not known:
        return None
    one = cells[0]
    return Ranking(
        metric=metric,
        shapes=(one.shape,),
        ask=one.ask,
        simulated=one.load.simulated,
        broken=tuple(cell for cell, _ in measured if cell.load.broken),
        **_ranked(known),
    )


def memory_rankings(cells: Sequence[CellResult]) -> list[Ranking[LoadResult]]:
    """One ranking per set of requests that loads answered, that of most loads first; measured ones before simulated.

    A load that failed at the longest prompt never held what that takes, so it is ranked with others that failed there.
    A load whose peak is not known is in none, and a broken one takes no part.
    """
    cells_of = group_by(cells, lambda cell: cell.load.load_key)
    requests_of = {key: tuple(sorted(set(map(_request, its)))) for key, its in cells_of.items()}
    weighed = [its[0].load for its in cells_of.values() if its[0].load.peak_memory]
    groups = group_by(weighed, lambda load: (load.simulated, requests_of[load.load_key]))
    ordered = sorted(groups.items(), key=lambda one: (one[0][0], -len(one[1]), one[0][1]))
    return [
        Ranking(
            metric="memory",
            shapes=tuple(dict.fromkeys(request for request, _again in requests)),
            ask="again" if all(again for _, again in requests) else "first",
            simulated=simulated,
            broken=tuple(load for load in loads if load.broken),
            **_ranked(known),
        )
        for (simulated, requests), loads in ordered
        if (known := {one.load_key: (one, one.peak_memory) for one in loads if one.peak_memory and not one.broken})
    ]


def _kind(cell: CellResult) -> tuple[tuple[Request, bool], bool]:
    """What has to be the same for cells to be ranked together."""
    return _request(cell), cell.load.simulated


def _request(cell: CellResult) -> tuple[Request, bool]:
    """What is asked, first asks before prefix-cache hits."""
    return cell.shape, cell.ask == "again"


# -- what latencies and memory have in common


def lowest_of(contestants: Mapping[str, Measured]) -> str:
    """The name of the lowest, as a ranking of these has it: by what each two have in the blocks that both have."""
    return _Pairs.of(contestants).lowest(contestants)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Every two contestants, compared over the blocks that both have.

    Args:
        ratios: (one, other) -> how many times ``other`` the ``one`` is; both orders, without pairs that share no block.
        standing: those of them whose difference stands after Holm's adjustment over all pairs.
    """

    ratios: Mapping[tuple[str, str], Estimate]
    standing: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, contestants: Mapping[str, Measured]) -> _Pairs:
        found: dict[tuple[str, str], Contrast] = {}
        for one, other in combinations(contestants, 2):
            if contrast := paired(contestants[one].by_block, contestants[other].by_block):
                found[one, other] = contrast
        # The winner was picked because it is the lowest, so that an adjustment over its own pairs alone would call too
        # much: it is over all pairs, which holds whoever is picked.
        significant = holm({pair: contrast.p_value for pair, contrast in found.items()})
        ratios, standing = {}, set()
        for (one, other), contrast in found.items():
            ratios[one, other], ratios[other, one] = contrast.ratio, contrast.ratio.rate(1.0)
            if (one, other) in significant:
                standing |= {(one, other), (other, one)}
        return cls(ratios, frozenset(standing))

    def lowest(self, contestants: Mapping[str, Measured]) -> str:
        """The one that none of the others is below.

        With pairs that share different blocks there need not be one: then it is the one that nobody stands below, or
        fewest do, and of these the one whose nearest rival is least below it. One that can be compared with more of the
        others goes first; where no two share a block, the estimates decide, and nothing is claimed.
        """

        def place(name: str) -> tuple[int, int, float, float, str]:
            over = {other: self.ratios[other, name] for other in contestants if (other, name) in self.ratios}
            below = sum(ratio.value < 1 and (other, name) in self.standing for other, ratio in over.items())
            nearest = min((ratio.value for ratio in over.values()), default=1.0)
            return -len(over), below, -nearest, contestants[name].estimate.value, name

        return min(contestants, key=place)


def _ranked(known: Mapping[str, tuple[_Contestant, Measured]]) -> dict[str, Any]:
    """The fields of :class:`bench.analyse.results.Ranking` that follow from what was measured of the contestants."""
    contestants = {name: measured for name, (_, measured) in known.items()}
    pairs = _Pairs.of(contestants)
    winner = pairs.lowest(contestants)
    least = contestants[winner]
    rivals = {}
    for name, (contestant, measured) in known.items():
        if (ratio := pairs.ratios.get((name, winner))) is None:
            continue
        value, beside = measured.within(least.by_block), least.within(measured.by_block)
        assert value is not None
        assert beside is not None
        rivals[name] = Rival(
            contestant=contestant,
            ratio=ratio,
            distinguishable=None if ratio.low is None else (name, winner) in pairs.standing,
            value=value.estimate.value,
            lowest=beside.estimate.value,
        )
    not_compared = tuple(contestant for name, (contestant, _) in known.items() if name != winner and name not in rivals)
    lowest = least.within({block for name in rivals for block in contestants[name].by_block}) or least
    blocks = [rival.ratio.blocks for rival in rivals.values()] or [lowest.estimate.blocks]
    return {
        "winner": known[winner][0],
        "lowest": lowest.estimate,
        "rivals": tuple(rivals[name] for name in sorted(rivals, key=lambda name: (rivals[name].ratio.value, name))),
        "not_compared": not_compared,
        "verdict": not not_compared and min(blocks) >= VERDICT_BLOCKS,
        "partial": lowest.estimate.blocks < least.estimate.blocks,
    }
