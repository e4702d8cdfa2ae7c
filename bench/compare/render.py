"""A comparison in words: lines for a terminal, Markdown for a pull request, JSON for a program."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bench.analyse.compare import VERDICTS, ComparedCell, Comparison, Difference
from bench.analyse.results import COMPARED, CellResult
from bench.compare.words import METRICS, cell_name, change, percent, ratio, shape, values
from bench.report.export_markdown import escape
from bench.report.format import number, plain
from bench.report.names import Naming, name_all
from bench.report.text import plural

COMPARISON_VERSION = 2

MOST_IN_TERMINAL = 40
"""Cells in the terminal; those that are called come first, and the files hold all."""
_MOST_ROWS = 300
_MOST_LISTED = 20
_BETWEEN_RUNS = (
    "What varies from run to run (a reboot, heat, where memory lies) is not sampled by them: two runs of the same "
    "software can differ by more. Five or more runs of this machine would tell by how much; `nox -s ab` needs none."
)
_CALLED = ("slower", "faster")


def heading(comparison: Comparison) -> str:
    """Which side is compared with which."""
    return f"{comparison.head_name} compared with {comparison.base_name}"


def notes(comparison: Comparison) -> list[str]:
    """What has to be said before any figure."""
    found = [f"DIFFERENT {one.what}: {one.base} there, {one.head} here" for one in comparison.mismatches]
    sides = (("run", comparison.base),) if comparison.paired else _sides(comparison)
    for name, run in sides:
        if run.end is None:
            found.append(f"the {name} has no end: it is still being written or was killed; compared as far as it goes")
    if any(load.simulated for run in (comparison.base, comparison.head) for load in run.loads):
        found.append("simulated: these latencies were played, no model ran")
    if comparison.differences and all(one.contrast.p_value is None for one in comparison.differences):
        found.append("one block gives no interval, so nothing can be told apart; measure with --profile standard")
    return found


def _sides(comparison: Comparison) -> tuple[tuple[str, Any], ...]:
    return (("base run", comparison.base), ("head run", comparison.head))


def basis(comparison: Comparison) -> str:
    """What the intervals cover."""
    if comparison.paired:
        return "Intervals: both variants block by block in one run, so that what slowed a block slowed both."
    if not comparison.earlier:
        return f"Intervals cover the blocks only. {_BETWEEN_RUNS}"
    wider = sum(one.basis == "runs" for one in comparison.differences)
    return (
        f"Intervals cover the blocks, and the variation between {comparison.earlier} earlier runs of this machine: "
        f"that was the wider one for {wider} of {len(comparison.differences)} figures."
    )


def rule(comparison: Comparison) -> str:
    """How verdicts come about."""
    return (
        f"same: within {percent(comparison.threshold)}; "
        "slower and faster: after Holm's adjustment over all cells of the metric"
    )


def counts(comparison: Comparison) -> dict[str, Counter[str]]:
    """Metric -> how many cells have which verdict."""
    return {
        metric: Counter(one.verdict for one in comparison.differences if one.metric == metric)
        for metric in COMPARED
        if any(one.metric == metric for one in comparison.differences)
    }


def summary(comparison: Comparison) -> str:
    """How many cells are slower, faster, the same, or neither."""
    if not comparison.cells:
        where = "with both variants" if comparison.paired else "in both runs"
        return f"no cell was measured {where}: nothing can be compared"
    return "; ".join(
        f"{METRICS[metric]}: {', '.join(f'{counted[verdict]} {verdict}' for verdict in VERDICTS)}"
        for metric, counted in counts(comparison).items()
    )


def largest(comparison: Comparison) -> str:
    """The largest change that is called, or that none is; empty where nothing was compared."""
    found = [(cell, one) for cell in comparison.cells for one in cell.differences]
    called = [(cell, one) for cell, one in found if one.verdict in _CALLED]
    if not found:
        return ""
    cell, one = max(called or found, key=lambda pair: _size(pair[1]))
    where = f"{METRICS[one.metric]} of {cell_name(cell.cell, name_all(comparison.base))}"
    said = f"{where}: {change(one.contrast.ratio)}"
    return f"the largest change is {said}" if called else f"no change is called; the largest seen is {said}"


def _size(one: Difference) -> float:
    return abs(math.log(one.contrast.ratio.value))


def called_first(cells: Sequence[ComparedCell]) -> list[ComparedCell]:
    """Cells that are called before the others, the largest change first; the others in their order."""

    def place(cell: ComparedCell) -> tuple[bool, float]:
        sizes = [_size(one) for one in cell.differences if one.verdict in _CALLED]
        return (not sizes, -max(sizes, default=0.0))

    return sorted(cells, key=place)


def lines(comparison: Comparison) -> Iterator[str]:
    """For a terminal of any encoding."""
    naming, here = name_all(comparison.base), name_all(comparison.head)
    yield plain(heading(comparison))
    yield from map(plain, notes(comparison))
    yield ""
    ordered = called_first(comparison.cells)
    for cell in ordered[:MOST_IN_TERMINAL]:
        yield plain(cell_name(cell.cell, naming))
        for one in cell.differences:
            yield f"  {METRICS[one.metric]:<8} {values(one):>22}  {ratio(one.contrast.ratio):<24} {one.verdict}"
    if len(ordered) > MOST_IN_TERMINAL:
        yield f"and {plural(len(ordered) - MOST_IN_TERMINAL, 'more cell')}: see compare.html and compare.json"
    for side, cells, names in (("base", comparison.only_base, naming), ("head", comparison.only_head, here)):
        yield from _limited([f"only in the {side}: {plain(cell_name(cell, names))}" for cell in cells])
    yield from _limited([f"changed: {plain(f'{name} {a} -> {b}')}" for name, (a, b) in comparison.changes.items()])
    yield ""
    yield summary(comparison)
    yield from filter(None, [plain(largest(comparison))])
    yield rule(comparison)
    yield basis(comparison)


def _limited(found: Sequence[str]) -> Iterator[str]:
    yield from found[:_MOST_LISTED]
    if len(found) > _MOST_LISTED:
        yield f"and {len(found) - _MOST_LISTED:,} more of these: see compare.json"


def markdown(comparison: Comparison) -> str:
    """For a pull request."""
    naming, here = name_all(comparison.base), name_all(comparison.head)
    parts = [f"## {escape(heading(comparison))}", "", *(f"> **{escape(note)}**\n" for note in notes(comparison))]
    parts += [escape(summary(comparison)), "", escape(largest(comparison)), ""]
    if comparison.cells:
        parts += [
            "| configuration | shape | metric | base ms | head ms | ratio (95 %) | verdict |",
            "|---|---|---|--:|--:|---|---|",
        ]
    rows = [_row(cell, one, naming) for cell in called_first(comparison.cells) for one in cell.differences]
    parts += rows[:_MOST_ROWS]
    if len(rows) > _MOST_ROWS:
        parts += ["", f"{plural(len(rows) - _MOST_ROWS, 'more row')}: compare.html and compare.json hold all."]
    alone = [f"- only in the base: {escape(cell_name(cell, naming))}" for cell in comparison.only_base]
    alone += [f"- only in the head: {escape(cell_name(cell, here))}" for cell in comparison.only_head]
    parts += ["", *_limited(alone)]
    changed = [f"- changed: {escape(name)} {escape(a)} → {escape(b)}" for name, (a, b) in comparison.changes.items()]
    parts += _limited(changed)
    parts += ["", f"{escape(rule(comparison))}. {escape(basis(comparison))}", ""]
    return "\n".join(parts)


def as_json(comparison: Comparison) -> str:
    """For a program."""
    naming, here = name_all(comparison.base), name_all(comparison.head)
    value = {
        "comparison_version": COMPARISON_VERSION,
        "base": comparison.base_name,
        "head": comparison.head_name,
        "paired": comparison.paired,
        "threshold": comparison.threshold,
        "earlier_runs": comparison.earlier,
        "basis": basis(comparison),
        "notes": notes(comparison),
        "mismatches": [
            {"what": one.what, "base": one.base, "head": one.head, "fatal": one.fatal} for one in comparison.mismatches
        ],
        "changes": {name: {"base": there, "head": here} for name, (there, here) in comparison.changes.items()},
        "cells": [
            {**identity(cell.cell, naming), **figures(one)} for cell in comparison.cells for one in cell.differences
        ],
        "only_base": [identity(cell, naming) for cell in comparison.only_base],
        "only_head": [identity(cell, here) for cell in comparison.only_head],
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def identity(cell: CellResult, naming: Naming) -> dict[str, Any]:
    """What a cell is, for a program."""
    return {
        "cell_key": cell.cell_key,
        "configuration": naming.of(cell.load),
        "simulated": cell.load.simulated,
        "prompt_tokens": cell.prompt_tokens,
        "new_tokens": cell.new_tokens,
        "batch_size": cell.batch_size,
    }


def figures(one: Difference) -> dict[str, Any]:
    """What is known of one metric, for a program."""
    over = one.contrast.ratio
    return {
        "metric": one.metric,
        "base_ms": one.base_ms,
        "head_ms": one.head_ms,
        "ratio": over.value,
        "ratio_low": over.low,
        "ratio_high": over.high,
        "p_value": one.contrast.p_value,
        "basis": one.basis,
        "verdict": one.verdict,
    }


def _row(cell: ComparedCell, one: Difference, naming: Naming) -> str:
    parts = (
        escape(naming.of(cell.cell.load)),
        shape(cell.cell),
        METRICS[one.metric],
        number(one.base_ms),
        number(one.head_ms),
        ratio(one.contrast.ratio),
        f"**{one.verdict}**" if one.verdict in _CALLED else one.verdict,
    )
    return f"| {' | '.join(parts)} |"
