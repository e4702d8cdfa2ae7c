"""Charts over prompt length: one line per configuration, with intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.analyse.interval import Estimate
from bench.analyse.results import CellResult, Ranking
from bench.metrics import CHARTED
from bench.report import metric_words, text
from bench.report.drawing.canvas import LOG_FROM, Drawing, chain, drawing, value_axis
from bench.report.drawing.editions import Edition, editions
from bench.report.drawing.style import MUTED, LineStyle, marked
from bench.report.drawing.svg import StyleSheet, Symbol, as_symbol
from bench.report.format import factor, interval, number
from bench.report.names import Series

_CHART_INCHES = (5.6, 3.9)


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
        metric: one of :data:`bench.metrics.CHARTED`.
    """
    lines = [(one, [_point(one, cell, metric) for cell in one.cells if getattr(cell, metric)]) for one in series]
    return [line for line in lines if line[1]]


def _point(one: Series, cell: CellResult, metric: str) -> Point:
    estimate = getattr(cell, metric).estimate
    return Point(cell.prompt_tokens, estimate, _tip(one, cell, metric_words.name(metric), estimate))


def quantile_lines(series: Sequence[Series], quantile: str) -> list[Line]:
    """A quantile of a cell's inter-token latencies, without an interval; where the sample can carry one.

    Args:
        series: as for :func:`metric_lines`.
        quantile: an attribute of :class:`bench.analyse.results.Quantiles`.
    """
    lines = [(one, [point for cell in one.cells if (point := _quantile(one, cell, quantile))]) for one in series]
    return [line for line in lines if line[1]]


def _quantile(one: Series, cell: CellResult, quantile: str) -> Point | None:
    value = getattr(cell.itl_ms, quantile)
    if value is None:
        return None
    estimate = Estimate(value, None, None, cell.blocks)
    return Point(cell.prompt_tokens, estimate, _tip(one, cell, text.ITL_NAMES[quantile], estimate))


def ratio_lines(series: Sequence[Series], rankings: Sequence[Ranking]) -> list[Line]:
    """Time to first token over the lowest at the same shape; the lowest itself is 1 and has no interval.

    First asks alone: a prefix-cache hit has no place on that scale. Empty where nothing stands beside the lowest.
    """
    ratios: dict[str, Estimate] = {}
    for ranking in rankings:
        if ranking.metric == "ttft_ms" and ranking.ask == "first" and ranking.rivals:
            ratios[ranking.winner.cell_key] = Estimate(1.0, None, None, ranking.lowest.blocks)
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
    return f"{_at(one, cell)}: {factor(over.value)} ({interval(over) or text.NO_INTERVAL})"


def _tip(one: Series, cell: CellResult, metric: str, estimate: Estimate) -> str:
    return text.POINT_TIP.format(
        at=_at(one, cell),
        metric=metric,
        value=number(estimate.value),
        interval=interval(estimate) or text.NO_INTERVAL,
        n=number(cell.generations, 0),
    )


def _at(one: Series, cell: CellResult) -> str:
    return text.AT_PROMPT.format(name=one.name, prompt=number(cell.prompt_tokens, 0))


def over_prompt_length(
    name: str, metric: str, lines: Sequence[Line], looks: dict[str, LineStyle], sheet: StyleSheet, *, both: bool
) -> tuple[Edition, ...]:
    """Values over prompt length, one line per series, with interval bars.

    Args:
        name: of the drawing, unique in its page.
        metric: ``ratio``, a quantile or one of the cells' metrics; decides the axis.
        lines: at least one.
        looks: series key -> looks.
        sheet: takes up the styles.
        both: whether to draw it on the other axis too; a ratio never is.
    """
    values = [point.estimate.value for _, points in lines for point in points]

    def draw(logarithmic: bool, spare: bool) -> str:
        return _over_prompt_length(name, metric, lines, looks, sheet, logarithmic=logarithmic, spare=spare)

    suited = metric == "ttft_ms" or max(values) / min(values) >= LOG_FROM
    return editions(draw, values, logarithmic=suited, both=both and metric != "ratio")


def _over_prompt_length(
    name: str,
    metric: str,
    lines: Sequence[Line],
    looks: dict[str, LineStyle],
    sheet: StyleSheet,
    *,
    logarithmic: bool,
    spare: bool,
) -> str:
    values = [point.estimate.value for _, points in lines for point in points]
    ends = [end for _, points in lines for point in points for end in _ends(point.estimate)]
    lengths = sorted({point.prompt_tokens for _, points in lines for point in points})
    # Moved sideways, a point of a steep line would seem to lie on another height.
    room = 0.05 if metric in ("ttft_ms", "response_ms") else 0.3
    with drawing(name, _CHART_INCHES, spare=spare) as canvas:
        axes = canvas.figure.subplots()
        _prompt_axis(axes, lengths)
        value_axis(axes, [*values, *ends], logarithmic=logarithmic)
        if metric == "ratio" and not logarithmic:
            _ratio_axis(axes, [*values, *ends])
        axes.grid(visible=True, axis="y")
        canvas.settle()
        for index, (one, points) in enumerate(lines):
            _draw_line(canvas, axes, points, looks[one.key], _shift(index, len(lines), lengths, room))
        named = metric_words.name(metric) if metric in CHARTED else text.ITL_NAMES.get(metric, text.RATIO_NAME)
        return canvas.finish(sheet, text.LINES_LABEL.format(metric=named))


def _ends(estimate: Estimate) -> tuple[float, ...]:
    return () if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def _shift(index: int, count: int, lengths: Sequence[int], room: float) -> float:
    """A factor on the prompt length that moves lines apart, by ``room`` of the step to the next length in all."""
    steps = [after / before for before, after in itertools.pairwise(lengths)]
    whole = min(math.log(min(steps, default=4.0)) * room, math.log(2))
    return math.exp(whole * ((index + 0.5) / count - 0.5))


def _draw_line(canvas: Drawing, axes: Any, points: Sequence[Point], looks: LineStyle, shift: float) -> None:
    xs = [point.prompt_tokens * shift for point in points]
    ys = [point.estimate.value for point in points]
    own = {"line": looks.number}
    (line,) = axes.plot(xs, ys, color=looks.colour, linewidth=1.6, zorder=3, gid=canvas.tip("", **own))
    if looks.dashes:
        line.set_dashes(looks.dashes)
    ends = [(x, _ends(point.estimate)) for x, point in zip(xs, points, strict=True)]
    bars = chain([(x, low_or_high) for low_or_high in both] for x, both in ends if both)
    bar = {"color": looks.colour, "linewidth": 1.1}
    axes.plot(*bars, zorder=2.5, solid_capstyle="butt", gid=canvas.tip("", **own), **bar)
    axes.plot(*bars, linestyle="none", marker="_", markersize=4.5, gid=canvas.tip("", **own), **bar)
    # A run of many cells has a thousand points: they are added as they are, without a look at the axes' limits.
    gid = canvas.points([(point.tip, point.prompt_tokens) for point in points], looks.number)
    # The axes hold them all, and a clip for each would make a large page larger by a tenth of a megabyte.
    axes.add_artist(Line2D(xs, ys, linestyle="none", zorder=4, gid=gid, clip_on=False, **marked(looks, 6.4)))


def _prompt_axis(axes: Any, lengths: Sequence[int]) -> None:
    axes.set_xscale("log")
    if lengths:
        axes.set_xlim(lengths[0] / 1.6, lengths[-1] * 1.6)
    shown = _thinned(lengths)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0)))
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


def _ratio_axis(axes: Any, values: Sequence[float]) -> None:
    low, high = min(1.0, *values), max(*values, 1.05)
    margin = 0.06 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.axhline(1.0, color=MUTED, linewidth=0.9, zorder=1)


def swatch(name: str, looks: LineStyle, sheet: StyleSheet) -> Symbol:
    """A piece of line with its marker, for a legend."""
    with drawing(name, (0.5, 0.17), None) as canvas:
        line = Line2D([0, 1], [0.5, 0.5], color=looks.colour, linewidth=1.7)
        if looks.dashes:
            line.set_dashes(looks.dashes)
        # Straight onto the figure: axes take longer than what they hold.
        canvas.figure.add_artist(line)
        canvas.figure.add_artist(Line2D([0.5], [0.5], linestyle="none", **marked(looks, 6.4)))
        return as_symbol(name, canvas.written(), sheet)
