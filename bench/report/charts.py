"""The drawings of a report. Only this module imports matplotlib, and only the page stage imports this module.

Names from data stay out of the drawings (the page writes them beside), so that no string can be taken for markup or
mathematics, or lack a glyph.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult, Ranking, TokenSeries
from bench.report import text
from bench.report.format import factor, interval, number
from bench.report.names import Series
from bench.report.style import ACCENT, GRID, MUTED, PAPER, TEXT, LineStyle
from bench.report.svg import TIP, StyleSheet, Symbol, as_symbol, embed

_RC = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.5,
    "text.color": TEXT,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "path.simplify": False,
}
_CHART_INCHES = (5.6, 3.9)
_PANEL_INCHES = (3.9, 2.35)
_LOG_FROM = 12
"""From this ratio of largest to smallest on, an axis from zero would flatten what is small."""


@dataclass(slots=True)
class _Drawing:
    """A figure under way, with the tooltips of its points."""

    name: str
    figure: Figure
    tips: dict[str, str] = field(default_factory=dict)

    def tip(self, words: str) -> str:
        key = str(len(self.tips))
        self.tips[key] = words
        return TIP + key

    def written(self) -> str:
        stream = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": self.name}):
            self.figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        return stream.getvalue()

    def finish(self, sheet: StyleSheet, label: str) -> str:
        return embed(self.written(), sheet, label, self.tips)


@contextmanager
def _drawing(
    name: str, inches: tuple[float, float], layout: Literal["constrained"] | None = "constrained"
) -> Iterator[_Drawing]:
    with mpl.rc_context(_RC):
        yield _Drawing(name, Figure(figsize=inches, layout=layout))


@dataclass(frozen=True, slots=True)
class LineChart:
    """A drawing, and whether its value axis is logarithmic."""

    svg: str
    logarithmic: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a line, with its tooltip."""

    prompt_tokens: int
    estimate: Estimate
    tip: str


Line = tuple[Series, list[Point]]


def metric_lines(series: Sequence[Series], metric: str) -> list[Line]:
    """The points of one metric of a cell, a line per series that has any.

    Args:
        series: with cells of one combination of new tokens and batch size only.
        metric: ``ttft_ms``, ``tpot_ms`` or ``response_ms``.
    """
    lines = [(one, [_point(one, cell, metric) for cell in one.cells if getattr(cell, metric)]) for one in series]
    return [line for line in lines if line[1]]


def _point(one: Series, cell: CellResult, metric: str) -> Point:
    estimate = getattr(cell, metric).estimate
    figures = f"{number(estimate.value)} ms ({interval(estimate) or 'no interval'}), n = {cell.generations}"
    return Point(cell.prompt_tokens, estimate, f"{_at(one, cell)}: {text.METRIC_NAMES[metric]} {figures}")


def ratio_lines(series: Sequence[Series], rankings: Sequence[Ranking]) -> list[Line]:
    """Time to first token over the lowest at the same shape; the lowest itself is 1 and has no interval.

    Empty where nothing stands beside the lowest.
    """
    ratios: dict[str, Estimate] = {}
    for ranking in rankings:
        if ranking.metric == "ttft_ms" and ranking.rivals:
            ratios[ranking.winner.cell_key] = Estimate(1.0, None, None, ranking.winner.blocks)
            ratios |= {rival.cell.cell_key: rival.ratio for rival in ranking.rivals}
    lines = []
    for one in series:
        cells = [cell for cell in one.cells if cell.cell_key in ratios]
        points = [Point(cell.prompt_tokens, ratios[cell.cell_key], _ratio_tip(one, cell, ratios)) for cell in cells]
        if points:
            lines.append((one, points))
    return lines


def _ratio_tip(one: Series, cell: CellResult, ratios: dict[str, Estimate]) -> str:
    over = ratios[cell.cell_key]
    return f"{_at(one, cell)}: {factor(over.value)} ({interval(over) or 'no interval'})"


def _at(one: Series, cell: CellResult) -> str:
    return f"{one.name}, prompt {cell.prompt_tokens:,}"


def over_prompt_length(
    name: str, metric: str, lines: Sequence[Line], looks: dict[str, LineStyle], sheet: StyleSheet
) -> LineChart:
    """Values over prompt length, one line per series, with interval bars.

    Args:
        name: of the drawing, unique in its page.
        metric: ``ratio`` or one of the cells' metrics; decides the axis.
        lines: at least one.
        looks: series key -> looks.
        sheet: takes up the styles.
    """
    values = [point.estimate.value for _, points in lines for point in points]
    ends = [end for _, points in lines for point in points for end in _ends(point.estimate)]
    lengths = sorted({point.prompt_tokens for _, points in lines for point in points})
    logarithmic = metric == "ttft_ms" or max(values) / min(values) >= _LOG_FROM
    # Moved sideways, a point of a steep line would seem to lie on another height.
    room = 0.05 if metric in ("ttft_ms", "response_ms") else 0.3
    with _drawing(name, _CHART_INCHES) as drawing:
        axes = drawing.figure.subplots()
        for index, (one, points) in enumerate(lines):
            _draw_line(drawing, axes, points, looks[one.key], _shift(index, len(lines), lengths, room))
        _prompt_axis(axes, lengths)
        _value_axis(axes, [*values, *ends], logarithmic=logarithmic)
        if metric == "ratio" and not logarithmic:
            _ratio_axis(axes, [*values, *ends])
        axes.grid(visible=True, axis="y")
        named = "time to first token over the lowest" if metric == "ratio" else text.METRIC_NAMES[metric]
        label = f"{named}, by prompt length, one line per configuration, as in the table"
        return LineChart(drawing.finish(sheet, label), logarithmic)


def _ends(estimate: Estimate) -> tuple[float, ...]:
    return () if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def _shift(index: int, count: int, lengths: Sequence[int], room: float) -> float:
    """A factor on the prompt length that moves lines apart, by ``room`` of the step to the next length in all."""
    steps = [after / before for before, after in itertools.pairwise(lengths)]
    whole = min(math.log(min(steps, default=4.0)) * room, math.log(2))
    return math.exp(whole * ((index + 0.5) / count - 0.5))


def _draw_line(drawing: _Drawing, axes: Any, points: Sequence[Point], looks: LineStyle, shift: float) -> None:
    xs = [point.prompt_tokens * shift for point in points]
    ys = [point.estimate.value for point in points]
    (line,) = axes.plot(xs, ys, color=looks.colour, linewidth=1.6, zorder=3)
    if looks.dashes:
        line.set_dashes(looks.dashes)
    for x, y, point in zip(xs, ys, points, strict=True):
        if ends := _ends(point.estimate):
            axes.plot([x, x], ends, color=looks.colour, linewidth=1.1, zorder=2.5, solid_capstyle="butt")
            axes.plot([x, x], ends, color=looks.colour, linewidth=1.1, linestyle="none", marker="_", markersize=4.5)
        axes.plot([x], [y], linestyle="none", zorder=4, gid=drawing.tip(point.tip), **_marker(looks, 6.4))


# Triangles and diamonds look smaller than discs of the same size.
_SIZES = {"^": 1.2, "v": 1.2, "D": 0.92}


def _marker(looks: LineStyle, size: float) -> dict[str, Any]:
    face = PAPER if looks.fill == "none" else looks.colour
    half = {"fillstyle": "left", "markerfacecoloralt": PAPER} if looks.fill == "left" else {}
    return {
        "marker": looks.marker,
        "markersize": size * _SIZES.get(looks.marker, 1.0),
        "markerfacecolor": face,
        "markeredgecolor": PAPER if looks.fill == "full" else looks.colour,
        "markeredgewidth": 0.9 if looks.fill == "full" else 1.4,
        **half,
    }


def _prompt_axis(axes: Any, lengths: Sequence[int]) -> None:
    axes.set_xscale("log")
    if lengths:
        axes.set_xlim(lengths[0] / 1.6, lengths[-1] * 1.6)
    shown = _thinned(lengths)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(text.PROMPT_AXIS)


def _thinned(lengths: Sequence[int]) -> list[int]:
    """Lengths far enough apart that their labels do not touch; the last one always."""
    if not lengths:
        return []
    room = (math.log(lengths[-1] / lengths[0]) or 1.0) / 9
    kept: list[int] = []
    for length in reversed(lengths):
        if not kept or math.log(kept[-1] / length) >= room:
            kept.append(length)
    return kept[::-1]


def _value_axis(axes: Any, values: Sequence[float], *, logarithmic: bool) -> None:
    if not values:
        return
    low, high = min(values), max(values)
    if logarithmic:
        low, high = low / 1.15, high * 1.15
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(FixedLocator(log_ticks(low, high)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, high * 1.06)
        axes.yaxis.get_major_locator().set_params(nbins=7)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))


def log_ticks(low: float, high: float) -> list[float]:
    """Some three to eight round values within ``low`` to ``high`` (both positive), none too near another."""
    if high / low < 2.5:
        return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(ticks) >= 5:
            break
    return _spaced(ticks, (high / low) ** (1 / 9))


def _spaced(ticks: Sequence[float], apart: float) -> list[float]:
    """Those of ``ticks`` that are at least a factor ``apart`` from the one kept before."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or tick >= kept[-1] * apart:
            kept.append(tick)
    return kept


def _ratio_axis(axes: Any, values: Sequence[float]) -> None:
    low, high = min(1.0, *values), max(*values, 1.05)
    margin = 0.06 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.axhline(1.0, color=MUTED, linewidth=0.9, zorder=1)


def _tick(value: float) -> str:
    return f"{value:,.10g}" if value < 1e6 else f"{value:,.0f}"


@dataclass(frozen=True, slots=True)
class PanelScale:
    """What all panels of a section share."""

    low: float
    high: float
    logarithmic: bool


def along_scale(cells: Iterable[CellResult]) -> PanelScale:
    """The value axis of all panels of latency along the generation."""
    series = [cell.along for cell in cells if cell.along]
    # Single spikes in a band must not flatten every line; they are cut, and the page says so.
    top = max((_steady_top(one) for one in series), default=1.0)
    medians = [value for one in series for value in one.median if value > 0]
    logarithmic = bool(medians) and max(medians) / min(medians) >= _LOG_FROM
    bottom = min((value for one in series for value in one.p10 if value > 0), default=0.1)
    return PanelScale(bottom / 1.15, top * 1.15, True) if logarithmic else PanelScale(0, top * 1.12 or 1.0, False)


def _steady_top(one: TokenSeries) -> float:
    ordered = sorted(one.p90)
    return max(*one.median, ordered[int(0.9 * (len(ordered) - 1))])


# Light to full, so that a longer prompt is a stronger line; the dash differs too.
_STRENGTHS = (0.45, 0.72, 1.0)
_STRENGTH_DASHES: tuple[tuple[float, ...] | None, ...] = ((1.2, 1.6), (5, 2), None)


def along_panel(name: str, cells: Sequence[CellResult], colour: str, scale: PanelScale, sheet: StyleSheet) -> str:
    """Latency of token k, one line with its band per prompt length."""
    shown = [cell for cell in cells if cell.along]
    with _drawing(name, _PANEL_INCHES) as drawing:
        axes = drawing.figure.subplots()
        for index, cell in enumerate(shown):
            series = cell.along
            assert series is not None
            strength, dashes = _strength(index, len(shown))
            axes.fill_between(series.token, series.p10, series.p90, color=colour, alpha=0.14, linewidth=0)
            (line,) = axes.plot(
                series.token,
                series.median,
                color=colour,
                alpha=strength,
                linewidth=1.5,
                gid=drawing.tip(_along_tip(cell)),
            )
            if dashes:
                line.set_dashes(dashes)
        _value_axis(axes, [scale.low or scale.high / 2, scale.high], logarithmic=scale.logarithmic)
        axes.set_ylim(scale.low, scale.high)
        axes.set_xlabel(text.ALONG_AXIS)
        axes.set_ylabel(text.LATENCY_AXIS)
        axes.grid(visible=True, axis="y")
        return drawing.finish(
            sheet, "latency of each token along the answer, median and band from the 10th to 90th percentile"
        )


def _strength(index: int, count: int) -> tuple[float, tuple[float, ...] | None]:
    """The last, longest prompt is full and solid; at most three kinds of line, spread over all."""
    step = 2 if count == 1 else round(2 * index / (count - 1))
    return _STRENGTHS[step], _STRENGTH_DASHES[step]


def _along_tip(cell: CellResult) -> str:
    return f"prompt {cell.prompt_tokens:,}: median of {cell.generations} generations"


def spread_scale(cells: Iterable[CellResult]) -> PanelScale:
    """The latency axis of all spread panels."""
    shapes = [cell.histogram for cell in cells if cell.histogram]
    low = min((one.edges[0] for one in shapes), default=1.0)
    high = max((one.edges[-1] for one in shapes), default=10.0)
    return PanelScale(low / 1.08, high * 1.08, True)


def spread_panel(name: str, cells: Sequence[CellResult], colour: str, scale: PanelScale, sheet: StyleSheet) -> str:
    """Inter-token latencies, one ridge per prompt length, shortest prompt on top."""
    shown = [cell for cell in cells if cell.histogram]
    height = max(1.5, 0.62 + 0.42 * len(shown))
    with _drawing(name, (_PANEL_INCHES[0], height)) as drawing:
        axes = drawing.figure.subplots()
        for index, cell in enumerate(shown):
            _ridge(axes, cell, len(shown) - 1 - index, colour)
        axes.set_xscale("log")
        axes.set_xlim(scale.low, scale.high)
        axes.xaxis.set_major_locator(FixedLocator(log_ticks(scale.low, scale.high)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
        axes.set_ylim(-0.12, len(shown) - 0.05)
        axes.set_yticks(range(len(shown)), [f"{cell.prompt_tokens:,}" for cell in reversed(shown)])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylabel(text.PROMPT_AXIS)
        axes.set_xlabel(text.SPREAD_AXIS)
        axes.grid(visible=True, axis="x")
        return drawing.finish(sheet, "distribution of inter-token latency, one ridge per prompt length")


def _ridge(axes: Any, cell: CellResult, base: float, colour: str) -> None:
    shape = cell.histogram
    assert shape is not None
    # Density over the logarithm: bins are equally wide there, so counts are it.
    peak = max(shape.counts) or 1
    heights = [base + 0.82 * count / peak for count in shape.counts]
    axes.stairs(heights, shape.edges, baseline=base, fill=True, color=colour, alpha=0.45, linewidth=0)
    axes.stairs(heights, shape.edges, baseline=base, color=colour, linewidth=0.9)
    axes.plot([shape.edges[0], shape.edges[-1]], [base, base], color=colour, linewidth=0.9)
    if cell.itl_ms.p50 is not None:
        axes.plot([cell.itl_ms.p50] * 2, [base - 0.06, base + 0.3], color=TEXT, linewidth=1.6, solid_capstyle="butt")
    if cell.itl_ms.p95 is not None:
        axes.plot([cell.itl_ms.p95], [base - 0.02], marker="^", markersize=5, color=ACCENT, markeredgecolor=PAPER)


def swatch(name: str, looks: LineStyle, sheet: StyleSheet) -> Symbol:
    """A piece of line with its marker, for a legend."""
    with _drawing(name, (0.5, 0.17), None) as drawing:
        axes = drawing.figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        (line,) = axes.plot([0, 1], [0, 0], color=looks.colour, linewidth=1.7)
        if looks.dashes:
            line.set_dashes(looks.dashes)
        axes.plot([0.5], [0], linestyle="none", **_marker(looks, 6.4))
        axes.set_xlim(0, 1)
        axes.set_ylim(-1, 1)
        return as_symbol(name, drawing.written(), sheet)
