"""table.html: the table of results alone, with its styles in its elements, so that it can be pasted into a document."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.analyse.results import RunAnalysis
from bench.metrics import RANKED
from bench.report import finding_words, metric_words, text
from bench.report import format as fmt
from bench.report.findings import finding_notes
from bench.report.language import chosen
from bench.report.names import Naming, marked_name, verdict_words
from bench.report.results_table import result_groups
from bench.report.template import environment, source_digest

STYLES = {
    "page": "font:11pt/1.4 Calibri,Arial,sans-serif;color:#1b1e23;background:#ffffff;margin:24px",
    "table": "border-collapse:collapse;font:10pt Calibri,Arial,sans-serif;color:#1b1e23",
    "head": "border:1px solid #8a8f98;padding:3px 6px;text-align:left;vertical-align:bottom;background:#eef3f8",
    "group": "border:1px solid #8a8f98;padding:3px 6px;text-align:left;background:#f6f6f3",
    "text": "border:1px solid #8a8f98;padding:3px 6px;text-align:left;vertical-align:top;font-weight:normal",
    "number": "border:1px solid #8a8f98;padding:3px 6px;text-align:right;vertical-align:top",
}
"""What an element looks like. A style element would be lost on the way into another document."""

_HERE = Path(__file__).resolve().parent


def table_html(analysis: RunAnalysis, naming: Naming, notes: list[str]) -> str:
    """The table of a run.

    Args:
        analysis: of the run.
        naming: of its loads.
        notes: what has to be said before any number; it stands in the table itself, so that it goes where that goes.
    """
    record = analysis.record
    model = (record.get("model") or {}).get("name")
    cpu = ((record.get("machine") or {}).get("cpu") or {}).get("name")
    digests = sorted({f"'{source_digest(style)}'" for style in STYLES.values()})
    return (
        environment(_HERE)
        .get_template("table.html.jinja")
        .render(
            t=text,
            f=fmt,
            language=chosen().code,
            style=STYLES,
            digests=" ".join(digests),
            caption=text.TABLE_CAPTION.format(model=model, cpu=cpu or "", run=record.get("run_id")),
            notes=notes,
            finding_title=finding_words.title,
            name=partial(marked_name, naming),
            verdict=verdict_words,
            heads=[
                *map(metric_words.one_line, ("configuration", "device")),
                *(metric_words.one_line(key, interval=True) for key in RANKED),
                *map(metric_words.one_line, ("decode_tokens_per_s", "peak", "n", "guard")),
            ],
            ranked_metrics=RANKED,
            groups=result_groups(analysis, naming, finding_notes(analysis, naming)),
        )
    )
