"""What the gate says: lines for a terminal, Markdown for a step summary, JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bench.analyse.compare import ComparedCell, Difference
from bench.analyse.gate import CANNOT_TELL, NONE_SHOWN, REGRESSION, Gate, could_hide, lost_in_words
from bench.metrics import METRICS
from bench.report.about import about
from bench.report.compare.export_json import figures, identity
from bench.report.compare.figures import cell_name, change, percent, ratio, shape, values
from bench.report.compare.order import called_first
from bench.report.compare.terminal import MOST_IN_TERMINAL
from bench.report.exports.summary_json import cleaned
from bench.report.exports.summary_markdown import escape
from bench.report.format import number, plain
from bench.report.language import ENGLISH
from bench.report.names import Naming, name_all
from bench.report.text.en import plural

GATE_VERSION = 1

STATUS = {NONE_SHOWN: 0, REGRESSION: 1, CANNOT_TELL: 2}
"""Outcome -> exit status."""

_MOST_ROWS = 300
_MOST_LISTED = 20
_MOST_WORDS = 300


def headline(found: Gate) -> str:
    """The outcome in a sentence."""
    if found.outcome == REGRESSION:
        slower = [one for one in found.differences if one.verdict == "slower"]
        cells = {cell.cell.cell_key for cell in found.cells for one in cell.differences if one.verdict == "slower"}
        return f"REGRESSION shown: {plural(len(slower), 'figure')} of {plural(len(cells), 'cell')} slower"
    if found.outcome == CANNOT_TELL:
        return f"CANNOT TELL: {reasons(found)[0]}"
    return f"no regression shown in {plural(len(found.cells), 'cell')}"


def reasons(found: Gate) -> list[str]:
    """Why the gate cannot tell, or could not if it had not seen a regression."""
    said = [*found.void, *found.gaps]
    if found.missing:
        said.append(f"{plural(len(found.missing), 'cell')} measured before and not now")
    if found.lost:
        said.append(f"{plural(len(found.lost), 'cell')} not measured in all blocks")
    if found.strict and found.hiding:
        said.append(hidden(found))
    return said


def heading(found: Gate) -> str:
    """What is held against what."""
    if found.paired or len(found.base_names) == 1:
        return f"{found.head_name} held against {found.base_names[0]}"
    if not found.base_names:
        return f"{found.head_name} held against nothing"
    return (
        f"{found.head_name} held against {len(found.base_names)} runs, {found.base_names[0]} to {found.base_names[-1]}"
    )


def hidden(found: Gate) -> str:
    """Behind how many figures a slowdown beyond the threshold could hide."""
    limit = percent(found.threshold)
    if not found.differences:
        return "no figure could be held against anything"
    if not found.hiding:
        return f"no figure could hide a slowdown beyond {limit}"
    return f"{len(found.hiding)} of {plural(len(found.differences), 'figure')} could hide a slowdown beyond {limit}"


def missed(one: Difference) -> str:
    """What slowdown a figure without a verdict could hide; empty where there is a verdict."""
    if one.verdict != "inconclusive":
        return ""
    high = one.contrast.ratio.high
    if high is None:
        return "any slowdown could hide"
    return f"a slowdown of up to {100 * (high - 1):.1f} % could hide" if high > 1 else ""


def lines(found: Gate) -> Iterator[str]:
    """For a terminal of any encoding."""
    naming = name_all(found.head)
    yield plain(heading(found))
    yield from map(plain, found.notes)
    yield ""
    ordered = _urgent_first(found)
    for cell in ordered[:MOST_IN_TERMINAL]:
        yield plain(cell_name(cell.cell, naming))
        for one in cell.differences:
            name = METRICS[one.metric].short
            figure = f"  {name:<8} {values(one):>22}  {ratio(one.contrast.ratio):<24} {one.verdict}"
            yield f"{figure:<76} {missed(one)}".rstrip()
    if len(ordered) > MOST_IN_TERMINAL:
        yield f"and {plural(len(ordered) - MOST_IN_TERMINAL, 'more cell')}: see gate.json"
    yield from _limited([f"MISSING {plain(one)}" for one in _missing(found)])
    yield from _limited([f"BLOCKS LOST {plain(one)}" for one in _lost(found)])
    yield from _limited([f"new: {plain(cell_name(cell, naming))}" for cell in found.new])
    yield from _limited([f"changed: {plain(f'{name} {a} -> {b}')}" for name, (a, b) in found.changes.items()])
    yield ""
    yield plain(headline(found))
    yield from (f"  also: {plain(one)}" for one in _beside(found))
    yield hidden(found)
    yield _rule(found)


def _beside(found: Gate) -> list[str]:
    """The reasons that the headline does not give."""
    return reasons(found)[1:] if found.outcome == CANNOT_TELL else reasons(found)


def _rule(found: Gate) -> str:
    limit = percent(found.threshold)
    return f"threshold {limit}; intervals cover {found.basis}; Holm's adjustment over all cells of a metric"


def _missing(found: Gate) -> list[str]:
    naming = name_all(found.head)
    return [f"{cell_name(one.cell, naming)}: {one.why[:_MOST_WORDS]}" for one in found.missing]


def _lost(found: Gate) -> list[str]:
    naming = name_all(found.head)
    return [
        f"{f'variant {one.side}, ' if one.side else ''}{cell_name(one.cell, naming)}: "
        f"{lost_in_words(one.cell)[:_MOST_WORDS]}"
        for one in found.lost
    ]


def _urgent_first(found: Gate) -> list[ComparedCell]:
    """Slower cells first, then those that could hide a slowdown, then the others."""

    def place(cell: ComparedCell) -> int:
        if any(one.verdict == "slower" for one in cell.differences):
            return 0
        return 1 if any(could_hide(one, found.threshold) for one in cell.differences) else 2

    return sorted(called_first(found.cells), key=place)


def _limited(found: Sequence[str]) -> Iterator[str]:
    yield from found[:_MOST_LISTED]
    if len(found) > _MOST_LISTED:
        yield f"and {len(found) - _MOST_LISTED:,} more of these: see gate.json"


def markdown(found: Gate) -> str:
    """For a step summary (GitHub: at most 1 MiB)."""
    naming = name_all(found.head)
    parts = [f"## {escape(headline(found))}", "", escape(heading(found)), ""]
    parts += [f"> **{escape(note)}**\n" for note in (*_beside(found), *found.notes)]
    parts += [f"{escape(hidden(found))}. {escape(_rule(found))}.", ""]
    rows = [_row(cell, one, naming) for cell in _urgent_first(found) for one in cell.differences]
    if rows:
        parts += [
            "| configuration | shape | metric | before ms | now ms | change (95 %) | verdict |",
            "|---|---|---|--:|--:|---|---|",
            *rows[:_MOST_ROWS],
        ]
    if len(rows) > _MOST_ROWS:
        parts += ["", f"{plural(len(rows) - _MOST_ROWS, 'more row')}: gate.json holds all."]
    parts += ["", *_limited([f"- **missing**: {escape(one)}" for one in _missing(found)])]
    parts += _limited([f"- **blocks lost**: {escape(one)}" for one in _lost(found)])
    parts += _limited([f"- new: {escape(cell_name(cell, naming))}" for cell in found.new])
    parts += _limited(
        [f"- changed: {escape(name)} {escape(a)} → {escape(b)}" for name, (a, b) in found.changes.items()]
    )
    return "\n".join([*parts, ""])


def _row(cell: ComparedCell, one: Difference, naming: Naming) -> str:
    verdict = f"**{one.verdict}**" if one.verdict == "slower" else one.verdict
    if hides := missed(one):
        verdict += f": {hides}"
    parts = (
        escape(naming.of(cell.cell.load)),
        shape(cell.cell),
        METRICS[one.metric].short,
        number(one.base_ms),
        number(one.head_ms),
        change(one.contrast.ratio),
        verdict,
    )
    return f"| {' | '.join(parts)} |"


def as_json(found: Gate) -> str:
    """For a program."""
    naming = name_all(found.head)
    value = {
        "gate_version": GATE_VERSION,
        "about": cleaned(_about(found)),
        "outcome": found.outcome,
        "exit_status": STATUS[found.outcome],
        "headline": headline(found),
        "reasons": reasons(found),
        "head": found.head_name,
        "baselines": list(found.base_names),
        "paired": found.paired,
        "threshold": found.threshold,
        "strict": found.strict,
        "basis": found.basis,
        "could_hide_beyond_threshold": len(found.hiding),
        "notes": list(found.notes),
        "changes": {name: {"base": there, "head": here} for name, (there, here) in found.changes.items()},
        "cells": [
            {
                **identity(cell.cell, naming),
                **figures(one),
                "could_hide_beyond_threshold": could_hide(one, found.threshold),
            }
            for cell in found.cells
            for one in cell.differences
        ],
        "missing": [{**identity(one.cell, naming), "why": one.why} for one in found.missing],
        "lost": [
            {**identity(one.cell, naming), "side": one.side, "blocks": [asdict(lost) for lost in one.cell.lost]}
            for one in found.lost
        ],
        "new": [identity(cell, naming) for cell in found.new],
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _about(found: Gate) -> dict[str, Any]:
    run = found.head
    cells = [cell.cell for cell in found.cells] + list(found.new)
    return about(run.record, {ENGLISH.code: headline(found)}, cells, run.findings, ended=run.end is not None)
