"""index.html: one file, no request, a policy that allows nothing but its own style and its own script.

Everything is in the page without the script, which only narrows, sorts and points.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from markupsafe import Markup

from bench import metrics, processes
from bench.analyse.results import QUANTILES, LoadResult
from bench.metrics import METRICS, RANKED, RATES
from bench.report import agreement_words, cell_details, metric_words, names, quality_words, run_facts, run_words
from bench.report.drawing import series_chart
from bench.report.drawing.bars import LOAD_PARTS, load_bars, memory_bars
from bench.report.drawing.figures import draw
from bench.report.finding_notes import serious_for_answer
from bench.report.measure_again import alone
from bench.report.ranks import Ranks, ranks
from bench.report.run_view import Answer, RunView
from bench.report.template import render_page


@dataclass(frozen=True, slots=True)
class DataLink:
    """A link that saves a file, also from a page that came by mail: the address that holds it, and the file's name."""

    href: str
    name: str


def run_page(view: RunView, csv: str, xlsx: bytes) -> str:
    """The page of one run, in the language that is chosen; ``csv`` and ``xlsx`` are the files that it holds."""
    analysis = view.analysis
    figures = draw(view.names, analysis)
    findings = view.notes

    def swatch(load: LoadResult) -> Markup:
        series = view.names.series_of(load)
        return figures.swatches.get(series.key, Markup()) if series else Markup()

    def marks(answer: Answer) -> Ranks | None:
        return ranks(answer.ranking.rivals, view.names.of, lambda rival: run_words.ratio_figures(answer, rival))

    return render_page(
        "run",
        figures.css,
        ("choices",),
        view=view,
        figures=figures,
        findings=findings,
        serious=serious_for_answer(analysis, findings),
        details=cell_details.cell_details(view, findings),
        load_parts=LOAD_PARTS,
        load_bars=load_bars(analysis),
        memory_bars=memory_bars(analysis),
        csv=_link(view, csv.encode("utf-8"), "csv", "text/csv;charset=utf-8"),
        xlsx=_link(view, xlsx, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        words=run_words,
        facts=run_facts,
        names=names,
        m=metric_words,
        metrics=metrics,
        columns=(*RANKED, *quality_words.columns(view), *agreement_words.columns(view), "itl", *RATES, "peak", "n"),
        agreement=agreement_words,
        quality=quality_words,
        quality_loads=quality_words.scored(view),
        percentiles=tuple(QUANTILES),
        course=series_chart,
        most_unfolded=cell_details.MOST_UNFOLDED,
        cache_state=cell_details.cache_state,
        alone=alone,
        weight=weight,
        weights=[(weight(metric), metric_words.weight_name(metric)) for metric in view.weights],
        swatch=swatch,
        marks=marks,
        zip=zip,
        format_exit_code=processes.format_exit_code,
    )


def weight(metric: str) -> str:
    """The address of a metric where a reader chooses what matters, or of ``memory``."""
    return METRICS[metric].name if metric in METRICS else metric


def _link(view: RunView, summary: bytes, suffix: str, media_type: str) -> DataLink:
    """The file within the page, or beside it where it would be larger than the page."""
    beside = f"summary.{suffix}"
    return DataLink(beside, beside) if view.beyond else data_link(view, summary, suffix, media_type)


def data_link(view: RunView, summary: bytes, suffix: str, media_type: str) -> DataLink:
    """A link whose file has the bytes of ``summary``."""
    encoded = base64.b64encode(summary).decode("ascii")
    run = re.sub(r"[^0-9A-Za-z_-]", "_", str(view.record.get("run_id")))[:64]
    return DataLink(f"data:{media_type};base64,{encoded}", f"{run}-summary.{suffix}")
