"""compare.html: one file, no request, a policy that allows nothing but its own style and script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

import bench.report
from bench.analyse.compare import VERDICTS
from bench.analyse.results import RunAnalysis
from bench.metrics import METRICS
from bench.report import finding_words, metric_words, text
from bench.report import format as fmt
from bench.report.compare import comparison_words, figures, recorded
from bench.report.compare.comparison_view import ComparisonView, Row, called_first
from bench.report.compare.forest import WIDTH, Axis, axis
from bench.report.compare.heat import heat_maps, overviews, tint
from bench.report.findings import MOST_LINES
from bench.report.language import chosen
from bench.report.names import name_all
from bench.report.template import environment, page_script, source_digest

_HERE = Path(__file__).resolve().parent
_STYLE = Path(bench.report.__file__).resolve().parent / "page.css"

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
    css = _STYLE.read_text(encoding="utf-8") + (_HERE / "compare.css").read_text(encoding="utf-8")
    naming = name_all(view.comparison.base)
    script = page_script()
    return (
        environment(_HERE)
        .get_template("compare.html.jinja")
        .render(
            view=view,
            c=view.comparison,
            naming=naming,
            maps=list(heat_maps(view)),
            overviews=list(overviews(view, naming)),
            charts=list(_charts(view)),
            width=WIDTH,
            tint=tint,
            facts=_facts,
            limits=_LIMITS,
            verdicts=VERDICTS,
            metrics=METRICS,
            metric_title=metric_words.comparison_title,
            words=comparison_words,
            figures=figures,
            recorded=recorded,
            t=text,
            f=fmt,
            finding=finding_words,
            language=chosen().code,
            css=Markup(css),  # noqa: S704 - our own files, no data
            css_digest=source_digest(css),
            script=Markup(script),  # noqa: S704 - our own file
            script_digest=source_digest(script),
        )
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
