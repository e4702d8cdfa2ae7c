"""compare.html: one file, no request, a policy that allows nothing but its own style and script; and its charts."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analyse.comparison import VERDICTS, Difference
from bench.analyse.conditions import recorded_at
from bench.analyse.quality_change import QUALITY_VERDICTS
from bench.analyse.results import CellResult, RunAnalysis
from bench.report import metric_words
from bench.report.compare import comparison_figures, comparison_quality, comparison_words, recorded
from bench.report.compare.comparison_figures import shape, signed_percent
from bench.report.compare.comparison_view import ComparisonView, Figure, Row, called_first
from bench.report.finding_notes import MOST_LINES
from bench.report.ranks import RatioAxis
from bench.report.template import render_page

MOST_MARKS = 400
"""In one metric's chart; cells that are called come first, and compare.json holds all."""
_LIMITS = {"listed": 400, "narrow": 5, "tall": 25, "lines": MOST_LINES}
"""The most cells in a list, heads that fit the usual width, rows before a heat map scrolls, findings of a kind."""


def page(view: ComparisonView) -> str:
    """The page of one comparison, or of several with one base."""
    charts = list(_charts(view))
    return render_page(
        "comparison",
        view=view,
        c=view.comparison,
        maps=list(heat_maps(view)),
        overviews=list(overviews(view)),
        charts=charts,
        metric_sections=[(metric, metric_words.short(metric), True) for metric, *_ in charts],
        width=WIDTH,
        facts=_facts,
        limits=_LIMITS,
        verdicts=VERDICTS,
        words=comparison_words,
        quality=comparison_quality,
        quality_verdicts=QUALITY_VERDICTS,
        figures=comparison_figures,
        recorded=recorded,
    )


def _facts(run: RunAnalysis) -> dict[str, Any]:
    """What a run records of itself; ``None`` where it does not."""
    record = run.record
    return {
        "begun": str(record.get("created_at") or "")[:16].replace("T", " "),
        "processor": recorded_at(record, "machine", "cpu", "name"),
        "blocks": recorded_at(record, "plan", "blocks") or None,
        "model": recorded_at(record, "model", "name"),
        "id": record.get("run_id"),
    }


WIDTH = 300
"""Of a drawing, in its own units."""

_EDGE = 16
_WIDEST = math.log(20)
_TICKS = (
    (0.995, 1.005),
    (0.99, 1.01),
    (0.98, 1.02),
    (0.95, 1.05),
    (0.9, 1.1),
    (0.8, 1.2),
    (0.7, 1.4),
    (0.5, 2.0),
    (0.2, 5.0),
    (0.1, 10.0),
)
"""Pairs of ratios, one on either side of 1."""


@dataclass(frozen=True, slots=True)
class Axis(RatioAxis):
    """An axis with 1 in its middle; ``threshold`` is half the width of what counts as the same, as a share."""

    threshold: float

    def place(self, ratio: float) -> float:
        """In units of the drawing, from 0 to :data:`WIDTH`."""
        return round(RatioAxis.place(self, ratio), 1)

    @property
    def band(self) -> tuple[float, float]:
        left, right = self.place(1 / (1 + self.threshold)), self.place(1 + self.threshold)
        return left, round(right - left, 1)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Places and labels: 1 in the middle, and two on either side at most."""
        room = self.high * 0.36
        kept: list[tuple[float, float]] = []
        for low, high in reversed(_TICKS):
            inside = room <= math.log(high) and -math.log(low) <= self.high * 0.95
            if inside and (not kept or math.log(kept[-1][1] / high) >= room):
                kept.append((low, high))
        below, above = sorted(low for low, _ in kept), sorted(high for _, high in kept)
        # Short, so that they fit beside the end of the axis.
        labels = {
            tick: f"{tick:g}×" if tick >= 2 else signed_percent(f"{100 * (tick - 1):+.3g}")  # noqa: RUF001 - the sign of multiplication
            for tick in (*below, *above)
        }
        return tuple((self.place(tick), labels.get(tick, "0")) for tick in (*below, 1.0, *above))


def axis(differences: Sequence[Difference], threshold: float) -> Axis:
    """An axis that shows every estimate, most intervals whole, and the threshold.

    A few intervals may be so wide that an axis for them would flatten all others: those go on beyond its end.
    """
    ratios = [one.contrast.ratio for one in differences]
    values = [abs(math.log(ratio.value)) for ratio in ratios]
    ends = [abs(math.log(end)) for ratio in ratios for end in (ratio.low, ratio.high) if end is not None]
    usual = statistics.quantiles(ends, n=10)[-1] if len(ends) > 1 else max(ends, default=0.0)
    span = max(2.2 * math.log1p(threshold), 1.25 * max(values, default=0.0), 1.1 * min(usual, 1.0), 0.01)
    span = min(span, max(_WIDEST, 1.05 * max(values, default=0.0)))
    return Axis(-span, span, _EDGE, WIDTH - _EDGE, threshold)


def _charts(view: ComparisonView) -> Iterator[tuple[str, Axis, list[Row], int]]:
    """Of each metric its axis and rows, and how many are left out."""
    for metric in view.metrics:
        differences = [one for one in view.comparison.differences if one.metric == metric]
        rows = [row for row in view.rows if row.of(metric)]
        shown = rows
        if len(differences) > MOST_MARKS:
            shown = called_first(rows)[: max(1, MOST_MARKS // len(view.comparison.heads))]
        yield metric, axis(differences, view.comparison.threshold), shown, len(rows) - len(shown)


MOST_FIGURES = 4000
"""Of one metric in a heat map; the rows of the largest calls come first, and compare.json holds all."""
FOLDED_FROM = 40
"""From how many rows on those without a call are folded away."""
_MOST_SHAPES = 16
_MOST_ROWS = 400


def heat_maps(view: ComparisonView) -> Iterator[tuple[str, list[Row], list[Row], int]]:
    """By metric the rows to be seen at once, those without a call where rows are many, and how many are left out.

    None of a single head, whose overview says it in less room.
    """
    for metric in view.metrics if view.comparison.several else ():
        found = [row for row in view.rows if row.of(metric)]
        most = max(1, MOST_FIGURES // len(view.comparison.heads))
        rows = found if len(found) <= most else called_first(found)[:most]
        called = [row for row in rows if row.called(metric)]
        others = [row for row in rows if not row.called(metric)]
        if len(rows) <= FOLDED_FROM or not called:
            called, others = rows, []
        yield metric, called, others, len(found) - len(rows)


def overviews(view: ComparisonView) -> Iterator[tuple[str, list[str], dict[str, list[Figure | None]]]]:
    """By metric of a single head the request shapes, and by configuration a figure for each that was measured.

    None where there are too many shapes for one: what is no overview any more is left to the lists below.
    """
    if view.comparison.several:
        return

    def place(cell: CellResult) -> tuple[int, ...]:
        return cell.batch_size, cell.new_tokens, cell.prompt_tokens, cell.turn

    shapes = list(dict.fromkeys(map(shape, sorted((row.cell for row in view.rows), key=place))))
    for metric in view.metrics:
        table: dict[str, dict[str, Figure]] = {}
        for row in view.rows:
            for figure in row.of(metric).values():
                table.setdefault(view.names.of(row.cell.load), {})[shape(row.cell)] = figure
        if len(shapes) <= _MOST_SHAPES and len(table) <= _MOST_ROWS:
            yield metric, shapes, {name: [found.get(one) for one in shapes] for name, found in table.items()}
