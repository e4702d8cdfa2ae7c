"""Several runs held against one base: a row per cell, a column per head, and what stands if all are judged at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.compare import ComparedCell, Comparison, Difference, holm
from bench.analyse.environment import recorded
from bench.analyse.results import CellResult
from bench.metrics import COMPARED

CALLED = ("slower", "faster")
"""The verdicts that claim a difference."""


@dataclass(frozen=True, slots=True)
class Row:
    """A cell of the base and what each head makes of it.

    Args:
        cell: as the base measured it.
        heads: what was compared, by head; ``None`` for a head that did not measure the cell.
    """

    cell: CellResult
    heads: tuple[ComparedCell | None, ...]

    def of(self, metric: str) -> tuple[Difference | None, ...]:
        """One metric, by head; ``None`` where it was not measured on both sides."""
        return tuple(
            next((one for one in head.differences if one.metric == metric), None) if head else None
            for head in self.heads
        )

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of all heads and metrics."""
        return tuple(one for head in self.heads if head for one in head.differences)


@dataclass(frozen=True, slots=True)
class Call:
    """A figure that is called slower or faster.

    Args:
        head: its place among the heads, from 0.
        cell: as the base measured it.
        difference: what is called.
        together: whether it stands too after Holm's adjustment over the cells of its metric in all heads.
    """

    head: int
    cell: CellResult
    difference: Difference
    together: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """A package, a driver or a condition that is not the same in all runs.

    Args:
        name: of what changed.
        base: its version or state there.
        heads: by head; ``None`` where it is not recorded.
    """

    name: str
    base: str
    heads: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One or more comparisons with the same base.

    Args:
        heads: a comparison each; never empty.
        rows: cells of the base that at least one head measured too, in the order of the base.
        calls: every figure that is called, in the order of the rows.
    """

    heads: tuple[Comparison, ...]
    rows: tuple[Row, ...]
    calls: tuple[Call, ...]

    @property
    def first(self) -> Comparison:
        """The first of the comparisons: base, threshold and way of comparing are the same in all."""
        return self.heads[0]

    @property
    def several(self) -> bool:
        """Whether there is more than one head."""
        return len(self.heads) > 1

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of all heads."""
        return tuple(one for head in self.heads for one in head.differences)


def side_by_side(comparisons: Sequence[Comparison]) -> SideBySide:
    """Lay comparisons with one base side by side.

    Verdicts stay as each comparison gave them: the families of Holm's adjustment are the cells of one metric in one
    head, so that what is said of a head does not depend on which others are shown beside it. What a wider family, over
    all heads, would leave of them is told by :attr:`Call.together`.

    Args:
        comparisons: one per head, all with the same base and threshold; at least one.
    """
    found: dict[str, list[ComparedCell | None]] = {}
    for place, comparison in enumerate(comparisons):
        for cell in comparison.cells:
            found.setdefault(cell.cell.cell_key, [None] * len(comparisons))[place] = cell
    cells = {cell.cell_key: cell for cell in comparisons[0].base.cells}
    rows = tuple(Row(cell, tuple(found[key])) for key, cell in cells.items() if key in found)
    return SideBySide(tuple(comparisons), rows, tuple(_calls(rows)))


def _calls(rows: Sequence[Row]) -> Iterator[Call]:
    standing = {metric: _together(rows, metric) for metric in COMPARED}
    for row in rows:
        for place, head in enumerate(row.heads):
            for one in head.differences if head else ():
                if one.verdict in CALLED:
                    yield Call(place, row.cell, one, _name(place, row) in standing[one.metric])


def _together(rows: Sequence[Row], metric: str) -> set[str]:
    return holm(
        {_name(place, row): one.contrast.p_value for row in rows for place, one in enumerate(row.of(metric)) if one}
    )


def _name(place: int, row: Row) -> str:
    return f"{place} {row.cell.cell_key}"


def changed(side: SideBySide) -> list[Changed]:
    """What differs between the base and at least one head: conditions first, then packages and drivers."""
    found = [_condition(what, side) for what in _names(_conditions(head) for head in side.heads)]
    for name in _names(head.changes for head in side.heads):
        base = next(head.changes[name][0] for head in side.heads if name in head.changes)
        values = [head.changes[name][1] if name in head.changes else recorded(head.head, name) for head in side.heads]
        found.append(Changed(name, base, tuple(values)))
    return found


def _condition(what: str, side: SideBySide) -> Changed:
    pairs = [_conditions(head).get(what) for head in side.heads]
    base = next(pair[0] for pair in pairs if pair)
    return Changed(what, base, tuple(pair[1] if pair else base for pair in pairs))


def _conditions(head: Comparison) -> dict[str, tuple[str, str]]:
    # What differs about the prompts is no state that a run without a difference could have.
    return {one.what: (one.base, one.head) for one in head.mismatches if one.what != "prompts"}


def _names(tables: Iterator[Mapping[str, tuple[str, str]]]) -> dict[str, None]:
    return dict.fromkeys(name for table in tables for name in table)
