"""table.html: the table of results alone, with its styles in its elements, so that it can be pasted into a document."""

from __future__ import annotations

from bench.metrics import RANKED
from bench.report import finding_words, metric_words, quality_words, run_words
from bench.report.language import chosen
from bench.report.names import shape_name
from bench.report.run_view import RunView
from bench.report.template import environment, source_digest

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
            findings=view.notes,
            w=run_words,
            shape_name=shape_name,
            finding_title=finding_words.title,
            language=chosen().code,
            style=STYLES,
            digests=" ".join(digests),
            heads=[
                *map(metric_words.one_line, ("configuration", "device")),
                *(metric_words.one_line(key, interval=True) for key in RANKED),
                *map(
                    metric_words.one_line, (*quality_words.columns(view), "decode_tokens_per_s", "peak", "n", "guard")
                ),
            ],
            ranked_metrics=RANKED,
            quality=quality_words,
        )
    )
