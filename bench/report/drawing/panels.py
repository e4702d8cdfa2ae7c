"""Small drawings, one per configuration: latency along the answer, and how it spreads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.analyse.results import CellResult, Histogram, Quantiles, TokenSeries
from bench.report import text
from bench.report.drawing.canvas import LOG_FROM, Frame, chain, drawing, log_ticks, tick_label, value_axis
from bench.report.drawing.style import ACCENT, PAPER, TEXT
from bench.report.drawing.svg import StyleSheet
from bench.report.format import number

_PANEL_INCHES = (3.9, 2.35)
_MOST_FRAMES = 16
"""Of one page, whose style sheet each is made for; those that are given up are made again."""


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
    logarithmic = bool(medians) and max(medians) / min(medians) >= LOG_FROM
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
    shown = [(cell, cell.along) for cell in cells if cell.along]
    ends = min(one.token[0] for _, one in shown), max(one.token[-1] for _, one in shown)
    frame = _along_frame(scale, ends, sheet)
    with drawing(name, _PANEL_INCHES, None) as canvas:
        axes = canvas.figure.add_axes(frame.place)
        axes.set_axis_off()
        _along_scales(axes, scale, ends)
        bands = [_outline(one) for _, one in shown]
        axes.add_artist(PolyCollection(bands, facecolors=[colour], alpha=0.14, linewidths=[0]))
        for index, (cell, one) in enumerate(shown):
            strength, dashes = _strength(index, len(shown))
            line = Line2D(
                one.token, one.median, color=colour, alpha=strength, linewidth=1.5, gid=canvas.tip(_along_tip(cell))
            )
            if dashes:
                line.set_dashes(dashes)
            axes.add_artist(line)
        return canvas.finish(sheet, text.ALONG_LABEL, frame)


@lru_cache(maxsize=_MOST_FRAMES)
def _along_frame(scale: PanelScale, ends: tuple[float, float], sheet: StyleSheet) -> Frame:
    """The axes of each panel of one scale: to lay them out and draw them takes longer than all that a panel shows."""
    with drawing("along", _PANEL_INCHES) as canvas:
        axes = canvas.figure.subplots()
        _along_scales(axes, scale, ends)
        axes.set_xlabel(text.ALONG_AXIS)
        axes.set_ylabel(text.LATENCY_AXIS)
        axes.grid(visible=True, axis="y")
        return canvas.as_frame(sheet)


def _along_scales(axes: Any, scale: PanelScale, ends: tuple[float, float]) -> None:
    value_axis(axes, [scale.low or scale.high / 2, scale.high], logarithmic=scale.logarithmic)
    axes.set_ylim(scale.low, scale.high)
    margin = 0.05 * (ends[1] - ends[0]) or 0.05
    axes.set_xlim(ends[0] - margin, ends[1] + margin)


def _outline(one: TokenSeries) -> list[tuple[float, float]]:
    there, back = zip(one.token, one.p10, strict=True), zip(one.token, one.p90, strict=True)
    return [*there, *reversed(list(back))]


def _strength(index: int, count: int) -> tuple[float, tuple[float, ...] | None]:
    """The last, longest prompt is full and solid; at most three kinds of line, spread over all."""
    step = 2 if count == 1 else round(2 * index / (count - 1))
    return _STRENGTHS[step], _STRENGTH_DASHES[step]


def _along_tip(cell: CellResult) -> str:
    return text.ALONG_TIP.format(prompt=number(cell.prompt_tokens, 0), n=number(cell.generations, 0))


def spread_scale(cells: Iterable[CellResult]) -> PanelScale:
    """The latency axis of all spread panels."""
    shapes = [cell.histogram for cell in cells if cell.histogram]
    low = min((one.edges[0] for one in shapes), default=1.0)
    high = max((one.edges[-1] for one in shapes), default=10.0)
    return PanelScale(low / 1.08, high * 1.08, True)


def spread_panel(name: str, cells: Sequence[CellResult], colour: str, scale: PanelScale, sheet: StyleSheet) -> str:
    """Inter-token latencies, one ridge per prompt length, shortest prompt on top."""
    shown = [(cell, cell.histogram) for cell in reversed(cells) if cell.histogram]
    lengths = tuple(number(cell.prompt_tokens, 0) for cell, _ in shown)
    frame = _spread_frame(scale, lengths, sheet)
    with drawing(name, _spread_inches(len(shown)), None) as canvas:
        axes = canvas.figure.add_axes(frame.place)
        axes.set_axis_off()
        _spread_scales(axes, scale, len(lengths))
        _ridges(axes, [shape for _, shape in shown], colour)
        _marks(axes, [cell.itl_ms for cell, _ in shown])
        return canvas.finish(sheet, text.SPREAD_LABEL, frame)


def _spread_inches(rows: int) -> tuple[float, float]:
    return _PANEL_INCHES[0], max(1.5, 0.62 + 0.42 * rows)


@lru_cache(maxsize=_MOST_FRAMES)
def _spread_frame(scale: PanelScale, lengths: tuple[str, ...], sheet: StyleSheet) -> Frame:
    with drawing("spread", _spread_inches(len(lengths))) as canvas:
        axes = canvas.figure.subplots()
        _spread_scales(axes, scale, len(lengths))
        _spread_ticks(axes, scale, lengths)
        return canvas.as_frame(sheet)


def _spread_scales(axes: Any, scale: PanelScale, rows: int) -> None:
    axes.set_xscale("log")
    axes.set_xlim(scale.low, scale.high)
    axes.set_ylim(-0.12, rows - 0.05)


def _spread_ticks(axes: Any, scale: PanelScale, lengths: Sequence[str]) -> None:
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(scale.low, scale.high)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))
    axes.set_yticks(range(len(lengths)), lengths)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylabel(text.PROMPT_AXIS)
    axes.set_xlabel(text.SPREAD_AXIS)
    axes.grid(visible=True, axis="x")


def _ridges(axes: Any, shapes: Sequence[Histogram], colour: str) -> None:
    """All ridges of a panel, the lowest first, as one drawing."""
    outlines = Path.make_compound_path(*(Path(_steps(shape, base)) for base, shape in enumerate(shapes)))
    fill = to_rgba(colour, 0.45)
    axes.add_artist(PathPatch(outlines, facecolor=fill, edgecolor=colour, linewidth=0.9))
    floors = chain([(shape.edges[0], base), (shape.edges[-1], base)] for base, shape in enumerate(shapes))
    axes.add_artist(Line2D(*floors, color=colour, linewidth=0.9))


def _steps(shape: Histogram, base: int) -> list[tuple[float, float]]:
    # Density over the logarithm: bins are equally wide there, so counts are it.
    peak = max(shape.counts) or 1
    heights = [base + 0.82 * count / peak for count in shape.counts]
    tops = [(edge, height) for height, bin_ in zip(heights, pairwise(shape.edges), strict=True) for edge in bin_]
    return [(shape.edges[0], base), *tops, (shape.edges[-1], base)]


def _marks(axes: Any, quantiles: Sequence[Quantiles]) -> None:
    medians = [(base, one.p50) for base, one in enumerate(quantiles) if one.p50 is not None]
    ticks = chain([(median, base - 0.06), (median, base + 0.3)] for base, median in medians)
    axes.add_artist(Line2D(*ticks, color=TEXT, linewidth=1.6, solid_capstyle="butt"))
    highs = [(base, one.p95) for base, one in enumerate(quantiles) if one.p95 is not None]
    axes.add_artist(
        Line2D(
            [p95 for _, p95 in highs],
            [base - 0.02 for base, _ in highs],
            linestyle="none",
            marker="^",
            markersize=5,
            color=ACCENT,
            markeredgecolor=PAPER,
        )
    )
