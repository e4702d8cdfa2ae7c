"""Charts that there is one of per request shape, with every configuration of that shape in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.analyse.results import CellResult
from bench.report import text
from bench.report.drawing.editions import Edition
from bench.report.names import Series, Shape, shape_name

MOST_SHAPES = 8
"""A page with more shapes than this shows the charts of some, spread from the shortest prompt to the longest."""
CHART_INCHES = (5.6, 3.9)


@dataclass(frozen=True, slots=True)
class ShapeChart:
    """The drawings of one shape."""

    title: str
    editions: tuple[Edition, ...]


@dataclass(frozen=True, slots=True)
class ShapeCharts:
    """The drawings, and what is to be said of those that there is no room for."""

    charts: tuple[ShapeChart, ...]
    left_out: str


One = TypeVar("One")
Member = tuple[Series, CellResult]


def by_shape(lines: Sequence[Series]) -> dict[Shape, list[Member]]:
    """(prompt tokens, new tokens, batch size) -> the cells of that shape with the lines that they are part of."""
    groups: dict[Shape, list[Member]] = {}
    for one in lines:
        for cell in one.cells:
            groups.setdefault((cell.prompt_tokens, cell.new_tokens, cell.batch_size), []).append((one, cell))
    return {shape: groups[shape] for shape in sorted(groups, key=lambda shape: shape[::-1])}


def chosen(shapes: Sequence[One]) -> list[One]:
    """At most :data:`MOST_SHAPES` of ``shapes``, evenly spread, the first and the last among them."""
    if len(shapes) <= MOST_SHAPES:
        return list(shapes)
    return [shapes[round(place * (len(shapes) - 1) / (MOST_SHAPES - 1))] for place in range(MOST_SHAPES)]


def left_out(shown: int, count: int) -> str:
    """That not every shape has its chart here; blank where each has."""
    return text.TOO_MANY_SHAPES.format(shown=shown, count=count) if shown < count else ""


def titled(shape: Shape, drawn: tuple[Edition, ...], mark: str = "") -> ShapeChart:
    """The drawings under the name of their shape, and a ``mark`` behind it."""
    return ShapeChart(shape_name(*shape) + mark, drawn)
