"""All drawings of one page, made from the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from bench.analyse.results import CellResult, RunAnalysis
from bench.analyse.roofline import roofline
from bench.analyse.tradeoff import Tradeoff, tradeoffs
from bench.report.drawing.canvas import Chart, add_line, drawing
from bench.report.drawing.panels import Panel, along_panels, spread_panels
from bench.report.drawing.prompt_charts import prompt_charts
from bench.report.drawing.roofline_chart import RooflineFigure, roofline_figure
from bench.report.drawing.shape_charts import ArrivalTable, ShapeCharts, arrival_charts, tradeoff_charts
from bench.report.drawing.style import LineStyle, line_styles
from bench.report.drawing.svg import Sheet
from bench.report.format import number
from bench.report.language import gettext as _
from bench.report.names import Naming, Series

MOST_PANELS = 36
"""A page with more configurations than this is not read panel by panel; the data holds all of them."""
MOST_IN_BOTH = 300
"""Of more cells than this only the first two charts are drawn on both axes, so that the page stays light."""
MOST_AT_ONCE = 100
"""Of more cells than this a browser lays each drawing out when it comes near the window."""

_Kind = tuple[int, int, int]
"""Batch size, new tokens and the message of a chat in tokens, 0 without one."""


@dataclass(frozen=True, slots=True)
class LineGroup:
    """The charts over prompt length for one combination of new tokens and batch size."""

    title: str
    charts: tuple[Chart, ...]
    note: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One line's name and style; ``number`` is what its marks in the charts carry."""

    series: Series
    swatch: Markup
    number: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything drawn, ready to stand in the page.

    Args:
        swatches: series key -> a piece of line with its marker.
        left_out: a sentence on the configurations without panels; blank where each has them.
        shapes: for the page's ``<defs>``.
        large: more than :data:`MOST_AT_ONCE` cells are.
        one_way: more than :data:`MOST_IN_BOTH` cells are.
    """

    legend: tuple[LegendEntry, ...]
    swatches: Mapping[str, Markup]
    groups: tuple[LineGroup, ...]
    along: tuple[Panel, ...]
    spread: tuple[Panel, ...]
    left_out: str
    arrival: ShapeCharts
    arrival_table: ArrivalTable
    tradeoff: ShapeCharts
    tradeoffs: tuple[Tradeoff, ...]
    quality_tradeoff: ShapeCharts
    quality_tradeoffs: tuple[Tradeoff, ...]
    roofline: RooflineFigure | None
    shapes: Markup
    large: bool
    one_way: bool
    css: str


def draw(naming: Naming, analysis: RunAnalysis) -> Figures:
    """Draw everything; a run without results gives no drawings."""
    sheet = Sheet()
    lines = [one for one in naming.series if one.cells]
    styles = line_styles(naming.series)
    by_load = {load.load_key: styles[one.key] for load in analysis.loads if (one := naming.series_of(load))}
    both = len(analysis.cells) <= MOST_IN_BOTH
    trades, quality_trades = tradeoffs(analysis.cells), tradeoffs(analysis.cells, "perplexity")
    swatches = {key: _swatch(style, sheet) for key, style in styles.items()}
    groups = [_group(kind, own, analysis, styles, sheet, both) for kind, own in _by_kind(lines).items()]
    panels = _titled(lines)
    shown = panels[:MOST_PANELS]
    along, spread = tuple(along_panels(shown, styles, sheet)), tuple(spread_panels(shown, styles, sheet))
    arrival, arrival_table = arrival_charts(lines, styles, sheet, both=both)
    tradeoff = tradeoff_charts(trades, naming, by_load, sheet, both=both)
    quality_tradeoff = tradeoff_charts(quality_trades, naming, by_load, sheet, both=both)
    roof = roofline_figure(roofline(analysis), naming, by_load, sheet)
    return Figures(
        legend=tuple(LegendEntry(one, swatches[one.key], styles[one.key].number) for one in lines),
        swatches=swatches,
        groups=tuple(groups),
        along=along,
        spread=spread,
        left_out=_left_out(len(shown), len(panels)),
        arrival=arrival,
        arrival_table=arrival_table,
        tradeoff=tradeoff,
        tradeoffs=tuple(trades),
        quality_tradeoff=quality_tradeoff,
        quality_tradeoffs=tuple(quality_trades),
        roofline=roof,
        shapes=sheet.shapes(),
        large=len(analysis.cells) > MOST_AT_ONCE,
        one_way=not both,
        css=sheet.css(),
    )


def _swatch(style: LineStyle, sheet: Sheet) -> Markup:
    """A piece of line with its marker, for a legend."""
    with drawing(sheet, (0.5, 0.17), None) as canvas:
        # Straight onto the figure: axes take longer than what they hold.
        add_line(canvas.figure, [0, 1], [0.5, 0.5], **style.line(1.7))
        add_line(canvas.figure, [0.5], [0.5], **style.points())
        return canvas.decoration()


def _by_kind(lines: Sequence[Series]) -> dict[_Kind, list[Series]]:
    """The lines of each combination of batch size, new tokens and a chat's messages, narrowed to its cells."""
    kinds = sorted({_kind(cell) for one in lines for cell in one.cells})
    return {kind: [own for one in lines if (own := _narrowed(one, kind)).cells] for kind in kinds}


def _kind(cell: CellResult) -> _Kind:
    return cell.batch_size, cell.new_tokens, cell.shape.message_tokens


def _narrowed(one: Series, kind: _Kind) -> Series:
    return replace(one, cells=tuple(cell for cell in one.cells if _kind(cell) == kind))


def _kind_title(kind: _Kind) -> str:
    batch = ", " + _("batch of {size}").format(size=kind[0]) if kind[0] > 1 else ""
    chat = ", " + _("a chat with messages of {tokens} tokens").format(tokens=number(kind[2], 0)) if kind[2] else ""
    return _("{new} new tokens").format(new=number(kind[1], 0)) + batch + chat


def _group(
    kind: _Kind,
    own: Sequence[Series],
    analysis: RunAnalysis,
    styles: Mapping[str, LineStyle],
    sheet: Sheet,
    both: bool,
) -> LineGroup:
    charts = prompt_charts(own, analysis.rankings, styles, sheet, both=both)
    missing = all(cell.ttft_ms.estimate.low is None for one in own for cell in one.cells)
    note = _(
        "Lower is better. Bars are 95 % intervals{missing}. Points of one prompt length are moved a little sideways "
        "where that shows what lies behind them. Hover over a point, or go to it with Tab and the arrow keys, for its "
        "figures. Milliseconds start at zero where a chart is not called logarithmic; the ratio is shown around 1."
    ).format(missing=_(" (none here: one block gives no interval)") if missing else "")
    return LineGroup(_kind_title(kind), tuple(charts), note)


def _left_out(shown: int, count: int) -> str:
    if shown == count:
        return ""
    words = _("Shown are the first {shown} of {count} configurations; the others are in the data.")
    return words.format(shown=shown, count=count)


def _titled(lines: Sequence[Series]) -> list[tuple[str, Series]]:
    """What has a panel: the parts of each line by their kind, named so where there are several."""
    kinds = _by_kind(lines)
    parts = [(one, kind, _narrowed(one, kind)) for one in lines for kind in kinds]
    return [
        (one.name if len(kinds) == 1 else f"{one.name}, {_kind_title(kind)}", own)
        for one, kind, own in parts
        if any(cell.along for cell in own.cells)
    ]
