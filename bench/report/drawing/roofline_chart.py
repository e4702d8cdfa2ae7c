"""Decode rate against what the machine's memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from bench.analyse.roofline import Roofline, RooflinePoint
from bench.report.drawing.canvas import add_line, drawing, log_ticks, set_ticks, value_axis
from bench.report.drawing.style import MUTED, SOLID, Dashes, LineStyle
from bench.report.drawing.svg import Sheet
from bench.report.format import listed, megabytes, number, percent, plural
from bench.report.language import gettext as _, mark
from bench.report.names import Naming

_INCHES = (11.4, 4.2)
_SHARES: Mapping[float, Dashes] = {1.0: SOLID, 0.5: (5, 3), 0.25: (1.5, 2.5)}
_REASONS = {
    "not on the CPU": mark("{cells} that ran on another device than the CPU, whose way to memory was not measured"),
    "no weights": mark("{cells} of which the size of the weights is not known"),
    "one token": mark("{cells} with answers of one token, which have no decode step"),
}
"""Why cells have no point."""


@dataclass(frozen=True, slots=True)
class RooflineFigure:
    """The drawing with what is said beside it; the drawing is blank where no cell has a point."""

    svg: Markup
    notes: tuple[str, ...]
    points: tuple[RooflinePoint, ...]


def roofline_figure(
    roof: Roofline | None, naming: Naming, styles: Mapping[str, LineStyle], sheet: Sheet
) -> RooflineFigure | None:
    """A point per cell, bytes that a step reads to the right and steps a second upwards.

    Args:
        roof: of the run.
        naming: of its loads.
        styles: load key -> style.
        sheet: of the page.
    """
    if roof is None:
        return None
    if roof.bytes_per_s is None:
        note = _("This run did not measure the machine's memory bandwidth, so there is nothing to compare with.")
        return RooflineFigure(Markup(), (note,), ())
    svg = _chart(roof.bytes_per_s / 1e6, roof.points, naming, styles, sheet) if roof.points else Markup()
    return RooflineFigure(svg, tuple(_notes(roof, roof.bytes_per_s)), roof.points)


def _notes(roof: Roofline, bytes_per_s: float) -> Iterator[str]:
    yield _(
        "Every decode step reads the weights and the KV cache from memory, so memory allows at most bandwidth ÷ these "
        "bytes steps a second: the solid line. The dashed ones are half and a quarter of it. The bandwidth is {rate} "
        "GB/s, as this machine's CPU read it with the run's threads before the run. A step gives one token per "
        "sequence."
    ).format(rate=number(bytes_per_s / 1e9))
    if roof.points:
        yield _(
            "How to read it: weights count as wide as they are stored, or as they are computed where that is narrower, "
            "because a stack may keep them so. An embedding table of which a token reads one row is left out, unless "
            "the output layer shares it. A mixture of experts reads less than is said here. Weights that partly stay "
            "in the processor's caches can pass 100 %. {cache}"
        ).format(cache=_cache_note(whole=all(point.kv_bytes is not None for point in roof.points)))
    if roof.left_out:
        reasons = [
            _(_REASONS[reason]).format(cells=plural(count, "{count} cell", "{count} cells"))
            for reason, count in sorted(roof.left_out.items())
        ]
        yield _("Without a point: {reasons}.").format(reasons=listed(reasons))


def _cache_note(*, whole: bool) -> str:
    if whole:
        return _("The KV cache is counted as it is in the middle of the answer.")
    return _(
        "The KV cache is counted as it is in the middle of the answer where its shape and type are known; where its "
        "column is blank they are not, and the limit is that of the weights alone, which is too high."
    )


def _chart(
    megabytes_per_s: float,
    points: Sequence[RooflinePoint],
    naming: Naming,
    styles: Mapping[str, LineStyle],
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
        axes.set_xlabel(_("MB read per step"))
        axes.set_ylabel(_("decode steps per second"))
        axes.grid(visible=True)
        canvas.settle()
        for share in _SHARES:
            _limit(axes, share, (left, right), [megabytes_per_s * share / end for end in (left, right)])
        for point in points:
            style = styles[point.cell.load.load_key]
            own = canvas.point(_tip(naming.of(point.cell.load), point), style.number, point.cell.prompt_tokens)
            place = [point.step_bytes / 1e6], [point.rate_per_s.value]
            add_line(axes, *place, **style.points(), zorder=4, gid=[own])
        label = _("decode steps per second over bytes read per step, below the limit of memory, as in the table")
        return canvas.svg(label)


def _limit(axes: Any, share: float, ends: tuple[float, float], heights: Sequence[float]) -> None:
    width = 1.4 if share == 1 else 1.0
    add_line(axes, ends, heights, color=MUTED, dashes=_SHARES[share], linewidth=width, zorder=1)
    placement = {"xytext": (6, 1), "textcoords": "offset points", "ha": "left", "va": "bottom"}
    axes.annotate(percent(share), (ends[0], heights[0]), color=MUTED, fontsize=8.5, **placement)


def _tip(name: str, point: RooflinePoint) -> str:
    words = _("{name}, prompt {prompt}: {rate} of at most {limit} steps per second, {share}, {size} MB per step")
    return words.format(
        name=name,
        prompt=number(point.cell.prompt_tokens, 0),
        rate=number(point.rate_per_s.value),
        limit=number(point.limit_per_s),
        share=percent(point.share),
        size=megabytes(point.step_bytes),
    )
