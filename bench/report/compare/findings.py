"""What the guard found in the runs that are compared, as far as it touches compared cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.analyse.findings import touches
from bench.analyse.results import CellResult, Finding
from bench.analyse.side_by_side import SideBySide

BASE = -1
"""The place of the base, where heads count from 0."""

Doubtful = Sequence[set[str]]
"""By head: the keys of the cells whose figures a serious finding touches."""


@dataclass(frozen=True, slots=True)
class Touching:
    """One finding and the compared cells that it touches.

    Args:
        finding: of the guard.
        place: the head in whose run it was found, :data:`BASE` for the base.
        cells: the cells, as the base measured them.
    """

    finding: Finding
    place: int
    cells: tuple[CellResult, ...]


def touching(side: SideBySide) -> list[Touching]:
    """The findings that touch a compared cell, run by run, the base first."""
    found = list(_of_run(BASE, side))
    for place in range(len(side.heads)):
        known = [one.finding for one in found if one.place == BASE]
        # What a run of two variants was found to suffer as a whole is one finding, though both sides carry it.
        found += [one for one in _of_run(place, side) if not (side.first.paired and one.finding in known)]
    return found


def serious(found: Sequence[Touching]) -> list[Touching]:
    """Those that make a figure doubtful."""
    return [one for one in found if one.finding.severity == "serious"]


def doubtful(side: SideBySide, found: Sequence[Touching]) -> Doubtful:
    """What a serious finding touches, be it of a head's own run or of the base, with which each head is compared."""
    return [
        {cell.cell_key for one in serious(found) if one.place in (BASE, place) for cell in one.cells}
        for place in range(len(side.heads))
    ]


def _of_run(place: int, side: SideBySide) -> Iterator[Touching]:
    run = side.first.base if place == BASE else side.heads[place].head
    pairs = list(_pairs(place, side))
    for finding in run.findings:
        cells = tuple(named for named, own in pairs if touches(finding, own))
        if cells:
            yield Touching(finding, place, cells)


def _pairs(place: int, side: SideBySide) -> Iterator[tuple[CellResult, CellResult]]:
    """Each compared cell of a run: as the base has it, and as that run has it."""
    if place == BASE:
        yield from ((row.cell, row.cell) for row in side.rows)
    else:
        yield from ((cell.cell, cell.other or cell.cell) for cell in side.heads[place].cells)
