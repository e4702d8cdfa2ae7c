"""Changes as coloured tables: cells by heads, or for one head configurations by request shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.compare import Difference
from bench.analyse.results import CellResult
from bench.analyse.side_by_side import CALLED, Row, SideBySide
from bench.metrics import COMPARED
from bench.report import metric_words
from bench.report.compare.figures import shape, signed, span
from bench.report.compare.findings import Doubtful
from bench.report.compare.order import called_first, size
from bench.report.names import Naming

MOST_FIGURES = 4000
"""Of one metric in a heat map; the rows of the largest calls come first, and compare.json holds all."""
FOLDED_FROM = 40
"""From how many rows on those without a call are folded away."""
_STEPS = (1.1, 1.3)
"""Ratios from which on a call has a deeper colour."""
_MOST_SHAPES = 16
_MOST_ROWS = 400


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of one head.

    Args:
        verdict: as the analysis calls it.
        tint: the classes that colour it: the verdict, and of calls how deep.
        ratio: head over base, to sort by.
        change: the same in words, e.g. ``+12.0 %``.
        interval: in short, blank without one.
        serious: whether a serious finding touches it.
    """

    verdict: str
    tint: str
    ratio: float
    change: str
    interval: str
    serious: bool


@dataclass(frozen=True, slots=True)
class MapRow:
    """One cell over all heads."""

    name: str
    shape: str
    base_ms: float
    tiles: tuple[Tile | None, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """One metric: cells down, heads across.

    Args:
        metric: which.
        title: its heading.
        rows: those to be seen at once.
        folded: those in which nothing is called, where there are many rows.
        left_out: how many rows are not on the page.
    """

    metric: str
    title: str
    rows: tuple[MapRow, ...]
    folded: tuple[MapRow, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Overview:
    """One metric of one head: configurations down, request shapes across."""

    metric: str
    title: str
    shapes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Tile | None, ...]], ...]


def tile(one: Difference, *, serious: bool) -> Tile:
    """One figure as it is shown."""
    over = one.contrast.ratio
    depth = 1 + sum(size(one) > math.log(step) for step in _STEPS)
    tint = f"{one.verdict} d{depth}" if one.verdict in CALLED else one.verdict
    return Tile(one.verdict, tint, over.value, signed(over.value), span(over), serious)


def heat_maps(side: SideBySide, naming: Naming, doubtful: Doubtful) -> list[HeatMap]:
    """A heat map per metric that was compared; none of a single head, whose overview says it in less room."""
    if not side.several:
        return []
    return [made for metric in COMPARED if (made := _heat_map(metric, side, naming, doubtful))]


def _heat_map(metric: str, side: SideBySide, naming: Naming, doubtful: Doubtful) -> HeatMap | None:
    found = [row for row in side.rows if any(row.of(metric))]
    if not found:
        return None
    most = max(1, MOST_FIGURES // len(side.heads))
    shown = found if len(found) <= most else called_first(found)[:most]
    fold = len(shown) > FOLDED_FROM
    called = [row for row in shown if not fold or any(one.verdict in CALLED for one in row.of(metric) if one)]
    keys = {row.cell.cell_key for row in called}
    others = [row for row in shown if row.cell.cell_key not in keys]
    rows, folded = (
        tuple(_map_row(row, metric, naming, doubtful) for row in part) for part in (called or others, called and others)
    )
    return HeatMap(metric, metric_words.comparison_title(metric), rows, folded, len(found) - len(shown))


def _map_row(row: Row, metric: str, naming: Naming, doubtful: Doubtful) -> MapRow:
    found = row.of(metric)
    base = next(one.base_ms for one in found if one)
    key = row.cell.cell_key
    tiles = [tile(one, serious=key in touched) if one else None for one, touched in zip(found, doubtful, strict=True)]
    return MapRow(naming.of(row.cell.load), shape(row.cell), base, tuple(tiles))


def overviews(side: SideBySide, naming: Naming, doubtful: Doubtful) -> list[Overview]:
    """An overview per metric of a single head; none where there are too many shapes for one."""
    if side.several:
        return []
    return [made for metric in COMPARED if (made := _overview(metric, side, naming, doubtful[0]))]


def _overview(metric: str, side: SideBySide, naming: Naming, touched: set[str]) -> Overview | None:
    shapes = _shapes([row.cell for row in side.rows])
    table: dict[str, dict[str, Tile]] = {}
    for row in side.rows:
        for one in filter(None, row.of(metric)):
            found = tile(one, serious=row.cell.cell_key in touched)
            table.setdefault(naming.of(row.cell.load), {})[shape(row.cell)] = found
    # What is no overview any more is left to the lists below.
    if not table or len(shapes) > _MOST_SHAPES or len(table) > _MOST_ROWS:
        return None
    rows = tuple((name, _across(found, shapes)) for name, found in table.items())
    return Overview(metric, metric_words.comparison_title(metric), shapes, rows)


def _shapes(cells: Sequence[CellResult]) -> tuple[str, ...]:
    requests = {(cell.batch_size, cell.new_tokens, cell.prompt_tokens): shape(cell) for cell in cells}
    return tuple(requests[key] for key in sorted(requests))


def _across(found: Mapping[str, Tile], shapes: Sequence[str]) -> tuple[Tile | None, ...]:
    return tuple(found.get(one) for one in shapes)
