"""compare.md: a comparison as a comment on a pull request, cut to what GitHub takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analyse.compare import VERDICTS, Difference
from bench.analyse.side_by_side import CALLED, Changed, Row, SideBySide, changed
from bench.metrics import COMPARED, METRICS
from bench.report import text
from bench.report.compare import words
from bench.report.compare.alone import alone
from bench.report.compare.figures import MARKS, SERIOUS_MARK, ratio, shape, signed, span
from bench.report.compare.findings import Doubtful, doubtful, touching
from bench.report.compare.order import called_first, largest_first
from bench.report.compare.recorded import in_words
from bench.report.compare.sentences import adjustment, bases, counts, heading, largest, notes, rule, summary
from bench.report.exports.summary_markdown import escape
from bench.report.format import number
from bench.report.names import Naming, name_all

MOST_BYTES = 65_000
"""In UTF-8; GitHub takes 65,536 characters, of which the one who posts it may want some."""

# What stands around the rows, in bytes each, so that together they leave room for rows whatever strings the runs hold.
_NOTES, _SUMS, _LISTS = 20_000, 8_000, 7_000
_MOST_LISTED = 20
_SENTENCE, _NAME, _VALUE = 2_500, 300, 60


def markdown(side: SideBySide) -> str:
    """For a pull request: as many rows as fit, the largest changes first, and a note of those that do not."""
    naming = name_all(side.first.base)
    said = [f"> **{_text(note, _SENTENCE)}**\n" for note in notes(side)]
    before = [f"## {_text(heading(side))}", "", *_within(said, _NOTES)]
    before += [*_sums(side), "", _text(largest(side)), "", *_header(side)]
    after = ["", *_alone(side), *_changes(side), "", _reading(side), ""]
    touched = doubtful(side, touching(side))
    rows = _rows(called_first(side.rows), side, naming, touched)
    room = MOST_BYTES - _bytes([*before, *after])
    if _bytes(rows) > room:
        ordered = _rows(largest_first(side.rows), side, naming, touched)
        rows = _fitting(ordered, room - _bytes([_left_out(len(ordered)), ""]))
        after = ["", _left_out(len(ordered) - len(rows)), *after]
    return "\n".join([*before, *rows, *after])


def _left_out(count: int) -> str:
    return words.ROWS_LEFT_OUT.format(rows=text.plural(count, "more row"))


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
    more = len(lines) - len(kept)
    return [*kept, f"\n{words.LINES_LEFT_OUT.format(count=number(more, 0))}\n"] if more else kept


def _text(value: str, longest: int = _NAME) -> str:
    # Cut before it is escaped, for half an escape would be another text.
    return escape(value if len(value) <= longest else f"{value[: longest - 1]}…")


# -- the figures


def _header(side: SideBySide) -> list[str]:
    if not side.rows:
        return []
    common = words.CONFIGURATION, words.SHAPE, words.METRIC, words.BASE_MS
    if not side.several:
        return [
            _line(*common, words.HEAD_MS, words.RATIO, words.VERDICT),
            "|---|---|---|--:|--:|---|---|",
        ]
    return [_line(*common, *_numbers(side)), f"|---|---|---|--:|{_rules(side)}"]


def _line(*parts: str) -> str:
    return f"| {' | '.join(parts)} |"


def _numbers(side: SideBySide) -> list[str]:
    return [str(place) for place, _ in enumerate(side.heads, start=1)]


def _rules(side: SideBySide) -> str:
    return "---|" * len(side.heads)


def _rows(rows: Sequence[Row], side: SideBySide, naming: Naming, touched: Doubtful) -> list[str]:
    found: list[str] = []
    for row in rows:
        marks = [f" {SERIOUS_MARK}" if row.cell.cell_key in keys else "" for keys in touched]
        found += _several(row, naming, marks) if side.several else _single(row, naming, marks[0])
    return found


def _single(row: Row, naming: Naming, mark: str) -> Iterator[str]:
    for one in row.differences:
        word = words.VERDICTS[one.verdict]
        verdict = (f"**{word}**" if one.verdict in CALLED else word) + mark
        figures = number(one.base_ms), number(one.head_ms), ratio(one.contrast.ratio), verdict
        yield _line(_text(naming.of(row.cell.load)), shape(row.cell), METRICS[one.metric].short, *figures)


def _several(row: Row, naming: Naming, marks: Sequence[str]) -> Iterator[str]:
    for metric in COMPARED:
        found = row.of(metric)
        base = next((one.base_ms for one in found if one), None)
        if base is not None:
            parts = (_text(naming.of(row.cell.load)), shape(row.cell), METRICS[metric].short, number(base))
            yield _line(*parts, *map(_figure, found, marks))


def _figure(one: Difference | None, mark: str) -> str:
    """Sign, change and interval of one head; blank where it was not measured on both sides."""
    if one is None:
        return ""
    value = f"{MARKS[one.verdict]} {signed(one.contrast.ratio.value)}"
    interval = span(one.contrast.ratio)
    return f"{f'**{value}**' if one.verdict in CALLED else value}{mark}{f' ({interval})' if interval else ''}"


# -- around them


def _sums(side: SideBySide) -> list[str]:
    if not side.several:
        return [_text(summary(side.first), _SENTENCE)]
    metrics = [metric for metric in COMPARED if any(one.metric == metric for one in side.differences)]
    found = []
    for place, head in enumerate(side.heads, start=1):
        counted = counts(head)
        sums = [" ".join(f"{MARKS[v]}{counted[m][v]}" for v in VERDICTS) if m in counted else "" for m in metrics]
        found.append(_line(str(place), _text(head.head_name), str(len(head.cells)), *sums))
    header = _line("", words.HEAD, words.CELLS, *(METRICS[metric].short for metric in metrics))
    legend = ", ".join(f"{MARKS[verdict]} {words.VERDICTS[verdict]}" for verdict in VERDICTS)
    return [header, f"|--:|---|--:|{'---|' * len(metrics)}", *_within(found, _SUMS), "", legend]


def _alone(side: SideBySide) -> list[str]:
    return _within([f"- {_text(one.sentence(name))}" for one in alone(side) for name in one.names], _LISTS)


def _changes(side: SideBySide) -> list[str]:
    found = [in_words(one) for one in changed(side)]
    if not side.several:
        return _within([f"- {_change(one)}" for one in found], _LISTS)
    if not found:
        return []
    rows = [_line(*map(_short, (one.name, one.base, *one.heads))) for one in found]
    return ["", _line(words.DIFFERS, words.BASE, *_numbers(side)), f"|---|---|{_rules(side)}", *_within(rows, _LISTS)]


def _change(one: Changed) -> str:
    name, base, head = map(_short, (one.name, one.base, one.heads[0]))
    return words.CHANGED.format(name=name, base=base, head=head)


def _short(value: str | None) -> str:
    return "" if value is None else _text(value, _VALUE)


def _reading(side: SideBySide) -> str:
    return _text(f"{rule(side)}. {' '.join([*adjustment(side), *bases(side)])}", _SENTENCE)
