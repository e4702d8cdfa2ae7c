"""Charts that there is one of per request shape: time to each token of the answer, and latency against memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.analyse.arrival import MILESTONES, Arrival
from bench.analyse.results import CellResult
from bench.analyse.tradeoff import Tradeoff
from bench.report.drawing.canvas import LOG_FROM, Drawing, add_line, chain, label_ticks, tick_label, value_axis
from bench.report.drawing.chart import Chart, Edition, editions
from bench.report.drawing.style import MUTED, TEXT, LineStyle
from bench.report.drawing.svg import Sheet
from bench.report.format import megabytes, number
from bench.report.language import gettext as _
from bench.report.names import Naming, Series, Shape, shape_name

MOST_SHAPES = 8
"""A page with more shapes than this shows the charts of some, spread from the shortest prompt to the longest."""


@dataclass(frozen=True, slots=True)
class ShapeCharts:
    """The charts, and a sentence on the shapes that there is no room for; blank where each has its chart."""

    charts: tuple[Chart, ...]
    left_out: str


@dataclass(frozen=True, slots=True)
class ArrivalTable:
    """Rows of (name, cell, time to each of ``tokens`` and to the last one), in ms."""

    tokens: tuple[int, ...]
    rows: tuple[tuple[str, CellResult, tuple[float | None, ...], float], ...]


One = TypeVar("One")
_Arrivals = Sequence[tuple[Series, CellResult, Arrival]]


def arrival_charts(
    lines: Sequence[Series], styles: Mapping[str, LineStyle], sheet: Sheet, *, both: bool
) -> tuple[ShapeCharts, ArrivalTable]:
    """A line per configuration, and the same as figures; answers of one token have no line to draw."""
    shapes: dict[Shape, list[tuple[Series, CellResult, Arrival]]] = {}
    for one in lines:
        for cell in one.cells:
            if cell.arrival_ms:
                shape = cell.prompt_tokens, cell.new_tokens, cell.batch_size
                shapes.setdefault(shape, []).append((one, cell, cell.arrival_ms))
    ordered = sorted(shapes, key=lambda shape: shape[::-1])
    several = [shape for shape in ordered if shape[1] > 1]
    charts = [
        Chart(shape_name(*shape), _arrival_editions(shapes[shape], styles, sheet, both)) for shape in chosen(several)
    ]
    table = arrival_table([known for shape in ordered for known in shapes[shape]])
    return ShapeCharts(tuple(charts), left_out(len(charts), len(several))), table


def arrival_table(known: _Arrivals) -> ArrivalTable:
    """A row for each."""
    longest = max((arrival.token[-1] for *_, arrival in known), default=0)
    tokens = tuple(token for token in MILESTONES if token < longest)
    rows = ((one.name, cell, tuple(map(arrival.at, tokens)), arrival.median[-1]) for one, cell, arrival in known)
    return ArrivalTable(tokens, tuple(rows))


def _arrival_editions(
    known: _Arrivals, styles: Mapping[str, LineStyle], sheet: Sheet, both: bool
) -> tuple[Edition, ...]:
    ends = [end for *_, arrival in known for end in (arrival.median[0], arrival.median[-1])]

    def draw(canvas: Drawing, logarithmic: bool) -> None:
        axes = canvas.figure.subplots()
        axes.set_xlim(0, max(arrival.token[-1] for *_, arrival in known) * 1.04)
        value_axis(axes, ends, logarithmic=logarithmic)
        axes.set_xlabel(_("token of the answer"))
        axes.set_ylabel(_("ms since the request (logarithmic)") if logarithmic else _("ms since the request"))
        axes.grid(visible=True, axis="y")
        canvas.settle()
        for one, cell, arrival in known:
            style, prompt, last = styles[one.key], cell.prompt_tokens, arrival.token[-1:]
            tip = _("{name}: first token after {first} ms, token {n} after {last} ms").format(
                name=one.name, first=number(arrival.median[0]), last=number(arrival.median[-1]), n=number(last[0], 0)
            )
            mark, point = canvas.tooltip(tip, line=style.number, prompt=prompt), canvas.point(tip, style.number, prompt)
            add_line(axes, arrival.token, arrival.median, **style.line(1.5), gid=[mark])
            add_line(axes, last, arrival.median[-1:], **style.points(), zorder=4, gid=[point])

    label = _("time from the request to each token, one line per configuration, as in the table")
    return editions(sheet, draw, label, ends, logarithmic=False, both=both)


def tradeoff_charts(
    tradeoffs: Sequence[Tradeoff], naming: Naming, styles: Mapping[str, LineStyle], sheet: Sheet, *, both: bool
) -> ShapeCharts:
    """A point per configuration; ``styles`` are those of loads by their keys."""
    charts = []
    for one in chosen(tradeoffs):
        title = shape_name(one.prompt_tokens, one.new_tokens, one.batch_size)
        mark = _(" (simulated)") if one.simulated else ""
        charts.append(Chart(title + mark, _tradeoff_editions(one, naming, styles, sheet, both)))
    return ShapeCharts(tuple(charts), left_out(len(charts), len(tradeoffs)))


def _tradeoff_editions(
    one: Tradeoff, naming: Naming, styles: Mapping[str, LineStyle], sheet: Sheet, both: bool
) -> tuple[Edition, ...]:
    latencies = [point.tpot_ms for point in one.points]

    def draw(canvas: Drawing, logarithmic: bool) -> None:
        axes = canvas.figure.subplots()
        axes.set_xlim(0, one.points[-1].cost / 1e6 * 1.06)
        value_axis(axes, latencies, logarithmic=logarithmic)
        label_ticks(axes.xaxis, tick_label)
        axes.set_xlabel(_("peak memory, MB"))
        axes.set_ylabel(_("ms per output token (logarithmic)") if logarithmic else _("ms per output token"))
        axes.grid(visible=True)
        canvas.settle()
        _front(axes, one)
        for point in one.points:
            style = styles[point.cell.load.load_key]
            tip = _("{name}: {tpot} ms per token, {peak} MB{best}").format(
                name=naming.of(point.cell.load),
                tpot=number(point.tpot_ms),
                peak=megabytes(point.cost),
                best=_("; no other needs less of both") if point.best else "",
            )
            mark = canvas.point(tip, style.number, one.prompt_tokens)
            add_line(axes, [point.cost / 1e6], [point.tpot_ms], **style.points(), zorder=4, gid=[mark])

    suited = max(latencies) / min(latencies) >= LOG_FROM
    label = _("time per output token over peak memory, one point per configuration, as in the table")
    return editions(sheet, draw, label, latencies, logarithmic=suited, both=both)


def _front(axes: Any, one: Tradeoff) -> None:
    """Rings around the best, joined by steps: what lies above a step is beaten."""
    best = [(point.cost / 1e6, point.tpot_ms) for point in one.points if point.best]
    way = [(best[0][0], axes.get_ylim()[1]), *best, (axes.get_xlim()[1], best[-1][1])]
    axes.plot(*zip(*way, strict=True), drawstyle="steps-post", color=MUTED, linewidth=1.0, dashes=(4, 3), zorder=2)
    rings = chain([place] for place in best)
    axes.plot(*rings, linestyle="none", marker="o", markersize=12, fillstyle="none", color=TEXT, markeredgewidth=1.1)


def chosen(shapes: Sequence[One]) -> list[One]:
    """At most :data:`MOST_SHAPES` of ``shapes``, evenly spread, the first and the last among them."""
    if len(shapes) <= MOST_SHAPES:
        return list(shapes)
    return [shapes[round(place * (len(shapes) - 1) / (MOST_SHAPES - 1))] for place in range(MOST_SHAPES)]


def left_out(shown: int, count: int) -> str:
    """See :class:`ShapeCharts`."""
    if shown == count:
        return ""
    words = _("Drawn are {shown} of {count} request shapes, from the smallest to the largest; the table has all.")
    return words.format(shown=shown, count=count)
