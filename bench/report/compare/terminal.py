"""A comparison as the lines that a terminal ends with, in English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analyse.side_by_side import SideBySide, changed
from bench.metrics import METRICS
from bench.report.compare.alone import alone
from bench.report.compare.figures import SERIOUS_MARK, cell_name, ratio, values
from bench.report.compare.findings import doubtful, touching
from bench.report.compare.order import called_first, size
from bench.report.compare.recorded import in_words
from bench.report.compare.sentences import adjustment, bases, called, heading, largest, notes, rule, summaries
from bench.report.compare.words.en import head_name
from bench.report.format import plain
from bench.report.language import ENGLISH, speaking
from bench.report.names import name_all
from bench.report.text.en import plural

MOST_IN_TERMINAL = 40
"""Cells in the terminal, or calls of several heads; the largest come first, and the files hold all."""
_MOST_LISTED = 20


def lines(side: SideBySide) -> list[str]:
    """For a terminal of any encoding."""
    with speaking(ENGLISH.code):
        return list(_lines(side))


def _lines(side: SideBySide) -> Iterator[str]:
    yield plain(heading(side))
    yield from map(plain, notes(side))
    yield ""
    yield from _calls(side) if side.several else _cells(side)
    yield from _limited([plain(one.sentence(name)) for one in alone(side) for name in one.names])
    yield from _limited([plain(one) for one in _changes(side)])
    yield ""
    yield from map(plain, summaries(side))
    yield from filter(None, [plain(largest(side))])
    yield rule(side)
    yield from map(plain, [*adjustment(side), *bases(side)])


def _cells(side: SideBySide) -> Iterator[str]:
    """All figures of one head."""
    naming = name_all(side.first.base)
    (touched,) = doubtful(side, touching(side))
    ordered = called_first(side.rows)
    for row in ordered[:MOST_IN_TERMINAL]:
        mark = f" {SERIOUS_MARK}" if row.cell.cell_key in touched else ""
        yield plain(cell_name(row.cell, naming)) + mark
        for one in row.differences:
            name = METRICS[one.metric].short
            yield f"  {name:<8} {values(one):>22}  {ratio(one.contrast.ratio):<24} {one.verdict}"
    if len(ordered) > MOST_IN_TERMINAL:
        yield f"and {plural(len(ordered) - MOST_IN_TERMINAL, 'more cell')}: see compare.html and compare.json"


def _calls(side: SideBySide) -> Iterator[str]:
    """What is called in several heads: all their figures would be no answer any more."""
    touched = doubtful(side, touching(side))
    ordered = sorted(side.calls, key=lambda call: -size(call.difference))
    for call in ordered[:MOST_IN_TERMINAL]:
        one = call.difference
        mark = f" {SERIOUS_MARK}" if call.cell.cell_key in touched[call.head] else ""
        yield f"{one.verdict}: {plain(called(call, side))}: {values(one)}, {ratio(one.contrast.ratio)}{mark}"
    if len(ordered) > MOST_IN_TERMINAL:
        yield f"and {plural(len(ordered) - MOST_IN_TERMINAL, 'more call')}: see compare.html and compare.json"


def _changes(side: SideBySide) -> Iterator[str]:
    for one in map(in_words, changed(side)):
        if not side.several:
            yield f"changed: {one.name} {one.base} -> {one.heads[0]}"
            continue
        values = {value: [p for p, own in enumerate(one.heads) if own == value] for value in one.heads}
        said = ", ".join(
            f"{'not recorded' if value is None else value} in {', '.join(head_name(p, several=True) for p in places)}"
            for value, places in values.items()
            if value != one.base
        )
        yield f"differs: {one.name}: {one.base} in the base, {said}"


def _limited(found: Sequence[str]) -> Iterator[str]:
    yield from found[:_MOST_LISTED]
    if len(found) > _MOST_LISTED:
        yield f"and {len(found) - _MOST_LISTED:,} more of these: see compare.json"
