"""index.html: one file, no request, a policy that allows nothing but its own style and its own script.

Everything is in the page without the script, which only narrows, sorts and points.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from backends.spec import hardware_of
from bench import processes
from bench.analyse.results import QUANTILES, Failure, LoadResult
from bench.metrics import METRICS, RANKED, RATES
from bench.report import format as fmt
from bench.report import metric_words, run_words
from bench.report.cell_details import MOST_UNFOLDED, cache_state, cell_details
from bench.report.commands import alone
from bench.report.drawing import series_chart
from bench.report.drawing.bars import load_bars, memory_bars
from bench.report.drawing.figures import draw
from bench.report.findings import serious_for_answer
from bench.report.language import chosen
from bench.report.language import gettext as _
from bench.report.names import failed_shapes, first_request, shape_name
from bench.report.ranks import Ranks, ranks
from bench.report.run_facts import header_facts, machine_facts, timed_region
from bench.report.run_view import Answer, RunView
from bench.report.template import environment, page_script, recorded, source_digest

COLUMNS = (*RANKED, "itl", *RATES, "peak", "n")
"""Of the table of results, after the configuration and its device."""

_HERE = Path(__file__).resolve().parent

_MOST_IN_LEGEND = 8
"""A legend of more entries than this is folded away: on a phone it would stand before each chart for screens."""
_PHI3_PARAMETERS = 3_821_079_552


@dataclass(frozen=True, slots=True)
class DataLink:
    """A link that saves summary.csv, also from a page that came by mail: the address that holds it, and its name."""

    href: str
    name: str


def run_page(view: RunView, summary_csv: str) -> str:
    """The page of one run, in the language that is chosen; ``summary_csv`` is that file."""
    analysis, names = view.analysis, view.names
    figures = draw(names, analysis)
    css = (_HERE / "page.css").read_text(encoding="utf-8") + figures.css
    script = page_script("page.js")
    findings = view.notes
    venvs = analysis.record.get("venvs") or {}

    def swatch(load: LoadResult) -> Markup:
        series = names.series_of(load)
        return figures.swatches.get(series.key, Markup()) if series else Markup()

    def marks(answer: Answer) -> Ranks | None:
        return ranks(answer.ranking.rivals, names.of, lambda rival: run_words.ratio_figures(answer, rival))

    return (
        environment(_HERE)
        .get_template("run_page.html.jinja")
        .render(
            view=view,
            record=view.record,
            language=chosen().code,
            css=Markup(css),  # noqa: S704 - our own file and the drawings' styles, no data
            css_digest=source_digest(css),
            script=Markup(script),  # noqa: S704 - our own files
            script_digest=source_digest(script),
            w=run_words,
            m=metric_words,
            f=fmt,
            zip=zip,
            recorded=recorded,
            shape_name=shape_name,
            failed_shapes=failed_shapes,
            first_request=first_request,
            format_exit_code=processes.format_exit_code,
            alone=alone,
            timed_region=timed_region,
            cache_state=cache_state,
            weight=weight,
            weights=[(weight(metric), metric_words.weight_name(metric)) for metric in view.weights],
            failure_where=lambda failure: failure_where(failure, view.planned_blocks),
            swatch=swatch,
            marks=marks,
            columns=COLUMNS,
            ranked_metrics=RANKED,
            rates=RATES,
            percentiles=tuple(QUANTILES),
            facts=header_facts(view),
            machine_facts=machine_facts(view),
            findings=findings,
            serious=serious_for_answer(analysis, findings),
            figures=figures,
            legend_folded=len(figures.legend) > _MOST_IN_LEGEND,
            load_bars=load_bars(analysis),
            memory_bars=memory_bars(analysis),
            details=cell_details(view, findings),
            details_folded=len(analysis.cells) > MOST_UNFOLDED,
            course=series_chart,
            broken_venvs=[(k, venv) for k, venv in venvs.items() if venv.get("failed") or venv.get("unsupported")],
            npu_cells=[cell for cell in analysis.cells if hardware_of(cell.load.ran_on) == "NPU"],
            phi3="phi-3" in str(view.model.get("name")).lower() and not view.model.get("synthetic"),
            times_smaller=_times_smaller(view.model.get("parameters")),
            data=data_link(view, summary_csv),
        )
    )


def weight(metric: str) -> str:
    """The address of a metric where a reader chooses what matters, or of ``memory``."""
    return METRICS[metric].name if metric in METRICS else metric


def failure_where(failure: Failure, blocks: int) -> str:
    """In how many of the run's ``blocks``, and whether other blocks were measured; blank if neither is known."""
    counted = fmt.plural(blocks, "{count} block", "{count} blocks")
    if failure.measured_elsewhere and blocks:
        where = _("in {failed} of {blocks}; other blocks were measured")
    elif failure.measured_elsewhere:
        where = _("other blocks were measured")
    else:
        where = _("in {failed} of {blocks}") if blocks else ""
    return where.format(failed=len(failure.blocks), blocks=counted)


def data_link(view: RunView, summary_csv: str) -> DataLink:
    """A link whose file has the bytes of ``summary_csv``."""
    encoded = base64.b64encode(summary_csv.encode("utf-8")).decode("ascii")
    run = re.sub(r"[^0-9A-Za-z_-]", "_", str(view.record.get("run_id")))[:64]
    return DataLink(f"data:text/csv;charset=utf-8;base64,{encoded}", f"{run}-summary.csv")


def _times_smaller(parameters: Any) -> int | None:
    """How many times as many parameters Phi-3-mini has as a model that is much smaller; ``None`` for another."""
    return round(_PHI3_PARAMETERS / parameters) if parameters and parameters < _PHI3_PARAMETERS / 2 else None
