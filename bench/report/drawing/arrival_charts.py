"""Time to each token of the answer: what a reader of the text waits for, one chart per request shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from bench.analyse.arrival import MILESTONES, Arrival
from bench.analyse.results import CellResult
from bench.report import text
from bench.report.drawing.canvas import Drawing, drawing, value_axis
from bench.report.drawing.editions import Edition, editions
from bench.report.drawing.shape_charts import CHART_INCHES, Member, ShapeCharts, by_shape, chosen, left_out, titled
from bench.report.drawing.style import LineStyle, marked
from bench.report.drawing.svg import StyleSheet
from bench.report.format import number
from bench.report.names import Series


@dataclass(frozen=True, slots=True)
class ArrivalTable:
    """The same as figures: rows of (name, cell, time to each of ``tokens`` and to the last one), in ms."""

    tokens: tuple[int, ...]
    rows: tuple[tuple[str, CellResult, tuple[float | None, ...], float], ...]


def arrival_charts(
    lines: Sequence[Series], looks: Mapping[str, LineStyle], sheet: StyleSheet, *, both: bool
) -> ShapeCharts:
    """One chart per shape, a line per configuration, on both axes if so; answers of one token have no line to draw."""
    shapes = {shape: members for shape, members in by_shape(lines).items() if shape[1] > 1}
    shown = chosen(list(shapes))
    drawn = [
        titled(shape, _editions(f"arrival{i}", shapes[shape], looks, sheet, both=both)) for i, shape in enumerate(shown)
    ]
    return ShapeCharts(tuple(drawn), left_out(len(shown), len(shapes)))


def arrival_table(lines: Sequence[Series]) -> ArrivalTable:
    """Every cell of every shape."""
    members = [(one, cell, cell.arrival_ms) for group in by_shape(lines).values() for one, cell in group]
    longest = max((arrival.token[-1] for *_, arrival in members if arrival), default=0)
    tokens = tuple(token for token in MILESTONES if token < longest)
    return ArrivalTable(
        tokens,
        tuple(
            (one.name, cell, tuple(arrival.at(token) for token in tokens), arrival.median[-1])
            for one, cell, arrival in members
            if arrival
        ),
    )


def _editions(
    name: str, members: Sequence[Member], looks: Mapping[str, LineStyle], sheet: StyleSheet, *, both: bool
) -> tuple[Edition, ...]:
    known = [(one, cell, cell.arrival_ms) for one, cell in members if cell.arrival_ms]
    ends = [end for *_, arrival in known for end in (arrival.median[0], arrival.median[-1])]

    def draw(logarithmic: bool, spare: bool) -> str:
        with drawing(name, CHART_INCHES, spare=spare) as canvas:
            return _chart(canvas, known, ends, looks, sheet, logarithmic=logarithmic)

    return editions(draw, ends, logarithmic=False, both=both)


def _chart(
    canvas: Drawing,
    known: Sequence[tuple[Series, CellResult, Arrival]],
    ends: Sequence[float],
    looks: Mapping[str, LineStyle],
    sheet: StyleSheet,
    *,
    logarithmic: bool,
) -> str:
    axes = canvas.figure.subplots()
    last = max(arrival.token[-1] for *_, arrival in known)
    axes.set_xlim(0, last * 1.04)
    value_axis(axes, ends, logarithmic=logarithmic)
    axes.set_xlabel(text.ALONG_AXIS)
    axes.set_ylabel(text.ARRIVAL_AXIS_LOG if logarithmic else text.ARRIVAL_AXIS)
    axes.grid(visible=True, axis="y")
    canvas.settle()
    for one, cell, arrival in known:
        words = text.ARRIVAL_TIP.format(
            name=one.name,
            first=number(arrival.median[0]),
            last=number(arrival.median[-1]),
            n=number(arrival.token[-1], 0),
        )
        number_of_line, prompt_tokens = looks[one.key].number, cell.prompt_tokens
        tips = (
            canvas.tip(words, line=number_of_line, prompt=prompt_tokens),
            canvas.point(words, number_of_line, prompt_tokens),
        )
        _line(axes, (arrival.token, arrival.median), looks[one.key], tips)
    return canvas.finish(sheet, text.ARRIVAL_LABEL)


def _line(axes: Any, way: tuple[Sequence[float], Sequence[float]], looks: LineStyle, tips: tuple[str, str]) -> None:
    line = Line2D(*way, color=looks.colour, linewidth=1.5, gid=tips[0])
    if looks.dashes:
        line.set_dashes(looks.dashes)
    axes.add_artist(line)
    end = [way[0][-1]], [way[1][-1]]
    axes.add_artist(Line2D(*end, linestyle="none", gid=tips[1], zorder=4, **marked(looks, 6.4)))
