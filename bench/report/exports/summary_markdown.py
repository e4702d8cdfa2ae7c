"""summary.md: the answer and the table, sized for a GitHub step summary (at most 1 MiB)."""

from __future__ import annotations

from bench.metrics import RANKED
from bench.report import agreement_words, metric_words, quality_words, run_words
from bench.report.names import failed_shapes
from bench.report.run_view import RunView
from bench.report.template import render_markdown


def summary_markdown(view: RunView) -> str:
    """The summary of a run, in the language that is chosen."""
    optional = *quality_words.columns(view), *agreement_words.columns(view)
    return render_markdown(
        "summary",
        view=view,
        cells=sorted(view.analysis.cells, key=lambda cell: (cell.batch_size, cell.new_tokens, cell.prompt_tokens)),
        heads=[
            *map(metric_words.one_line, ("prompt", "configuration", "device")),
            *(metric_words.one_line(key, interval=True) for key in RANKED),
            *map(metric_words.one_line, (*optional, "decode_tokens_per_s", "peak", "n")),
        ],
        ranked=RANKED,
        words=run_words,
        quality=quality_words,
        agreement=agreement_words,
        failed_shapes=failed_shapes,
    )
