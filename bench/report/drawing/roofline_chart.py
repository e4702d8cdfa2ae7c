"""Decode rate against what the machine's memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.analyse.roofline import Roofline, RooflinePoint
from bench.report import text
from bench.report.drawing.canvas import drawing, log_ticks, tick_label, value_axis
from bench.report.drawing.style import MUTED, LineStyle, marked
from bench.report.drawing.svg import StyleSheet
from bench.report.format import megabytes, number, percent
from bench.report.names import Naming

_INCHES = (11.4, 4.2)
_SHARES = (1.0, 0.5, 0.25)
_DASHES: Mapping[float, tuple[float, ...] | None] = {1.0: None, 0.5: (5, 3), 0.25: (1.5, 2.5)}


@dataclass(frozen=True, slots=True)
class RooflineFigure:
    """The drawing with what is said beside it; the drawing is blank where no cell has a point."""

    svg: Markup
    notes: tuple[str, ...]
    points: tuple[RooflinePoint, ...]


def roofline_figure(
    roof: Roofline | None, naming: Naming, looks: Mapping[str, LineStyle], sheet: StyleSheet
) -> RooflineFigure | None:
    """A point per cell, bytes that a step reads to the right and steps a second upwards.

    Args:
        roof: of the run.
        naming: of its loads.
        looks: series key -> looks.
        sheet: takes up the styles.
    """
    if roof is None:
        return None
    if roof.bytes_per_s is None:
        return RooflineFigure(Markup(), (text.ROOFLINE_NO_BANDWIDTH,), ())
    svg = _chart(roof.bytes_per_s, roof.points, naming, looks, sheet) if roof.points else ""
    safe = Markup(svg)  # noqa: S704 - serialized by an XML writer, which escapes
    return RooflineFigure(safe, tuple(_notes(roof, roof.bytes_per_s)), roof.points)


def _notes(roof: Roofline, bytes_per_s: float) -> Iterator[str]:
    yield text.ROOFLINE_NOTE.format(rate=number(bytes_per_s / 1e9))
    if roof.points:
        whole = all(point.kv_bytes is not None for point in roof.points)
        yield text.ROOFLINE_CAVEATS.format(cache=text.ROOFLINE_KV_ALL if whole else text.ROOFLINE_KV_SOME)
    if roof.left_out:
        counted = {reason: text.plural(count, "cell") for reason, count in sorted(roof.left_out.items())}
        reasons = [text.ROOFLINE_REASONS[reason].format(cells=cells) for reason, cells in counted.items()]
        yield text.ROOFLINE_LEFT_OUT.format(reasons=text.listed(reasons))


def _chart(
    bytes_per_s: float,
    points: Sequence[RooflinePoint],
    naming: Naming,
    looks: Mapping[str, LineStyle],
    sheet: StyleSheet,
) -> str:
    sizes = [point.step_bytes / 1e6 for point in points]
    left, right = min(sizes) / 1.5, max(sizes) * 1.5
    with drawing("roofline", _INCHES) as canvas:
        axes = canvas.figure.subplots()
        limits = [bytes_per_s / 1e6 / left, bytes_per_s / 1e6 / right * _SHARES[-1]]
        _axes(axes, (left, right), [*limits, *(point.rate_per_s.value for point in points)])
        canvas.settle()
        for share in _SHARES:
            _limit(axes, bytes_per_s / 1e6 * share, share, (left, right))
        for point in points:
            series = naming.series_of(point.cell.load)
            assert series is not None
            place = [point.step_bytes / 1e6], [point.rate_per_s.value]
            look = looks[series.key]
            tip = canvas.point(_tip(series.name, point), look.number, point.cell.prompt_tokens)
            axes.add_artist(Line2D(*place, linestyle="none", zorder=4, gid=tip, **marked(look, 6.4)))
        return canvas.finish(sheet, text.ROOFLINE_LABEL)


def _axes(axes: Any, ends: tuple[float, float], heights: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*ends)
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(*ends)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))
    value_axis(axes, heights, logarithmic=True)
    axes.set_xlabel(text.ROOFLINE_X_AXIS)
    axes.set_ylabel(text.ROOFLINE_Y_AXIS)
    axes.grid(visible=True)


def _limit(axes: Any, megabytes_per_s: float, share: float, ends: tuple[float, float]) -> None:
    heights = [megabytes_per_s / end for end in ends]
    line = Line2D(ends, heights, color=MUTED, linewidth=1.4 if share == 1 else 1.0, zorder=1)
    if dashes := _DASHES[share]:
        line.set_dashes(dashes)
    axes.add_artist(line)
    axes.annotate(
        percent(share),
        (ends[0], heights[0]),
        xytext=(6, 1),
        textcoords="offset points",
        color=MUTED,
        fontsize=8.5,
        ha="left",
        va="bottom",
    )


def _tip(name: str, point: RooflinePoint) -> str:
    return text.ROOFLINE_TIP.format(
        name=name,
        prompt=number(point.cell.prompt_tokens, 0),
        rate=number(point.rate_per_s.value),
        limit=number(point.limit_per_s),
        share=percent(point.share),
        size=megabytes(point.step_bytes),
    )
