"""Decode rate against what the machine's memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from bench.analyse.roofline import Roofline, RooflinePoint
from bench.report import text
from bench.report.drawing.canvas import add_line, drawing, log_ticks, set_ticks, value_axis
from bench.report.drawing.style import MUTED, SOLID, Dashes, LineStyle
from bench.report.drawing.svg import Sheet
from bench.report.format import megabytes, number, percent
from bench.report.names import Naming

_INCHES = (11.4, 4.2)
_SHARES: Mapping[float, Dashes] = {1.0: SOLID, 0.5: (5, 3), 0.25: (1.5, 2.5)}


@dataclass(frozen=True, slots=True)
class RooflineFigure:
    """The drawing with what is said beside it; the drawing is blank where no cell has a point."""

    svg: Markup
    notes: tuple[str, ...]
    points: tuple[RooflinePoint, ...]


def roofline_figure(
    roof: Roofline | None, naming: Naming, looks: Mapping[str, LineStyle], sheet: Sheet
) -> RooflineFigure | None:
    """A point per cell, bytes that a step reads to the right and steps a second upwards.

    Args:
        roof: of the run.
        naming: of its loads.
        looks: load key -> looks.
        sheet: of the page.
    """
    if roof is None:
        return None
    if roof.bytes_per_s is None:
        return RooflineFigure(Markup(), (text.ROOFLINE_NO_BANDWIDTH,), ())
    svg = _chart(roof.bytes_per_s / 1e6, roof.points, naming, looks, sheet) if roof.points else Markup()
    return RooflineFigure(svg, tuple(_notes(roof, roof.bytes_per_s)), roof.points)


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
    megabytes_per_s: float,
    points: Sequence[RooflinePoint],
    naming: Naming,
    looks: Mapping[str, LineStyle],
    sheet: Sheet,
) -> Markup:
    sizes = [point.step_bytes / 1e6 for point in points]
    left, right = min(sizes) / 1.5, max(sizes) * 1.5
    with drawing(sheet, _INCHES) as canvas:
        axes = canvas.figure.subplots()
        axes.set_xscale("log")
        axes.set_xlim(left, right)
        set_ticks(axes.xaxis, log_ticks(left, right))
        limits = [megabytes_per_s / left, megabytes_per_s / right * min(_SHARES)]
        value_axis(axes, [*limits, *(point.rate_per_s.value for point in points)], logarithmic=True)
        axes.set_xlabel(text.ROOFLINE_X_AXIS)
        axes.set_ylabel(text.ROOFLINE_Y_AXIS)
        axes.grid(visible=True)
        canvas.settle()
        for share in _SHARES:
            _limit(axes, share, (left, right), [megabytes_per_s * share / end for end in (left, right)])
        for point in points:
            look = looks[point.cell.load.load_key]
            mark = canvas.point(_tip(naming.of(point.cell.load), point), look.number, point.cell.prompt_tokens)
            place = [point.step_bytes / 1e6], [point.rate_per_s.value]
            add_line(axes, *place, **look.points(), zorder=4, gid=[mark])
        return canvas.svg(text.ROOFLINE_LABEL)


def _limit(axes: Any, share: float, ends: tuple[float, float], heights: Sequence[float]) -> None:
    width = 1.4 if share == 1 else 1.0
    add_line(axes, ends, heights, color=MUTED, dashes=_SHARES[share], linewidth=width, zorder=1)
    beside = {"xytext": (6, 1), "textcoords": "offset points", "ha": "left", "va": "bottom"}
    axes.annotate(percent(share), (ends[0], heights[0]), color=MUTED, fontsize=8.5, **beside)


def _tip(name: str, point: RooflinePoint) -> str:
    return text.ROOFLINE_TIP.format(
        name=name,
        prompt=number(point.cell.prompt_tokens, 0),
        rate=number(point.rate_per_s.value),
        limit=number(point.limit_per_s),
        share=percent(point.share),
        size=megabytes(point.step_bytes),
    )
