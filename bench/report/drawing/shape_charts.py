"""Charts that there is one of per request shape: time to each token, and latency against memory and quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.analyse.results import MILESTONES, Arrival, CellResult
from bench.analyse.tradeoff import Tradeoff, TradeoffPoint
from bench.plan.cells import Request
from bench.report.drawing.canvas import (
    LOG_FROM,
    Chart,
    Drawing,
    Edition,
    add_line,
    chain,
    editions,
    label_ticks,
    tick_label,
    value_axis,
)
from bench.report.drawing.style import ACCENT, MUTED, TEXT, LineStyle
from bench.report.drawing.svg import Sheet
from bench.report.format import megabytes, number
from bench.report.language import gettext as _, mark
from bench.report.names import Naming, Series, shape_name

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
    shapes: dict[Request, list[tuple[Series, CellResult, Arrival]]] = {}
    for one in lines:
        for cell in one.cells:
            if cell.arrival_ms:
                shapes.setdefault(cell.shape, []).append((one, cell, cell.arrival_ms))
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
            along, point = (
                canvas.tooltip(tip, line=style.number, prompt=prompt),
                canvas.point(tip, style.number, prompt),
            )
            add_line(axes, arrival.token, arrival.median, **style.line(1.5), gid=[along])
            add_line(axes, last, arrival.median[-1:], **style.points(), zorder=4, gid=[point])

    label = _("time from the request to each token, one line per configuration, as in the table")
    return editions(sheet, draw, label, ends, logarithmic=False, both=both)


def tradeoff_charts(
    tradeoffs: Sequence[Tradeoff], naming: Naming, styles: Mapping[str, LineStyle], sheet: Sheet, *, both: bool
) -> ShapeCharts:
    """A point per configuration; ``styles`` are those of loads by their keys."""
    charts = []
    for one in chosen(tradeoffs):
        title = shape_name(*one.shape)
        simulated = _(" (simulated)") if one.simulated else ""
        charts.append(Chart(title + simulated, _tradeoff_editions(one, naming, styles, sheet, both)))
    return ShapeCharts(tuple(charts), left_out(len(charts), len(tradeoffs)))


def _tradeoff_editions(
    one: Tradeoff, naming: Naming, styles: Mapping[str, LineStyle], sheet: Sheet, both: bool
) -> tuple[Edition, ...]:
    latencies, cost = [point.tpot_ms for point in one.points], _COSTS[one.against]
    least, most = cost.ends(one.points)

    def place(point: TradeoffPoint) -> tuple[float, float]:
        return min(point.cost * cost.scale, most), point.tpot_ms

    def draw(canvas: Drawing, logarithmic: bool) -> None:
        axes = canvas.figure.subplots()
        axes.set_xlim(least, most)
        value_axis(axes, latencies, logarithmic=logarithmic)
        label_ticks(axes.xaxis, tick_label)
        axes.set_xlabel(_(cost.axis))
        axes.set_ylabel(_("ms per output token (logarithmic)") if logarithmic else _("ms per output token"))
        axes.grid(visible=True)
        canvas.settle()
        _front(axes, [place(point) for point in one.points if point.best])
        for point in one.points:
            style, broken = styles[point.cell.load.load_key], point.cell.load.broken
            tip = _(cost.tip).format(
                name=naming.of(point.cell.load),
                tpot=number(point.tpot_ms),
                cost=cost.shown(point.cost),
                best=_("; no other needs less of both") if point.best else _("; broken") if broken else "",
            )
            x, y = place(point)
            add_line(
                axes,
                [x],
                [y],
                **style.points(),
                zorder=4,
                clip_on=False,
                gid=[canvas.point(tip, style.number, one.shape[0])],
            )
            if broken:
                cross = {"marker": "x", "markersize": 13, "markeredgewidth": 1.6, "color": ACCENT, "linestyle": "none"}
                add_line(axes, [x], [y], **cross, zorder=5, clip_on=False)

    suited = max(latencies) / min(latencies) >= LOG_FROM
    return editions(sheet, draw, _(cost.label), latencies, logarithmic=suited, both=both)


@dataclass(frozen=True, slots=True)
class _Cost:
    """How what latency is traded for is drawn.

    Args:
        scale: from what is kept to what is drawn.
        ends: of its axis, as it is drawn.
        shown: a value in a tooltip.
    """

    scale: float
    axis: str
    tip: str
    label: str
    ends: Callable[[Sequence[TradeoffPoint]], tuple[float, float]]
    shown: Callable[[float], str]


def _from_zero(points: Sequence[TradeoffPoint]) -> tuple[float, float]:
    return 0.0, max(point.cost for point in points) / 1e6 * 1.06


def _of_sound(points: Sequence[TradeoffPoint]) -> tuple[float, float]:
    """Around those that are not broken: the perplexity of others can be thousands of times as high."""
    sound = [point.cost for point in points if not point.cell.load.broken]
    low, high = min([1.0, *sound]), max([1.1, *sound])
    margin = 0.08 * (high - low)
    return low - margin, high + margin


_COSTS = {
    "memory": _Cost(
        1e-6,
        mark("peak memory, MB"),
        mark("{name}: {tpot} ms per token, {cost} MB{best}"),
        mark("time per output token over peak memory, one point per configuration, as in the table"),
        _from_zero,
        megabytes,
    ),
    "perplexity": _Cost(
        1.0,
        mark("perplexity over that of the reference"),
        mark("{name}: {tpot} ms per token, {cost} times the perplexity of the reference{best}"),
        mark("time per output token over the perplexity ratio, one point per configuration, as in the table"),
        _of_sound,
        number,
    ),
}


def _front(axes: Any, best: Sequence[tuple[float, float]]) -> None:
    """Rings around the best, joined by steps: what lies above a step is beaten."""
    if not best:
        return
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
