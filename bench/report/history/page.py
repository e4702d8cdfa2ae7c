"""history.html: one file, no request; sentences first, then a small chart per series, then the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

import bench.report
from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.timeline import History, Series
from bench.metrics import METRICS
from bench.report import format as fmt
from bench.report import text
from bench.report.compare.figures import percent
from bench.report.drawing.svg import Sheet
from bench.report.history import words
from bench.report.history.charts import chart
from bench.report.history.render import path
from bench.report.history.runs import LeftOut
from bench.report.history.sentences import changed, day, heading, names, notes, sentences, size
from bench.report.language import chosen
from bench.report.template import environment, page_script, source_digest

_HERE = Path(__file__).resolve().parent
_STYLE = Path(bench.report.__file__).resolve().parent / "page.css"

MOST_CHANGED = 120
"""Charts of series that changed, the largest change first."""
MOST_CHARTS = 60
"""Charts in all, if those of series that changed are not more already."""


@dataclass(frozen=True, slots=True)
class Row:
    """One series in the table."""

    series: Series
    name: str
    metric: str
    path: str
    scatter: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One series with its chart."""

    row: Row
    svg: Markup


def page(history: History, machine_id: str, machine: str, left_out: Sequence[LeftOut]) -> str:
    """The page of one machine's history.

    Args:
        history: of that machine.
        machine_id: as it is recorded.
        machine: name of its CPU; blank where it is not known.
        left_out: what is not part of it, and why.
    """
    rows = sorted(_rows(history), key=lambda row: (not row.series.shifts, -_largest(row.series)))
    shown = max(min(sum(bool(row.series.shifts) for row in rows), MOST_CHANGED), MOST_CHARTS)
    sheet = Sheet()
    panels = [Panel(row, chart(row.series, history, sheet)) for row in rows[:shown]]
    css = "".join(
        (_STYLE.read_text(encoding="utf-8"), (_HERE / "history.css").read_text(encoding="utf-8"), sheet.css())
    )
    script = page_script()
    return (
        environment(_HERE)
        .get_template("history.html.jinja")
        .render(
            h=history,
            f=fmt,
            w=words,
            t=text,
            language=chosen().code,
            css=Markup(css),  # noqa: S704 - our own files and the drawings' styles, no data
            css_digest=source_digest(css),
            shapes=sheet.shapes(),
            script=Markup(script),  # noqa: S704 - our own file
            script_digest=source_digest(script),
            machine=machine or text.UNKNOWN_MACHINE,
            machine_id=machine_id,
            heading=heading(history),
            excluded=left_out,
            notes=notes(history),
            sentences=sentences(history),
            numbered=len(history.turns),
            alike=words.ALIKE if history.turns else "",
            threshold=percent(history.threshold / 2),
            groups=_groups(panels),
            left_out=max(0, len(rows) - shown),
            rows=rows,
            runs=[(number, day(run), run) for number, run in enumerate(history.runs, start=1)],
            day=lambda number: day(history.runs[number]),
            plural=text.plural,
        )
    )


def _groups(panels: Sequence[Panel]) -> list[tuple[str, list[Panel]]]:
    """Series that changed, those that did not, and those that nothing can be said of yet, each under its heading."""
    titles = {
        True: words.GROUPS["changed"],
        False: words.GROUPS["unchanged"],
        None: words.TOO_SHORT.format(least=LEAST_RUNS),
    }
    found = {
        title: [panel for panel in panels if changed(panel.row.series) is answer] for answer, title in titles.items()
    }
    return [(title, own) for title, own in found.items() if own]


def _rows(history: History) -> Iterator[Row]:
    for one, name in zip(history.series, names(history), strict=True):
        scatter = "" if one.scatter is None else words.SHARE.format(share=size(one.scatter))
        yield Row(one, name, METRICS[one.metric].short, path(one), scatter)


def _largest(one: Series) -> float:
    return max((max(shift.ratio, 1 / shift.ratio) for shift in one.shifts), default=0.0)
