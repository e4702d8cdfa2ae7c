"""Small drawings, one per configuration: latency along the answer, and how it spreads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.analyse.results import CellResult, TokenSeries
from bench.report import text
from bench.report.canvas import LOG_FROM, drawing, log_ticks, tick_label, value_axis
from bench.report.style import ACCENT, PAPER, TEXT
from bench.report.svg import StyleSheet

_PANEL_INCHES = (3.9, 2.35)


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
    shown = [cell for cell in cells if cell.along]
    with drawing(name, _PANEL_INCHES) as canvas:
        axes = canvas.figure.subplots()
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
                gid=canvas.tip(_along_tip(cell)),
            )
            if dashes:
                line.set_dashes(dashes)
        value_axis(axes, [scale.low or scale.high / 2, scale.high], logarithmic=scale.logarithmic)
        axes.set_ylim(scale.low, scale.high)
        axes.set_xlabel(text.ALONG_AXIS)
        axes.set_ylabel(text.LATENCY_AXIS)
        axes.grid(visible=True, axis="y")
        return canvas.finish(
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
    with drawing(name, (_PANEL_INCHES[0], height)) as canvas:
        axes = canvas.figure.subplots()
        for index, cell in enumerate(shown):
            _ridge(axes, cell, len(shown) - 1 - index, colour)
        axes.set_xscale("log")
        axes.set_xlim(scale.low, scale.high)
        axes.xaxis.set_major_locator(FixedLocator(log_ticks(scale.low, scale.high)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))
        axes.set_ylim(-0.12, len(shown) - 0.05)
        axes.set_yticks(range(len(shown)), [f"{cell.prompt_tokens:,}" for cell in reversed(shown)])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylabel(text.PROMPT_AXIS)
        axes.set_xlabel(text.SPREAD_AXIS)
        axes.grid(visible=True, axis="x")
        return canvas.finish(sheet, "distribution of inter-token latency, one ridge per prompt length")


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
