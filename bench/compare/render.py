"""A comparison in words: lines for a terminal, Markdown for a pull request, JSON for a program."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench.analyse.compare import COMPARED, ComparedCell, Comparison, Difference
from bench.analyse.results import CellResult
from bench.report.export_markdown import escape
from bench.report.format import clean, number
from bench.report.names import Naming, name_all

COMPARISON_VERSION = 1

METRICS = {"ttft_ms": "TTFT", "tpot_ms": "TPOT", "itl_p95_ms": "p95 ITL"}
_BETWEEN_RUNS = (
    "Intervals cover what varies within each run. What varies from run to run (a reboot, heat, where memory lies) is "
    "not sampled by blocks: two runs of the same software can differ by more."
)


def heading(comparison: Comparison) -> str:
    """Which run is compared with which."""
    return f"{comparison.head.record.get('run_id')} compared with {comparison.base.record.get('run_id')}"


def notes(comparison: Comparison) -> list[str]:
    """What has to be said before any figure."""
    found = [f"DIFFERENT {one.what}: {one.base} there, {one.head} here" for one in comparison.mismatches]
    for name, run in (("base", comparison.base), ("head", comparison.head)):
        if run.end is None:
            found.append(
                f"the {name} run has no end: it is still being written or was killed; compared as far as it goes"
            )
    if comparison.cells and all(one.contrast.p_value is None for cell in comparison.cells for one in cell.differences):
        found.append("one block gives no interval, so nothing can be told apart; measure with --profile standard")
    return found


def summary(comparison: Comparison) -> str:
    """How many cells are slower, faster, the same, or neither."""
    if not comparison.cells:
        return "no cell was measured in both runs: nothing can be compared"
    parts = []
    for metric in COMPARED:
        counted = Counter(one.verdict for cell in comparison.cells for one in cell.differences if one.metric == metric)
        if counted:
            said = ", ".join(
                f"{counted[verdict]} {verdict}" for verdict in ("slower", "faster", "same", "inconclusive")
            )
            parts.append(f"{METRICS[metric]}: {said}")
    return "; ".join(parts)


def lines(comparison: Comparison) -> Iterator[str]:
    """For a terminal of any encoding."""
    naming = name_all(comparison.base)
    yield heading(comparison)
    yield from notes(comparison)
    yield ""
    for cell in comparison.cells:
        yield _ascii(_name(cell.cell, naming))
        for one in cell.differences:
            yield f"  {METRICS[one.metric]:<8} {_values(one):>22}  {_ratio(one):<24} {one.verdict}"
    yield from (f"only in the base: {_ascii(_name(cell, naming))}" for cell in comparison.only_base)
    yield from (f"only in the head: {_ascii(_name(cell, name_all(comparison.head)))}" for cell in comparison.only_head)
    yield from (f"changed: {_ascii(name)} {there} -> {here}" for name, (there, here) in comparison.changes.items())
    yield ""
    yield summary(comparison)
    yield f"same: within {_percent(comparison.threshold)}; slower and faster: after Holm's adjustment over all cells"
    yield _BETWEEN_RUNS


def markdown(comparison: Comparison) -> str:
    """For a pull request."""
    naming = name_all(comparison.base)
    parts = [f"## {escape(heading(comparison))}", "", *(f"> **{escape(note)}**\n" for note in notes(comparison))]
    parts += [escape(summary(comparison)), ""]
    if comparison.cells:
        parts += [
            "| configuration | shape | metric | base ms | head ms | ratio (95 %) | verdict |",
            "|---|---|---|--:|--:|---|---|",
        ]
    parts += [_row(cell, one, naming) for cell in comparison.cells for one in cell.differences]
    parts += ["", *(f"- only in the base: {escape(_name(cell, naming))}" for cell in comparison.only_base)]
    here = name_all(comparison.head)
    parts += [f"- only in the head: {escape(_name(cell, here))}" for cell in comparison.only_head]
    parts += [f"- changed: {escape(name)} {escape(a)} → {escape(b)}" for name, (a, b) in comparison.changes.items()]
    parts += ["", f"same: within {_percent(comparison.threshold)}. {_BETWEEN_RUNS}", ""]
    return "\n".join(parts)


def as_json(comparison: Comparison) -> str:
    """For a program."""
    naming = name_all(comparison.base)
    value = {
        "comparison_version": COMPARISON_VERSION,
        "base": comparison.base.record.get("run_id"),
        "head": comparison.head.record.get("run_id"),
        "threshold": comparison.threshold,
        "notes": notes(comparison),
        "mismatches": [
            {"what": one.what, "base": one.base, "head": one.head, "fatal": one.fatal} for one in comparison.mismatches
        ],
        "changes": {name: {"base": there, "head": here} for name, (there, here) in comparison.changes.items()},
        "cells": [
            {**_identity(cell.cell, naming), **_figures(one)} for cell in comparison.cells for one in cell.differences
        ],
        "only_base": [_identity(cell, naming) for cell in comparison.only_base],
        "only_head": [_identity(cell, name_all(comparison.head)) for cell in comparison.only_head],
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _identity(cell: CellResult, naming: Naming) -> dict[str, Any]:
    return {
        "cell_key": cell.cell_key,
        "configuration": naming.of(cell.load),
        "simulated": cell.load.simulated,
        "prompt_tokens": cell.prompt_tokens,
        "new_tokens": cell.new_tokens,
        "batch_size": cell.batch_size,
    }


def _figures(one: Difference) -> dict[str, Any]:
    ratio = one.contrast.ratio
    return {
        "metric": one.metric,
        "base_ms": one.base_ms,
        "head_ms": one.head_ms,
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "p_value": one.contrast.p_value,
        "verdict": one.verdict,
    }


def _row(cell: ComparedCell, one: Difference, naming: Naming) -> str:
    parts = (
        escape(naming.of(cell.cell.load)),
        _shape(cell.cell),
        METRICS[one.metric],
        number(one.base_ms),
        number(one.head_ms),
        _ratio(one),
        f"**{one.verdict}**" if one.verdict in ("slower", "faster") else one.verdict,
    )
    return f"| {' | '.join(parts)} |"


def _name(cell: CellResult, naming: Naming) -> str:
    return f"{naming.of(cell.load)}, {_shape(cell)}"


def _shape(cell: CellResult) -> str:
    batch = f" x{cell.batch_size}" if cell.batch_size > 1 else ""
    return f"{cell.prompt_tokens}+{cell.new_tokens}{batch}"


def _values(one: Difference) -> str:
    return f"{number(one.base_ms)} -> {number(one.head_ms)} ms"


def _ratio(one: Difference) -> str:
    ratio = one.contrast.ratio
    ends = "" if ratio.low is None or ratio.high is None else f" ({ratio.low:.3f} to {ratio.high:.3f})"
    return f"{ratio.value:.3f}{ends}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _ascii(value: str) -> str:
    return clean(value).encode("ascii", "replace").decode("ascii")
