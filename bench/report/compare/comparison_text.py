"""A comparison as the lines that a terminal ends with, in English; the gate's lines are made of the same parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.analyse.comparison import Changed
from bench.metrics import METRICS
from bench.report.compare import comparison_quality
from bench.report.compare.comparison_figures import SERIOUS_MARK, ratio, short_cell_name, values
from bench.report.compare.comparison_view import ComparisonView, Figure, Row, called_first
from bench.report.compare.comparison_words import (
    adjustment,
    alone_lines,
    bases,
    called,
    caveats,
    head_names,
    heading,
    largest,
    rule,
    summaries,
)
from bench.report.compare.recorded import condition, value_or_blank
from bench.report.format import plain, plural
from bench.report.language import ENGLISH, speaking
from bench.report.names import Naming

_MOST_ROWS = 40
"""Cells in the terminal, or calls of several heads; the largest come first, and the files hold all."""
_MOST_LISTED = 20


@speaking(ENGLISH.code)
def lines(view: ComparisonView) -> list[str]:
    """For a terminal of any encoding."""
    comparison = view.comparison
    if comparison.several:
        figures = calls(view)
    else:
        figures = cells(called_first(view.rows), view.names, "compare.html and compare.json")
    found = [
        heading(comparison),
        *caveats(view),
        "",
        *figures,
        *limited([f"quality of {line}" for line in comparison_quality.lines(view)], "compare.json"),
        *limited(alone_lines(view), "compare.json"),
        *limited([_changed(one, several=comparison.several) for one in view.changed], "compare.json"),
        "",
        *summaries(view),
        *filter(None, [largest(view), comparison_quality.answer(view)]),
        rule(comparison),
        *([comparison_quality.rule(comparison.quality_tolerance)] if view.qualities else []),
        *adjustment(view),
        *bases(comparison),
    ]
    return [plain(line) for line in found]


def cells(
    rows: Sequence[Row], naming: Naming, where: str, aside: Callable[[Figure], str] = lambda _: ""
) -> Iterator[str]:
    """All figures of one head.

    Args:
        rows: the most important first.
        naming: of the base.
        where: those that are left out stand.
        aside: what is said beside a figure.
    """
    for row in rows[:_MOST_ROWS]:
        mark = f" {SERIOUS_MARK}" if any(figure.serious for figure in row.figures) else ""
        yield short_cell_name(row.cell, naming) + mark
        for figure in row.figures:
            one = figure.difference
            name = METRICS[one.metric].short
            line = f"  {name:<8} {values(one):>22}  {ratio(one.contrast.ratio):<24} {one.verdict}"
            yield f"{line:<76} {aside(figure)}".rstrip()
    if len(rows) > _MOST_ROWS:
        more = plural(len(rows) - _MOST_ROWS, "{count} more cell", "{count} more cells")
        yield f"and {more}: see {where}"


def calls(view: ComparisonView) -> Iterator[str]:
    """What is called in several heads: all their figures would be no answer any more."""
    found = view.calls
    for figure in found[:_MOST_ROWS]:
        one, mark = figure.difference, f" {SERIOUS_MARK}" if figure.serious else ""
        yield f"{one.verdict}: {called(figure, view)}: {values(one)}, {ratio(one.contrast.ratio)}{mark}"
    if len(found) > _MOST_ROWS:
        more = plural(len(found) - _MOST_ROWS, "{count} more significant change", "{count} more significant changes")
        yield f"and {more}: see compare.html and compare.json"


def _changed(one: Changed, *, several: bool) -> str:
    base, *heads = (value_or_blank(one.name, value) for value in (one.base, *one.heads))
    places = {value: [place for place, own in enumerate(heads) if own == value] for value in heads if value != base}
    differ = [
        f"{'not recorded' if value is None else value} in {head_names(own, several=several)}"
        for value, own in places.items()
    ]
    return f"differs: {condition(one.name)}: {base} in the base, {', '.join(differ)}"


def limited(found: Sequence[str], where: str) -> Iterator[str]:
    """The first lines of a list, and where the others stand."""
    yield from found[:_MOST_LISTED]
    if len(found) > _MOST_LISTED:
        yield f"and {len(found) - _MOST_LISTED:,} more of these: see {where}"
