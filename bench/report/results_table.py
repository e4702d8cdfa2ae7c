"""The main table: one group per shape, the quickest whole answer first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult, RunAnalysis
from bench.plan.cells import ASKS, digest
from bench.report.findings import Note
from bench.report.names import Naming, shape_name


@dataclass(frozen=True, slots=True)
class Row:
    """One cell, in which columns it holds the lowest value of its kind, and which notes are about it."""

    name: str
    cell: CellResult
    lowest: frozenset[str]
    notes: tuple[Note, ...] = ()

    @property
    def anchor(self) -> str:
        """The id of its details in the page, the same in every report of this cell."""
        key = self.cell.cell_key
        return f"cell-{key if key.isalnum() and key.isascii() else digest(key)}"


@dataclass(frozen=True, slots=True)
class Group:
    """All cells of one shape."""

    title: str
    rows: tuple[Row, ...]


_COLUMNS: dict[str, Callable[[CellResult], float | None]] = {
    "ttft": lambda cell: cell.ttft_ms.estimate.value,
    "tpot": lambda cell: _value(cell.tpot_ms.estimate if cell.tpot_ms else None),
    "response": lambda cell: _value(cell.response_ms.estimate if cell.response_ms else None),
    "memory": lambda cell: cell.load.peak_memory_bytes,
}


def result_groups(analysis: RunAnalysis, naming: Naming, notes: Sequence[Note] = ()) -> list[Group]:
    """By batch size, new tokens and prompt tokens."""
    groups: dict[tuple[int, int, int], list[CellResult]] = {}
    for cell in analysis.cells:
        groups.setdefault((cell.batch_size, cell.new_tokens, cell.prompt_tokens), []).append(cell)
    return [_group(groups[key], naming, notes) for key in sorted(groups)]


def _group(cells: Sequence[CellResult], naming: Naming, notes: Sequence[Note]) -> Group:
    first = cells[0]
    lowest: dict[str, set[str]] = {cell.cell_key: set() for cell in cells}
    for simulated, ask in product((False, True), ASKS):
        own = [cell for cell in cells if cell.load.simulated is simulated and cell.ask == ask]
        for column, value_of in _COLUMNS.items():
            known = [(value, cell) for cell in own if (value := value_of(cell)) is not None]
            if len(known) > 1:
                lowest[min(known, key=lambda pair: pair[0])[1].cell_key].add(column)
    ordered = sorted(cells, key=_place)
    rows = (
        Row(
            naming.of(cell.load),
            cell,
            frozenset(lowest[cell.cell_key]),
            tuple(note for note in notes if note.touches(cell)),
        )
        for cell in ordered
    )
    return Group(shape_name(first.prompt_tokens, first.new_tokens, first.batch_size), tuple(rows))


def _place(cell: CellResult) -> tuple[bool, float]:
    """First asks before prefix-cache hits, the quickest whole answer first."""
    return cell.ask == "again", _COLUMNS["response"](cell) or cell.ttft_ms.estimate.value


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate else None
