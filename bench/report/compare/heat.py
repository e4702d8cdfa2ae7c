"""Changes as coloured tables: cells by heads, or for one head configurations by request shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.report.compare.comparison_view import ComparisonView, Figure, Row, called_first
from bench.report.compare.figures import shape
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
class HeatMap:
    """One metric: cells down, heads across.

    Args:
        metric: which.
        rows: those to be seen at once.
        folded: those in which nothing is called, where there are many rows.
        left_out: how many rows are not on the page.
    """

    metric: str
    rows: list[Row]
    folded: list[Row]
    left_out: int


@dataclass(frozen=True, slots=True)
class Overview:
    """One metric of one head: configurations down, request shapes across; blank where one was not measured."""

    metric: str
    shapes: list[str]
    rows: dict[str, list[Figure | None]]


def tint(one: Figure) -> str:
    """The classes that colour a figure: its verdict, and of calls how deep."""
    depth = 1 + sum(one.size > math.log(step) for step in _STEPS)
    return f"{one.difference.verdict} d{depth}" if one.called else one.difference.verdict


def heat_maps(view: ComparisonView) -> Iterator[HeatMap]:
    """A heat map per metric; none of a single head, whose overview says it in less room."""
    for metric in view.metrics if view.comparison.several else ():
        found = [row for row in view.rows if row.of(metric)]
        most = max(1, MOST_FIGURES // len(view.comparison.heads))
        rows = found if len(found) <= most else called_first(found)[:most]
        called = [row for row in rows if any(one.called for one in row.of(metric).values())]
        others = [row for row in rows if not any(one.called for one in row.of(metric).values())]
        if len(rows) <= FOLDED_FROM or not called:
            called, others = rows, []
        yield HeatMap(metric, called, others, len(found) - len(rows))


def overviews(view: ComparisonView, naming: Naming) -> Iterator[Overview]:
    """An overview per metric of a single head; none where there are too many shapes for one."""
    if view.comparison.several:
        return
    requests = {
        (one.batch_size, one.new_tokens, one.prompt_tokens): shape(one) for one in (row.cell for row in view.rows)
    }
    shapes = [requests[key] for key in sorted(requests)]
    for metric in view.metrics:
        table: dict[str, dict[str, Figure]] = {}
        for row in view.rows:
            for figure in row.of(metric).values():
                table.setdefault(naming.of(row.cell.load), {})[shape(row.cell)] = figure
        # What is no overview any more is left to the lists below.
        if len(shapes) <= _MOST_SHAPES and len(table) <= _MOST_ROWS:
            yield Overview(metric, shapes, {name: [found.get(one) for one in shapes] for name, found in table.items()})
