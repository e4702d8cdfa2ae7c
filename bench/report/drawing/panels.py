"""Small drawings, one per configuration: latency along the answer, and how it spreads.

To lay out and draw axes takes longer than all that a panel shows, so panels with the same axes share a frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from markupsafe import Markup
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from bench.analyse.results import CellResult, Histogram, Quantiles, TokenSeries
from bench.report.drawing.canvas import (
    Drawing,
    Frame,
    add_line,
    chain,
    drawing,
    log_ticks,
    set_ticks,
    value_axis,
    wide,
)
from bench.report.drawing.style import ACCENT, PAPER, SOLID, TEXT, Dashes, LineStyle
from bench.report.drawing.svg import Sheet
from bench.report.format import number
from bench.report.language import gettext as _
from bench.report.names import Series

_WIDTH, _HEIGHT = 3.9, 2.35
# Light to full, so that a longer prompt is a stronger line; the dash differs too.
_STRENGTHS: Sequence[tuple[float, Dashes]] = ((0.45, (1.2, 1.6)), (0.72, (5, 2)), (1.0, SOLID))


@dataclass(frozen=True, slots=True)
class Panel:
    """One configuration's drawing."""

    series: Series
    title: str
    lengths: str
    svg: Markup


Titled = Sequence[tuple[str, Series]]
"""Lines of one combination of new tokens and batch size, with their titles."""


def along_panels(lines: Titled, styles: Mapping[str, LineStyle], sheet: Sheet) -> Iterator[Panel]:
    """Latency of token k, one line with its band per prompt length; a value axis that all panels share."""
    every = [cell.along for _, one in lines for cell in one.cells if cell.along]
    # Single spikes in a band must not flatten every line; they are cut, and the page says so.
    tops = [(*one.median, sorted(one.p90)[int(0.9 * (len(one.p90) - 1))]) for one in every]
    top = max(map(max, tops), default=1.0)
    medians = [value for one in every for value in one.median if value > 0]
    logarithmic = bool(medians) and wide(medians)
    bottom = min((value for one in every for value in one.p10 if value > 0), default=0.1)
    low, high = (bottom / 1.15, top * 1.15) if logarithmic else (0, top * 1.12 or 1.0)

    def scales(axes: Any, first: float, last: float) -> None:
        value_axis(axes, [low or high / 2, high], logarithmic=logarithmic)
        axes.set_ylim(low, high)
        margin = 0.05 * (last - first) or 0.05
        axes.set_xlim(first - margin, last + margin)

    @cache
    def frame(first: float, last: float) -> Frame:
        with drawing(sheet, (_WIDTH, _HEIGHT)) as canvas:
            axes = canvas.figure.subplots()
            scales(axes, first, last)
            axes.set_xlabel(_("token of the answer"))
            axes.set_ylabel(_("ms per token"))
            axes.grid(visible=True, axis="y")
            return canvas.as_frame()

    label = _("latency of each token along the answer, median and band from the 10th to 90th percentile")
    for title, one in lines:
        shown = [(cell, cell.along) for cell in one.cells if cell.along]
        tokens = [token for _, series in shown for token in (series.token[0], series.token[-1])]
        ends = min(tokens), max(tokens)
        with drawing(sheet, (_WIDTH, _HEIGHT), None) as canvas:
            axes = _axes(canvas, frame(*ends))
            scales(axes, *ends)
            _along(canvas, axes, shown, styles[one.key].colour)
            lengths = ", ".join(number(cell.prompt_tokens, 0) for cell in one.cells)
            yield Panel(one, title, _("prompt {lengths}").format(lengths=lengths), canvas.svg(label, frame(*ends)))


def _axes(canvas: Drawing, frame: Frame) -> Any:
    axes = canvas.figure.add_axes(frame.place)
    axes.set_axis_off()
    return axes


def _along(canvas: Drawing, axes: Any, shown: Sequence[tuple[CellResult, TokenSeries]], colour: str) -> None:
    bands = [
        [*zip(one.token, one.p10, strict=True), *zip(one.token[::-1], one.p90[::-1], strict=True)] for _, one in shown
    ]
    axes.add_artist(PolyCollection(bands, facecolors=[colour], alpha=0.14, linewidths=[0]))
    for index, (cell, one) in enumerate(shown):
        # The last, longest prompt is full and solid; at most three kinds of line, spread over all.
        alpha, dashes = _STRENGTHS[2 if len(shown) == 1 else round(2 * index / (len(shown) - 1))]
        tip = _("prompt {prompt}: median of {n} generations").format(
            prompt=number(cell.prompt_tokens, 0), n=number(cell.generations, 0)
        )
        style = {"color": colour, "alpha": alpha, "dashes": dashes, "linewidth": 1.5}
        add_line(axes, one.token, one.median, **style, gid=[canvas.tooltip(tip)])


def spread_panels(lines: Titled, styles: Mapping[str, LineStyle], sheet: Sheet) -> Iterator[Panel]:
    """Inter-token latencies, one ridge per prompt length, shortest prompt on top; one latency axis for all panels."""
    every = [cell.histogram for _, one in lines for cell in one.cells if cell.histogram]
    low = min((one.edges[0] for one in every), default=1.0) / 1.08
    high = max((one.edges[-1] for one in every), default=10.0) * 1.08

    def scales(axes: Any, rows: int) -> None:
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_ylim(-0.12, rows - 0.05)

    @cache
    def frame(lengths: tuple[str, ...]) -> Frame:
        with drawing(sheet, _spread_inches(len(lengths))) as canvas:
            axes = canvas.figure.subplots()
            scales(axes, len(lengths))
            set_ticks(axes.xaxis, log_ticks(low, high))
            set_ticks(axes.yaxis, range(len(lengths)), lambda row: lengths[round(row)])
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.set_ylabel(_("prompt tokens"))
            axes.set_xlabel(_("inter-token latency, ms"))
            axes.grid(visible=True, axis="x")
            return canvas.as_frame()

    label = _("distribution of inter-token latency, one ridge per prompt length")
    for title, one in lines:
        shown = [(cell, cell.histogram) for cell in reversed(one.cells) if cell.histogram]
        own = frame(tuple(number(cell.prompt_tokens, 0) for cell, _ in shown))
        with drawing(sheet, _spread_inches(len(shown)), None) as canvas:
            axes = _axes(canvas, own)
            scales(axes, len(shown))
            _ridges(axes, [shape for _, shape in shown], styles[one.key].colour)
            _quantiles(axes, [cell.itl_ms for cell, _ in shown])
            yield Panel(one, title, "", canvas.svg(label, own))


def _spread_inches(rows: int) -> tuple[float, float]:
    return _WIDTH, max(1.5, 0.62 + 0.42 * rows)


def _ridges(axes: Any, shapes: Sequence[Histogram], colour: str) -> None:
    """All ridges of a panel, the lowest first, as one drawing."""
    outlines = []
    for base, shape in enumerate(shapes):
        # Density over the logarithm: bins are equally wide there, so counts are it.
        peak = max(shape.counts) or 1
        heights = [base + 0.82 * count / peak for count in shape.counts]
        tops = [(edge, height) for height, bin_ in zip(heights, pairwise(shape.edges), strict=True) for edge in bin_]
        outlines.append(Path([(shape.edges[0], base), *tops, (shape.edges[-1], base)]))
    axes.add_artist(
        PathPatch(Path.make_compound_path(*outlines), facecolor=to_rgba(colour, 0.45), edgecolor=colour, linewidth=0.9)
    )
    floors = chain([(shape.edges[0], base), (shape.edges[-1], base)] for base, shape in enumerate(shapes))
    add_line(axes, *floors, color=colour, linewidth=0.9)


def _quantiles(axes: Any, quantiles: Sequence[Quantiles]) -> None:
    """A tick at each median, and a triangle at each 95th percentile."""
    medians = [(base, one["p50"]) for base, one in enumerate(quantiles) if one["p50"] is not None]
    ticks = chain([(median, base - 0.06), (median, base + 0.3)] for base, median in medians)
    add_line(axes, *ticks, color=TEXT, linewidth=1.6, solid_capstyle="butt")
    highs = [(one["p95"], base - 0.02) for base, one in enumerate(quantiles) if one["p95"] is not None]
    triangle = {"marker": "^", "markersize": 5, "color": ACCENT, "markeredgecolor": PAPER, "linestyle": "none"}
    add_line(axes, [x for x, _ in highs], [y for _, y in highs], **triangle)
