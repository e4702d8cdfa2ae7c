"""All drawings of one page, made from the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from bench.analyse.results import CellResult
from bench.report import charts, text
from bench.report.names import Naming, Series
from bench.report.style import LineStyle, line_styles
from bench.report.svg import StyleSheet

MOST_PANELS = 36
"""A page with more configurations than this is not read panel by panel; the data holds all of them."""


@dataclass(frozen=True, slots=True)
class LinePair:
    """The two charts over prompt length, for one combination of new tokens and batch size."""

    title: str
    ttft: Markup
    tpot: Markup | None
    note: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One configuration's drawing."""

    title: str
    swatch: Markup
    lengths: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything drawn, ready to stand in the page."""

    legend: tuple[tuple[str, Markup], ...]
    swatches: Mapping[str, Markup]
    pairs: tuple[LinePair, ...]
    along: tuple[Panel, ...]
    spread: tuple[Panel, ...]
    left_out: str
    css: str


def draw(naming: Naming) -> Figures:
    """Draw everything; a run without results gives no drawings."""
    sheet = StyleSheet()
    lines = [one for one in naming.series if one.cells]
    looks = line_styles(naming.series)
    swatches = {
        one.key: _safe(charts.swatch(f"swatch{i}", looks[one.key], sheet)) for i, one in enumerate(naming.series)
    }
    panels = _panel_series(lines)
    shown = panels[:MOST_PANELS]
    left_out = text.TOO_MANY_PANELS.format(shown=len(shown), count=len(panels)) if len(shown) < len(panels) else ""
    return Figures(
        legend=tuple((one.name, swatches[one.key]) for one in lines),
        swatches=swatches,
        pairs=tuple(_pair(f"pair{i}", kind, lines, looks, sheet) for i, kind in enumerate(_kinds(lines))),
        along=tuple(_along(shown, looks, swatches, sheet)),
        spread=tuple(_spread(shown, looks, swatches, sheet)),
        left_out=left_out,
        css=sheet.css(),
    )


def _safe(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - serialized by an XML writer, which escapes


def _kinds(lines: Sequence[Series]) -> list[tuple[int, int]]:
    return sorted({(cell.batch_size, cell.new_tokens) for one in lines for cell in one.cells})


def _only(one: Series, kind: tuple[int, int]) -> Series:
    return replace(one, cells=tuple(cell for cell in one.cells if (cell.batch_size, cell.new_tokens) == kind))


def _kind_title(kind: tuple[int, int]) -> str:
    batch = f", batch of {kind[0]}" if kind[0] > 1 else ""
    return f"{kind[1]:,} new tokens{batch}"


def _pair(
    name: str, kind: tuple[int, int], lines: Sequence[Series], looks: dict[str, LineStyle], sheet: StyleSheet
) -> LinePair:
    own = [narrowed for one in lines if (narrowed := _only(one, kind)).cells]
    ttft = charts.over_prompt_length(f"{name}ttft", "ttft_ms", own, looks, sheet)
    with_tpot = [one for one in own if any(cell.tpot_ms for cell in one.cells)]
    tpot = charts.over_prompt_length(f"{name}tpot", "tpot_ms", with_tpot, looks, sheet) if with_tpot else None
    missing = all(cell.ttft_ms.estimate.low is None for one in own for cell in one.cells)
    axes = text.AXES_LOG + ("." if tpot is None else text.AXES_BOTH_LOG if tpot.logarithmic else text.AXES_FROM_ZERO)
    note = text.CHART_NOTE.format(missing=text.CHART_NOTE_MISSING if missing else "", axes=axes)
    return LinePair(_kind_title(kind), _safe(ttft.svg), _safe(tpot.svg) if tpot else None, note)


def _panel_series(lines: Sequence[Series]) -> list[tuple[str, Series]]:
    kinds = _kinds(lines)
    found = [(_only(one, kind), kind) for one in lines for kind in kinds]
    return [
        (one.name if len(kinds) == 1 else f"{one.name}, {_kind_title(kind)}", one)
        for one, kind in found
        if any(cell.along for cell in one.cells)
    ]


def _along(
    panels: Sequence[tuple[str, Series]], looks: dict[str, LineStyle], swatches: Mapping[str, Markup], sheet: StyleSheet
) -> list[Panel]:
    scale = charts.along_scale(cell for _, one in panels for cell in one.cells)
    return [
        Panel(
            title,
            swatches[one.key],
            _lengths(one.cells),
            _safe(charts.along_panel(f"along{i}", one.cells, looks[one.key].colour, scale, sheet)),
        )
        for i, (title, one) in enumerate(panels)
    ]


def _lengths(cells: Sequence[CellResult]) -> str:
    return ", ".join(f"{cell.prompt_tokens:,}" for cell in cells)


def _spread(
    panels: Sequence[tuple[str, Series]], looks: dict[str, LineStyle], swatches: Mapping[str, Markup], sheet: StyleSheet
) -> list[Panel]:
    scale = charts.spread_scale(cell for _, one in panels for cell in one.cells)
    return [
        Panel(
            title,
            swatches[one.key],
            _lengths(one.cells),
            _safe(charts.spread_panel(f"spread{i}", one.cells, looks[one.key].colour, scale, sheet)),
        )
        for i, (title, one) in enumerate(panels)
    ]
