"""history.html: one file without requests; sentences first, then a small chart per series, then the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.quality_series import ROUNDING
from bench.analyse.timeline import Series
from bench.metrics import METRICS
from bench.report.drawing.svg import Sheet
from bench.report.history import history_text
from bench.report.history.history_chart import chart
from bench.report.history.history_view import HistoryView
from bench.report.language import gettext as _
from bench.report.template import render_page

MOST_CHANGED = 120
"""Charts of series that changed, the largest change first."""
MOST_CHARTS = 60
"""Charts in all, if those of series that changed are not more already."""


@dataclass(frozen=True, slots=True)
class Row:
    """One series in the table, with its chart where it has one."""

    series: Series
    name: str
    svg: Markup | None = None

    @property
    def metric(self) -> str:
        """The abbreviation of its metric."""
        return METRICS[self.series.metric].short


def page(view: HistoryView) -> str:
    """The page of one machine's history, in the language that is chosen."""
    history, sheet = view.history, Sheet()
    named = sorted(
        zip(history.series, history_text.series_names(history), strict=True),
        key=lambda pair: (not pair[0].shifts, -_largest_change(pair[0])),
    )
    drawn = max(min(sum(bool(one.shifts) for one in history.series), MOST_CHANGED), MOST_CHARTS)
    rows = [
        Row(one, name, chart(one, history, sheet) if place < drawn else None) for place, (one, name) in enumerate(named)
    ]
    return render_page(
        "history",
        sheet.css(),
        view=view,
        runs=history.runs,
        rows=rows,
        groups=_groups(rows[:drawn]),
        say=history_text,
        rounding=ROUNDING,
        shapes=sheet.shapes(),
    )


def _groups(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Series that changed, those that did not, and those that are too short to tell, each under its heading."""
    titles = {
        True: _("Changed"),
        False: _("No change point"),
        None: _("Fewer than {least} runs, too few to look for a change point").format(least=LEAST_RUNS),
    }
    found = ((title, [row for row in rows if row.series.changed is changed]) for changed, title in titles.items())
    return [(title, own) for title, own in found if own]


def _largest_change(one: Series) -> float:
    return max((max(shift.ratio, 1 / shift.ratio) for shift in one.shifts), default=0.0)
