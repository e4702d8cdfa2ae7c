"""history.html: one file without requests; sentences first, then a small chart per series, then the figures."""

import math
from typing import Any, NamedTuple

from markupsafe import Markup

from bench.analyse.build_history import ROUNDING
from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.read_history import MachineHistory
from bench.analyse.timeline import History, Series
from bench.metrics import METRICS
from bench.report.drawing.canvas import Drawing, chain, drawing, log_ticks, set_ticks
from bench.report.drawing.style import ACCENT, PAPER, STACKS, TEXT
from bench.report.drawing.svg import Sheet
from bench.report.format import interval, number
from bench.report.history import history_text
from bench.report.language import gettext as _
from bench.report.template import render_page

MOST_CHANGED = 120
"""Charts of series that changed, the largest change first."""
MOST_CHARTS = 60
"""Charts in all, if those of series that changed are not more already."""


class Row(NamedTuple):
    """One series in the table, with its chart where it has one."""

    series: Series
    name: str
    metric: str
    svg: Markup | None


def page(view: MachineHistory) -> str:
    """The page of one machine's history, in the language that is chosen."""
    history, sheet = view.history, Sheet()

    def largest_change_first(named: tuple[Series, str]) -> tuple[bool, float]:
        shifts = named[0].shifts
        return not shifts, -max((max(shift.ratio, 1 / shift.ratio) for shift in shifts), default=0.0)

    named = sorted(zip(history.series, history_text.series_names(history), strict=True), key=largest_change_first)
    drawn = max(min(sum(bool(one.shifts) for one in history.series), MOST_CHANGED), MOST_CHARTS)
    rows = [
        Row(one, name, METRICS[one.metric].short, chart(one, history, sheet) if place < drawn else None)
        for place, (one, name) in enumerate(named)
    ]
    return render_page(
        "history",
        sheet.css(),
        view=view,
        runs=history.runs,
        rows=rows,
        drawn=rows[:drawn],
        qualities=list(zip(history.qualities, history_text.load_names(history), strict=True)),
        least=LEAST_RUNS,
        say=history_text,
        rounding=ROUNDING,
        shapes=sheet.shapes(),
    )


_INCHES = (3.6, 2.0)
_AXES = (0.135, 0.13, 0.845, 0.755)
_POINTS = STACKS[0]
_MOST_DATES = 3
_MOST_TIPS = 60
"""With more runs a point is too small to be pointed at; the table beside has its figures."""
_LEAST_ROOM = math.log(1.03)


def chart(one: Series, history: History, sheet: Sheet) -> Markup:
    """Draw one series of ``history``, whose runs are the horizontal axis, the same in all drawings of a page."""
    with drawing(sheet, _INCHES, None) as canvas:
        axes = canvas.figure.add_axes(_AXES)
        _value_axis(axes, one)
        _run_axis(axes, history)
        ends = [(point.run, point.estimate.low, point.estimate.high) for point in one.points]
        bars = chain([(run, low), (run, high)] for run, low, high in ends if low is not None and high is not None)
        axes.plot(*bars, color=_POINTS, linewidth=1.0, alpha=0.55, solid_capstyle="butt", zorder=2)
        _points(canvas, axes, one, history)
        for first, last, level in one.levels:
            span = [one.points[first].run - 0.4, one.points[last - 1].run + 0.4]
            axes.plot(span, [level, level], color=TEXT, linewidth=1.4, solid_capstyle="butt", zorder=3)
        _turns(axes, one, history)
        return canvas.svg(_("{metric} in ms over the runs, as in the table").format(metric=METRICS[one.metric].short))


def _value_axis(axes: Any, one: Series) -> None:
    """Logarithmic, and as narrow as the estimates ask for: an interval that is much wider leaves the drawing."""
    logs = [math.log(point.estimate.value) for point in one.points]
    low, high = min(logs), max(logs)
    ends = [math.log(end) for point in one.points for end in (point.estimate.low, point.estimate.high) if end]
    room = max(high - low, _LEAST_ROOM)
    low = max(low - room, min([low, *ends])) - room / 8
    high = min(high + room, max([high, *ends])) + room / 8
    axes.set_yscale("log")
    axes.set_ylim(math.exp(low), math.exp(high))
    set_ticks(axes.yaxis, log_ticks(math.exp(low), math.exp(high)))
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.grid(visible=True, axis="y")


def _run_axis(axes: Any, history: History) -> None:
    last = len(history.runs) - 1
    axes.set_xlim(-0.7, last + 0.7)
    # The first, the last, and some between.
    count = min(len(history.runs), _MOST_DATES)
    shown = sorted({round(place * last / max(1, count - 1)) for place in range(count)})
    set_ticks(axes.xaxis, shown, lambda run: history.runs[round(run)].day)
    axes.tick_params(axis="x", labelsize=8)
    # The outer dates stand within the drawing.
    for place, label in enumerate(axes.get_xticklabels()):
        at_end = place == len(shown) - 1 and last > 0
        label.set_horizontalalignment("right" if at_end else "left" if place == 0 and last > 0 else "center")


def _points(canvas: Drawing, axes: Any, one: Series, history: History) -> None:
    """A disc for each run, which is open for a run without an end; of a few runs each with its figures."""
    runs = history.runs
    few, unknown = len(runs) <= _MOST_TIPS, _("no interval")
    for ended in (True, False):
        points = [point for point in one.points if runs[point.run].ended is ended]
        if not points:
            continue
        tips = [
            f"{runs[point.run].day}: {number(point.estimate.value)} ms ({interval(point.estimate) or unknown})"
            for point in points
        ]
        axes.plot(
            [point.run for point in points],
            [point.estimate.value for point in points],
            linestyle="none",
            marker="o",
            markersize=4.2 if few else 2.4,
            markerfacecolor=_POINTS if ended else PAPER,
            markeredgecolor=PAPER if ended else _POINTS,
            markeredgewidth=0.8,
            zorder=4,
            gid=[canvas.tooltip(tip) for tip in tips if few],
        )


def _turns(axes: Any, one: Series, history: History) -> None:
    above = axes.get_xaxis_transform()
    for number_ in dict.fromkeys(shift.turn for shift in one.shifts if shift.turn is not None):
        turn = history.turns[number_]
        at = (turn.before + turn.after) / 2
        axes.axvline(at, color=ACCENT, linewidth=1.1, dashes=(3, 2), zorder=1)
        axes.text(at, 1.03, str(number_ + 1), color=ACCENT, fontsize=9, ha="center", va="bottom", transform=above)
