"""Cells that the base or some heads measured and the other side did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyse.results import CellResult, RunAnalysis
from bench.analyse.side_by_side import SideBySide
from bench.report.compare import words
from bench.report.compare.figures import cell_name
from bench.report.names import name_all


@dataclass(frozen=True, slots=True)
class Alone:
    """Cells that are missing in the same heads, or that the same heads have beyond the base.

    Args:
        places: these heads, counted from 0.
        in_base: whether the base has the cells and the heads lack them; else it is the other way round.
        names: of the cells.
        several: whether the heads have numbers.
    """

    places: tuple[int, ...]
    in_base: bool
    names: tuple[str, ...]
    several: bool

    @property
    def title(self) -> str:
        """Where they were measured, and where not."""
        where = words.ONLY_BASE if self.in_base else words.ONLY_HEAD
        return where.format(heads=words.head_names(self.places, several=self.several))

    def sentence(self, name: str) -> str:
        """The same of one cell, for a list."""
        if not self.several:
            return (words.ONLY_IN_BASE if self.in_base else words.ONLY_IN_HEAD).format(name=name)
        return f"{self.title[0].lower()}{self.title[1:]}: {name}"


def alone(side: SideBySide) -> list[Alone]:
    """The cells that were not compared with some heads; those of the base first."""
    return [
        *_grouped(side, [head.only_base for head in side.heads], in_base=True),
        *_grouped(side, [head.only_head for head in side.heads], in_base=False),
    ]


def _grouped(side: SideBySide, found: Sequence[Sequence[CellResult]], *, in_base: bool) -> list[Alone]:
    places: dict[str, list[int]] = {}
    names: dict[str, str] = {}
    for place, cells in enumerate(found):
        naming = name_all(_run(side, place, in_base=in_base))
        for cell in cells:
            places.setdefault(cell.cell_key, []).append(place)
            names.setdefault(cell.cell_key, cell_name(cell, naming))
    groups: dict[tuple[int, ...], list[str]] = {}
    for key, own in places.items():
        groups.setdefault(tuple(own), []).append(names[key])
    return [Alone(own, in_base, tuple(cells), side.several) for own, cells in groups.items()]


def _run(side: SideBySide, place: int, *, in_base: bool) -> RunAnalysis:
    return side.first.base if in_base else side.heads[place].head
