"""compare.md: a comparison as a comment on a pull request, cut to what GitHub takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.analyse.comparison import VERDICTS
from bench.metrics import METRICS
from bench.report.compare import comparison_figures, comparison_quality, comparison_words, recorded
from bench.report.compare.comparison_figures import MARKS, SERIOUS_MARK, change, shape, signed, span, verdict_name
from bench.report.compare.comparison_view import ComparisonView, Figure, Row, called_first, largest_first
from bench.report.compare.comparison_words import adjustment, alone_lines, bases, caveats, rule
from bench.report.format import number, plural
from bench.report.language import gettext as _
from bench.report.names import Naming
from bench.report.template import in_markdown as escape, render_markdown

_ROWS = "<!-- rows -->"
"""In the place of the rows until it is known for how many there is room."""
MOST_BYTES = 65_000
"""In UTF-8; GitHub takes 65,536 characters, of which the one who posts it may want some."""

# What stands around the rows, in bytes each, so that together they leave room for rows whatever strings the runs hold.
_NOTES, _LISTS = 20_000, 7_000
_MOST_LISTED = 20
_SENTENCE, _NAME = 2_500, 300


def markdown(view: ComparisonView) -> str:
    """For a pull request: as many rows as fit, the largest changes first, and a note of those that do not."""
    comparison = view.comparison
    around = render_markdown(
        "comparison",
        view=view,
        c=comparison,
        words=comparison_words,
        quality=comparison_quality,
        figures=comparison_figures,
        recorded=recorded,
        metrics=METRICS,
        verdicts=VERDICTS,
        cut=cut,
        sentence=lambda text: cut(text, _SENTENCE),
        within=lambda text: "\n".join(_within(text.splitlines(), _LISTS)),
        notes=_within([f"> **{cut(note, _SENTENCE)}**\n" for note in caveats(view)], _NOTES),
        figures_header=figures_header,
        alone=_within([f"- {cut(line)}" for line in alone_lines(view)], _LISTS),
        reading=f"{rule(comparison)}. {' '.join([*adjustment(view), *bases(comparison)])}",
        rows=_ROWS,
    )
    before, _marked, after = around.partition(f"{_ROWS}\n")
    rows = _rows(called_first(view.rows), view)
    room = MOST_BYTES - _bytes([before, after])
    if _bytes(rows) > room:
        ordered = _rows(largest_first(view.rows), view)
        rows = _fitting(ordered, room - _bytes([_left_out(len(ordered)), ""]))
        rows += ["", _left_out(len(ordered) - len(rows))]
    return before + "".join(f"{row}\n" for row in rows) + after


def _left_out(count: int) -> str:
    rows = plural(count, "{count} more row", "{count} more rows")
    return _("{rows} left out, those with the largest changes are here: compare.json holds all.").format(rows=rows)


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode("utf-8")) + 1 for line in lines)


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= _bytes([line])
        if room < 0:
            break
        kept.append(line)
    return kept


def _within(lines: Sequence[str], room: int) -> list[str]:
    """Some of a list, and how many more there are."""
    kept = _fitting(lines[:_MOST_LISTED], room)
    if len(kept) == len(lines):
        return kept
    more = _("and {count} more of these: see compare.json").format(count=number(len(lines) - len(kept), 0))
    return [*kept, f"\n{more}\n"]


def cut(value: str, longest: int = _NAME) -> str:
    """Foreign text that stays text, and of which there is not too much."""
    # Cut before it is escaped, for half an escape would be another text.
    return escape(value if len(value) <= longest else f"{value[: longest - 1]}…")


# -- the figures


def figures_header() -> list[str]:
    """The head of the table of one head's figures."""
    columns = _("configuration"), _("shape"), _("metric"), _("base ms"), _("head ms"), _("change (95 %)"), _("verdict")
    return [_line(*columns), "|---|---|---|--:|--:|---|---|"]


def figures_rows(row: Row, naming: Naming, aside: Callable[[Figure], str] = lambda _: "") -> Iterator[str]:
    """A line per metric of one head; ``aside`` is said beside its verdict."""
    for figure in row.figures:
        one = figure.difference
        verdict = f"**{verdict_name(one.verdict)}**" if figure.called else verdict_name(one.verdict)
        verdict += _mark(figure) + aside(figure)
        times = number(one.base_ms), number(one.head_ms)
        yield _line(*_cell(row, one.metric, naming), *times, change(one.contrast.ratio), verdict)


def _line(*parts: str) -> str:
    return f"| {' | '.join(parts)} |"


def _cell(row: Row, metric: str, naming: Naming) -> tuple[str, str, str]:
    return cut(naming.of(row.cell.load)), shape(row.cell), METRICS[metric].short


def _mark(figure: Figure) -> str:
    return f" {SERIOUS_MARK}" if figure.serious else ""


def _rows(rows: Sequence[Row], view: ComparisonView) -> list[str]:
    if not view.comparison.several:
        return [line for row in rows for line in figures_rows(row, view.names)]
    found = []
    for row in rows:
        for metric in view.metrics:
            if figures := row.of(metric):
                base = number(next(iter(figures.values())).difference.base_ms)
                heads = [_figure(figures.get(place)) for place, _head in enumerate(view.comparison.heads)]
                found.append(_line(*_cell(row, metric, view.names), base, *heads))
    return found


def _figure(one: Figure | None) -> str:
    """Sign, change and interval of one head; blank where it was not measured on both sides."""
    if one is None:
        return ""
    over = one.difference.contrast.ratio
    value = f"{MARKS[one.difference.verdict]} {signed(over.value)}"
    interval = f" ({span(over)})" if span(over) else ""
    return f"{f'**{value}**' if one.called else value}{_mark(one)}{interval}"
