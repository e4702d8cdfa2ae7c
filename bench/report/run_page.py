"""What people open of a run: index.html, summary.md for a step summary (GitHub: at most 1 MiB), and table.html.

index.html is one file without requests, and everything is in it without its script, which only narrows, sorts and
points. table.html has its styles in its elements, so that its table can be pasted into a document.
"""

import re

from backends.spec import hardware_of
from bench import processes
from bench.analyse.agreement import PHRASE
from bench.analyse.conditions import NO_ID, limited
from bench.analyse.read_quality import limits_of
from bench.analyse.results import QUANTILES
from bench.metrics import METRICS, RANKED, RATES
from bench.report import agreement_words, metric_words, quality_words, run_details, run_words
from bench.report.drawing import bars, series_chart
from bench.report.drawing.run_charts import RunCharts
from bench.report.finding_notes import finding_notes, serious_for_answer
from bench.report.language import chosen
from bench.report.ranks import ranks
from bench.report.run_view import RunView
from bench.report.template import data_uri, environment, render_markdown, render_page, source_digest


def run_page(view: RunView, csv: str, xlsx: bytes) -> str:
    """The page of one run, in the language that is chosen; ``csv`` and ``xlsx`` are the files that it holds."""
    analysis = view.analysis
    figures = RunCharts(view.names, analysis)
    notes = finding_notes(view)
    return render_page(
        "run",
        figures.sheet.css(),
        ("choices",),
        view=view,
        figures=figures,
        notes=notes,
        serious=serious_for_answer(view, notes),
        details=run_details,
        phrase=PHRASE,
        bars=bars,
        load_bars=bars.load_bars(analysis),
        csv=_link(view, csv.encode("utf-8"), "csv", "text/csv;charset=utf-8"),
        xlsx=_link(view, xlsx, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        words=run_words,
        columns=(*RANKED, *view.columns, "itl", *RATES, "peak", "n"),
        agreement=agreement_words,
        quality=quality_words,
        quality_loads=[load for load in analysis.loads if load.quality],
        limits_of=limits_of,
        percentiles=QUANTILES,
        course=series_chart,
        weight=weight,
        weights=[(weight(metric), metric_words.weight_name(metric)) for metric in view.weights],
        swatch=figures.swatch,
        marks=ranks,
        zip=zip,
        hardware_of=hardware_of,
        limited=limited,
        no_id=NO_ID,
        format_exit_code=processes.format_exit_code,
    )


def _columns(view: RunView) -> tuple[str, ...]:
    """Those of the tables that fit into a document."""
    return "configuration", "device", *RANKED, *view.columns, "decode_tokens_per_s", "peak", "n"


def weight(metric: str) -> str:
    """The address of a metric where a reader chooses what matters, or of ``memory``."""
    return METRICS[metric].name if metric in METRICS else metric


def _link(view: RunView, summary: bytes, suffix: str, media_type: str) -> dict[str, str]:
    """Saves the file within the page, or the one beside it where it would be larger than the page."""
    if view.beyond:
        return {"href": f"summary.{suffix}", "name": f"summary.{suffix}"}
    run = re.sub(r"[^0-9A-Za-z_-]", "_", str(view.record.get("run_id")))[:64]
    return {"href": data_uri(summary, media_type), "name": f"{run}-summary.{suffix}"}


def summary_markdown(view: RunView) -> str:
    """The summary of a run, in the language that is chosen."""
    return render_markdown(
        "summary",
        view=view,
        notes=finding_notes(view),
        cells=sorted(view.analysis.cells, key=lambda cell: (cell.batch_size, cell.new_tokens, cell.prompt_tokens)),
        heads=[*map(metric_words.one_line, ("prompt", *_columns(view)))],
        words=run_words,
        quality=quality_words,
        agreement=agreement_words,
    )


STYLES = {
    "unstyled": "display:none",
    "page": "font:11pt/1.4 Calibri,Arial,sans-serif;color:#1b1e23;background:#ffffff;margin:24px",
    "table": "border-collapse:collapse;font:10pt Calibri,Arial,sans-serif;color:#1b1e23",
    "head": "border:1px solid #8a8f98;padding:3px 6px;text-align:left;vertical-align:bottom;background:#eef3f8",
    "group": "border:1px solid #8a8f98;padding:3px 6px;text-align:left;background:#f6f6f3",
    "text": "border:1px solid #8a8f98;padding:3px 6px;text-align:left;vertical-align:top;font-weight:normal",
    "number": "border:1px solid #8a8f98;padding:3px 6px;text-align:right;vertical-align:top",
}
"""What an element looks like. A style element would be lost on the way into another document."""


def table_html(view: RunView) -> str:
    """The table of a run. What has to be said before any number stands in it, so that it goes where that goes."""
    digests = sorted({f"'{source_digest(style)}'" for style in STYLES.values()})
    return (
        environment()
        .get_template("table.html.jinja")
        .render(
            view=view,
            notes=finding_notes(view),
            w=run_words,
            language=chosen().code,
            style=STYLES,
            digests=" ".join(digests),
            heads=[*map(metric_words.one_line, (*_columns(view), "guard"))],
            quality=quality_words,
            agreement=agreement_words,
        )
    )
