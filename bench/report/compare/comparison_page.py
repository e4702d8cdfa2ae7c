"""compare.html: one file, no request, a policy that allows nothing but its own style and script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.analyse.comparison import VERDICTS
from bench.analyse.quality_change import QUALITY_VERDICTS
from bench.analyse.results import RunAnalysis
from bench.metrics import METRICS
from bench.report import finding_words, metric_words
from bench.report.compare import comparison_figures, comparison_quality, comparison_words, recorded
from bench.report.compare.comparison_charts import WIDTH, Axis, axis, heat_maps, overviews, tint
from bench.report.compare.comparison_view import ComparisonView, Row, called_first
from bench.report.finding_notes import MOST_LINES
from bench.report.template import render_page

MOST_MARKS = 400
"""In one metric's chart; cells that are called come first, and compare.json holds all."""
_LIMITS = {"listed": 400, "narrow": 5, "tall": 25, "lines": MOST_LINES}
"""The most cells in a list, heads that fit the usual width, rows before a heat map scrolls, findings of a kind."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric: its axis and rows."""

    metric: str
    axis: Axis
    rows: list[Row]
    left_out: int


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
        metric_sections=[(one.metric, metric_words.short(one.metric), True) for one in charts],
        width=WIDTH,
        tint=tint,
        facts=_facts,
        limits=_LIMITS,
        verdicts=VERDICTS,
        metrics=METRICS,
        metric_title=metric_words.comparison_title,
        words=comparison_words,
        quality=comparison_quality,
        quality_verdicts=QUALITY_VERDICTS,
        figures=comparison_figures,
        recorded=recorded,
        finding=finding_words,
    )


def _charts(view: ComparisonView) -> Iterator[Chart]:
    for metric in view.metrics:
        differences = [one for one in view.comparison.differences if one.metric == metric]
        rows = [row for row in view.rows if row.of(metric)]
        shown = rows
        if len(differences) > MOST_MARKS:
            shown = called_first(rows)[: max(1, MOST_MARKS // len(view.comparison.heads))]
        yield Chart(metric, axis(differences, view.comparison.threshold), shown, len(rows) - len(shown))


def _facts(run: RunAnalysis) -> dict[str, Any]:
    """What a run records of itself; ``None`` where it does not."""
    record = run.record
    return {
        "begun": str(record.get("created_at") or "")[:16].replace("T", " "),
        "processor": ((record.get("machine") or {}).get("cpu") or {}).get("name"),
        "blocks": (record.get("plan") or {}).get("blocks") or None,
        "model": (record.get("model") or {}).get("name"),
        "id": record.get("run_id"),
    }
