"""The main table: one group per shape, the quickest whole answer first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from bench.analyse.ranking import lowest_of
from bench.analyse.results import CellResult, RunAnalysis
from bench.metrics import RANKED, RATES
from bench.plan.cells import ASKS, digest
from bench.report.findings import Note
from bench.report.names import Naming, shape_name


@dataclass(frozen=True, slots=True)
class Row:
    """One cell, in which columns it is the lowest of its kind, and which notes are about it."""

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


COLUMNS = (*RANKED, "itl", *RATES, "peak", "n")
"""After the configuration and its device: metrics, and keys of :data:`bench.report.text.HEADS`."""


def result_groups(analysis: RunAnalysis, naming: Naming, notes: Sequence[Note] = ()) -> list[Group]:
    """By batch size, new tokens and prompt tokens."""
    groups: dict[tuple[int, int, int], list[CellResult]] = {}
    for cell in analysis.cells:
        groups.setdefault((cell.batch_size, cell.new_tokens, cell.prompt_tokens), []).append(cell)
    lowest = {(one.winner.cell_key, one.metric) for one in analysis.rankings if not one.alone}
    for cells in groups.values():
        lowest.update((key, "memory") for key in _least_memory(cells))
    return [_group(groups[key], naming, lowest, notes) for key in sorted(groups)]


def _least_memory(cells: Sequence[CellResult]) -> Iterator[str]:
    for simulated, ask in product((False, True), ASKS):
        own = [cell for cell in cells if cell.load.simulated is simulated and cell.ask == ask]
        known = {cell.cell_key: cell.load.peak_memory for cell in own if cell.load.peak_memory}
        if len(known) > 1:
            yield lowest_of(known)


def _group(cells: Sequence[CellResult], naming: Naming, lowest: set[tuple[str, str]], notes: Sequence[Note]) -> Group:
    first = cells[0]
    rows = (
        Row(
            naming.of(cell.load),
            cell,
            frozenset(column for key, column in lowest if key == cell.cell_key),
            tuple(note for note in notes if note.touches(cell)),
        )
        for cell in sorted(cells, key=_place)
    )
    return Group(shape_name(first.prompt_tokens, first.new_tokens, first.batch_size), tuple(rows))


def _place(cell: CellResult) -> tuple[bool, float]:
    """First asks before prefix-cache hits, the quickest whole answer first."""
    return cell.ask == "again", (cell.response_ms or cell.ttft_ms).estimate.value
