"""Latency against memory, one chart per request shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from bench.analyse.results import CellResult
from bench.analyse.tradeoff import Tradeoff
from bench.report import text
from bench.report.drawing.canvas import LOG_FROM, chain, drawing, tick_label, value_axis
from bench.report.drawing.editions import Edition, editions
from bench.report.drawing.shape_charts import CHART_INCHES, ShapeChart, ShapeCharts, chosen, left_out, titled
from bench.report.drawing.style import MUTED, TEXT, LineStyle, marked
from bench.report.drawing.svg import StyleSheet
from bench.report.format import megabytes, number
from bench.report.names import Naming


def tradeoff_charts(
    tradeoffs: Sequence[Tradeoff],
    naming: Naming,
    looks: Mapping[str, LineStyle],
    sheet: StyleSheet,
    *,
    both: bool,
) -> ShapeCharts:
    """One chart per shape, a point per configuration, on both axes if so."""
    shown = chosen(tradeoffs)
    drawn = [
        _titled(one, _editions(f"tradeoff{i}", one, naming, looks, sheet, both=both)) for i, one in enumerate(shown)
    ]
    return ShapeCharts(tuple(drawn), left_out(len(shown), len(tradeoffs)))


def _titled(one: Tradeoff, drawn: tuple[Edition, ...]) -> ShapeChart:
    mark = text.SIMULATED_MARK if one.simulated else ""
    return titled((one.prompt_tokens, one.new_tokens, one.batch_size), drawn, mark)


def _editions(
    name: str, one: Tradeoff, naming: Naming, looks: Mapping[str, LineStyle], sheet: StyleSheet, *, both: bool
) -> tuple[Edition, ...]:
    latencies = [point.tpot_ms for point in one.points]

    def draw(logarithmic: bool, spare: bool) -> str:
        return _chart(name, one, naming, looks, sheet, logarithmic=logarithmic, spare=spare)

    return editions(draw, latencies, logarithmic=max(latencies) / min(latencies) >= LOG_FROM, both=both)


def _chart(
    name: str,
    one: Tradeoff,
    naming: Naming,
    looks: Mapping[str, LineStyle],
    sheet: StyleSheet,
    *,
    logarithmic: bool,
    spare: bool,
) -> str:
    latencies = [point.tpot_ms for point in one.points]
    with drawing(name, CHART_INCHES, spare=spare) as canvas:
        axes = canvas.figure.subplots()
        axes.set_xlim(0, one.points[-1].peak_bytes / 1e6 * 1.06)
        value_axis(axes, latencies, logarithmic=logarithmic)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))
        axes.set_xlabel(text.TRADEOFF_X_AXIS)
        axes.set_ylabel(text.TRADEOFF_Y_AXIS_LOG if logarithmic else text.TRADEOFF_Y_AXIS)
        axes.grid(visible=True)
        canvas.settle()
        _front(axes, one)
        for point in one.points:
            words = text.TRADEOFF_TIP.format(
                name=naming.of(point.cell.load),
                tpot=number(point.tpot_ms),
                peak=megabytes(point.peak_bytes),
                best=text.TRADEOFF_TIP_BEST if point.best else "",
            )
            look = _looks(point.cell, naming, looks)
            tip = canvas.point(words, look.number, one.prompt_tokens)
            _point(axes, (point.peak_bytes / 1e6, point.tpot_ms), look, tip)
        return canvas.finish(sheet, text.TRADEOFF_LABEL)


def _looks(cell: CellResult, naming: Naming, looks: Mapping[str, LineStyle]) -> LineStyle:
    series = naming.series_of(cell.load)
    assert series is not None
    return looks[series.key]


def _front(axes: Any, one: Tradeoff) -> None:
    """Rings around the best, joined by steps: what lies above a step is beaten."""
    best = [(point.peak_bytes / 1e6, point.tpot_ms) for point in one.points if point.best]
    way = [(best[0][0], axes.get_ylim()[1]), *best, (axes.get_xlim()[1], best[-1][1])]
    axes.plot(*zip(*way, strict=True), drawstyle="steps-post", color=MUTED, linewidth=1.0, dashes=(4, 3), zorder=2)
    rings = chain([place] for place in best)
    axes.plot(*rings, linestyle="none", marker="o", markersize=12, fillstyle="none", color=TEXT, markeredgewidth=1.1)


def _point(axes: Any, place: tuple[float, float], looks: LineStyle, tip: str) -> None:
    x, y = place
    axes.add_artist(Line2D([x], [y], linestyle="none", zorder=4, gid=tip, **marked(looks, 6.4)))
