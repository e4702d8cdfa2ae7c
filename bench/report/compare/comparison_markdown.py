"""compare.md: a comparison as a comment on a pull request, cut to what GitHub takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.analyse.comparison import VERDICTS, Changed
from bench.metrics import METRICS
from bench.report.compare import comparison_quality
from bench.report.compare.comparison_figures import MARKS, SERIOUS_MARK, change, shape, signed, span, verdict_name
from bench.report.compare.comparison_view import ComparisonView, Figure, QualityFigure, Row, called_first, largest_first
from bench.report.compare.comparison_words import (
    adjustment,
    alone_lines,
    bases,
    caveats,
    heading,
    largest,
    rule,
    summary,
)
from bench.report.compare.recorded import condition, value_or_blank
from bench.report.format import number, plural
from bench.report.language import gettext as _
from bench.report.names import Naming
from bench.report.template import in_markdown as escape

MOST_BYTES = 65_000
"""In UTF-8; GitHub takes 65,536 characters, of which the one who posts it may want some."""

# What stands around the rows, in bytes each, so that together they leave room for rows whatever strings the runs hold.
_NOTES, _SUMS, _LISTS = 20_000, 8_000, 7_000
_MOST_LISTED = 20
_SENTENCE, _NAME, _VALUE = 2_500, 300, 60


def markdown(view: ComparisonView) -> str:
    """For a pull request: as many rows as fit, the largest changes first, and a note of those that do not."""
    comparison = view.comparison
    notes = [f"> **{cut(note, _SENTENCE)}**\n" for note in caveats(view)]
    header = _header(view) if view.rows else []
    before = [f"## {cut(heading(comparison))}", "", *_within(notes, _NOTES)]
    before += [*_sums(view), "", cut(largest(view)), "", *_answer(view), *header]
    alone = _within([f"- {cut(line)}" for line in alone_lines(view)], _LISTS)
    reading = f"{rule(comparison)}. {' '.join([*adjustment(view), *bases(comparison)])}"
    after = ["", *_qualities(view), *alone, *_changes(view), "", cut(reading, _SENTENCE), ""]
    rows = _rows(called_first(view.rows), view)
    room = MOST_BYTES - _bytes([*before, *after])
    if _bytes(rows) > room:
        ordered = _rows(largest_first(view.rows), view)
        rows = _fitting(ordered, room - _bytes([_left_out(len(ordered)), ""]))
        after = ["", _left_out(len(ordered) - len(rows)), *after]
    return "\n".join([*before, *rows, *after])


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


def _header(view: ComparisonView) -> list[str]:
    if not view.comparison.several:
        return figures_header()
    common = _("configuration"), _("shape"), _("metric"), _("base ms")
    heads = _numbers(view)
    return [_line(*common, *heads), f"|---|---|---|--:|{'---|' * len(heads)}"]


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


# -- around them


def _sums(view: ComparisonView) -> list[str]:
    if not view.comparison.several:
        return [cut(summary(0, view), _SENTENCE)]
    found = []
    for place, head in enumerate(view.comparison.heads):
        counts = view.counts[place]
        sums = [
            " ".join(f"{MARKS[verdict]}{counts[metric][verdict]}" for verdict in VERDICTS) if metric in counts else ""
            for metric in view.metrics
        ]
        found.append(_line(str(place + 1), cut(head.name), str(len(head.cells)), *sums))
    header = _line("", _("head"), _("cells"), *(METRICS[metric].short for metric in view.metrics))
    legend = ", ".join(f"{MARKS[verdict]} {verdict_name(verdict)}" for verdict in VERDICTS)
    return [header, f"|--:|---|--:|{'---|' * len(view.metrics)}", *_within(found, _SUMS), "", legend]


def _answer(view: ComparisonView) -> list[str]:
    sentence = comparison_quality.answer(view)
    return [f"**{cut(sentence, _SENTENCE)}**", ""] if sentence else []


def _qualities(view: ComparisonView) -> list[str]:
    """A table of the quality of loads, those that changed first."""
    if not view.qualities:
        return []
    columns = _("quality of"), _("base"), _("head"), _("perplexity (95 %)"), _("texts"), _("verdict"), ""
    rows = [_quality(one, view) for one in comparison_quality.changed_first(view.qualities)]
    reading = cut(comparison_quality.rule(view.comparison.quality_tolerance), _SENTENCE)
    return [_line(*columns), "|---|--:|--:|---|--:|---|---|", *_within(rows, _LISTS), "", reading, ""]


def _quality(figure: QualityFigure, view: ComparisonView) -> str:
    one, verdict = figure.change, verdict_name(figure.change.verdict)
    over = one.contrast.ratio if one.contrast else None
    values = number(one.base_perplexity), number(one.head_perplexity), change(over) if over else ""
    return _line(
        cut(comparison_quality.named(figure, view)),
        *values,
        str(over.blocks) if over else "",
        f"**{verdict}**" if one.changed else verdict,
        cut("; ".join(filter(None, (comparison_quality.known(one), comparison_quality.error(one))))),
    )


def _changes(view: ComparisonView) -> list[str]:
    if not view.changed:
        return []
    heads = _numbers(view) if view.comparison.several else [_("head")]
    rows = [_line(*_values(one)) for one in view.changed]
    header = _line(_("differs"), _("base"), *heads)
    return ["", header, f"|---|---|{'---|' * len(heads)}", *_within(rows, _LISTS)]


def _numbers(view: ComparisonView) -> list[str]:
    return [str(place) for place, _head in enumerate(view.comparison.heads, start=1)]


def _values(one: Changed) -> list[str]:
    values = (value_or_blank(one.name, value) or "" for value in (one.base, *one.heads))
    return [cut(value, _VALUE) for value in (condition(one.name), *values)]
