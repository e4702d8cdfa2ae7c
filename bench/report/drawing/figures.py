"""All drawings of one page, made from the analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from bench.analyse.results import CellResult, Ranking, RunAnalysis
from bench.analyse.roofline import roofline
from bench.analyse.tradeoff import Tradeoff, tradeoffs
from bench.metrics import CHARTED
from bench.report import metric_words, text
from bench.report.drawing import charts
from bench.report.drawing.arrival_charts import ArrivalTable, arrival_charts, arrival_table
from bench.report.drawing.editions import Edition
from bench.report.drawing.panels import along_panel, along_scale, spread_panel, spread_scale
from bench.report.drawing.roofline_chart import RooflineFigure, roofline_figure
from bench.report.drawing.shape_charts import ShapeCharts
from bench.report.drawing.style import LineStyle, line_styles
from bench.report.drawing.svg import StyleSheet
from bench.report.drawing.tradeoff_charts import tradeoff_charts
from bench.report.format import capital, number
from bench.report.names import Naming, Series

MOST_PANELS = 36
"""A page with more configurations than this is not read panel by panel; the data holds all of them."""

MOST_IN_BOTH = 300
"""Of more cells than this only the first two charts are drawn on both axes, so that the page stays light."""
MOST_AT_ONCE = 100
"""Of more cells than this a browser lays each drawing out when it comes near the window."""


@dataclass(frozen=True, slots=True)
class TitledChart:
    """One chart over prompt length; ``quantile`` is blank but for those of which a reader chooses one."""

    title: str
    editions: tuple[Edition, ...]
    quantile: str = ""


@dataclass(frozen=True, slots=True)
class LineGroup:
    """The charts over prompt length for one combination of new tokens and batch size."""

    title: str
    charts: tuple[TitledChart, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One configuration's drawing."""

    series: Series
    title: str
    swatch: Markup
    lengths: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One line's name and looks; ``number`` is what its marks in the charts carry."""

    series: Series
    swatch: Markup
    number: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything drawn, ready to stand in the page.

    Args:
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
    roofline: RooflineFigure | None
    shapes: Markup
    large: bool
    one_way: bool
    css: str


def draw(naming: Naming, analysis: RunAnalysis) -> Figures:
    """Draw everything; a run without results gives no drawings."""
    rankings = analysis.rankings
    sheet = StyleSheet()
    lines = [one for one in naming.series if one.cells]
    looks = line_styles(naming.series)
    symbols = {one.key: charts.swatch(f"line{i}", looks[one.key], sheet) for i, one in enumerate(naming.series)}
    swatches = {key: _safe(symbol.use) for key, symbol in symbols.items()}
    panels = _panel_series(lines)
    shown = panels[:MOST_PANELS]
    trades = tradeoffs(analysis.cells)
    both = len(analysis.cells) <= MOST_IN_BOTH
    left_out = text.TOO_MANY_PANELS.format(shown=len(shown), count=len(panels)) if len(shown) < len(panels) else ""
    steps = along_scale(cell for _, one in shown for cell in one.cells)
    spans = spread_scale(cell for _, one in shown for cell in one.cells)
    return Figures(
        legend=tuple(LegendEntry(one, swatches[one.key], looks[one.key].number) for one in lines),
        swatches=swatches,
        groups=tuple(
            _group(f"lines{i}", kind, rankings, lines, looks, sheet, both=both) for i, kind in enumerate(_kinds(lines))
        ),
        along=_panels(
            shown,
            swatches,
            lambda i, one: along_panel(f"along{i}", one.cells, looks[one.key].colour, steps, sheet),
        ),
        spread=_panels(
            shown, swatches, lambda i, one: spread_panel(f"spread{i}", one.cells, looks[one.key].colour, spans, sheet)
        ),
        left_out=left_out,
        arrival=arrival_charts(lines, looks, sheet, both=both),
        arrival_table=arrival_table(lines),
        tradeoff=tradeoff_charts(trades, naming, looks, sheet, both=both),
        tradeoffs=tuple(trades),
        roofline=roofline_figure(roofline(analysis), naming, looks, sheet),
        # Whole only now that all is drawn.
        shapes=_safe("".join(symbol.definition for symbol in symbols.values()) + sheet.shapes()),
        large=len(analysis.cells) > MOST_AT_ONCE,
        one_way=not both,
        css=sheet.css(),
    )


def _safe(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - serialized by an XML writer, which escapes


def _kinds(lines: Sequence[Series]) -> list[tuple[int, int]]:
    return sorted({(cell.batch_size, cell.new_tokens) for one in lines for cell in one.cells})


def _only(one: Series, kind: tuple[int, int]) -> Series:
    return replace(one, cells=tuple(cell for cell in one.cells if (cell.batch_size, cell.new_tokens) == kind))


def _kind_title(kind: tuple[int, int]) -> str:
    batch = f", {text.BATCH.format(size=kind[0])}" if kind[0] > 1 else ""
    return text.KIND.format(new=number(kind[1], 0)) + batch


def _group(
    name: str,
    kind: tuple[int, int],
    rankings: Sequence[Ranking],
    lines: Sequence[Series],
    looks: dict[str, LineStyle],
    sheet: StyleSheet,
    *,
    both: bool,
) -> LineGroup:
    own = [narrowed for one in lines if (narrowed := _only(one, kind)).cells]
    found = []
    titles = {key: metric_words.chart_title(key) for key in CHARTED} | {"ratio": text.RATIO_TITLE}
    titles |= {quantile: capital(f"{title}, ms") for quantile, title in text.ITL_NAMES.items()}
    for metric, title in titles.items():
        points = _points(own, metric, rankings)
        if points:
            twice = both or metric in CHARTED[:2]
            drawn = charts.over_prompt_length(f"{name}{metric}", metric, points, looks, sheet, both=twice)
            found.append(TitledChart(title, drawn, metric if metric in text.ITL_NAMES else ""))
    missing = all(cell.ttft_ms.estimate.low is None for one in own for cell in one.cells)
    note = text.CHART_NOTE.format(missing=text.CHART_NOTE_MISSING if missing else "")
    return LineGroup(_kind_title(kind), tuple(found), note)


def _points(own: Sequence[Series], metric: str, rankings: Sequence[Ranking]) -> list[charts.Line]:
    if metric in text.ITL_NAMES:
        return charts.quantile_lines(own, metric)
    return charts.ratio_lines(own, rankings) if metric == "ratio" else charts.metric_lines(own, metric)


def _panel_series(lines: Sequence[Series]) -> list[tuple[str, Series]]:
    kinds = _kinds(lines)
    found = [(_only(one, kind), kind) for one in lines for kind in kinds]
    return [
        (one.name if len(kinds) == 1 else f"{one.name}, {_kind_title(kind)}", one)
        for one, kind in found
        if any(cell.along for cell in one.cells)
    ]


def _panels(
    panels: Sequence[tuple[str, Series]], swatches: Mapping[str, Markup], drawn: Callable[[int, Series], str]
) -> tuple[Panel, ...]:
    """A panel for each configuration; ``drawn`` makes the drawing of one from its number and its line."""
    return tuple(
        Panel(one, title, swatches[one.key], _lengths(one.cells), _safe(drawn(number, one)))
        for number, (title, one) in enumerate(panels)
    )


def _lengths(cells: Sequence[CellResult]) -> str:
    lengths = ", ".join(number(cell.prompt_tokens, 0) for cell in cells)
    return text.PROMPTS.format(lengths=lengths)
