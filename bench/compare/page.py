"""compare.html: one file, no request, no script, a policy that allows nothing but its own style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

import bench.report
from bench.analyse.compare import VERDICTS, Comparison, Difference
from bench.analyse.results import COMPARED, RunAnalysis
from bench.compare.forest import WIDTH, Axis, Mark, axis
from bench.compare.render import basis, called_first, counts, largest, notes, rule
from bench.compare.words import cell_name, change, percent, ratio, shape, signed
from bench.report import format as fmt
from bench.report.names import name_all
from bench.report.template import environment, source_digest
from bench.report.text import plural

_HERE = Path(__file__).resolve().parent
_STYLE = Path(bench.report.__file__).resolve().parent / "page.css"

MOST_ROWS = 400
"""Rows of one metric on the page; those that are called come first, and compare.json holds all."""
_MOST_SHAPES = 16

TITLES = {
    "ttft_ms": "TTFT: time to first token",
    "tpot_ms": "TPOT: time per output token",
    "itl_p95_ms": "p95 ITL: the slowest twentieth of the tokens",
}
"""Metric -> heading."""

MARKS = {"slower": "▲", "faster": "▼", "same": "=", "inconclusive": "?"}
"""Verdict -> the sign that stands beside its colour."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of one metric."""

    name: str
    shape: str
    difference: Difference
    mark: Mark
    change: str
    ratio: str


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its axis and rows."""

    metric: str
    title: str
    axis: Axis
    rows: tuple[Row, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Overview:
    """One metric at a glance: configurations down, request shapes across."""

    title: str
    shapes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Difference | None, ...]], ...]


def page(comparison: Comparison) -> str:
    """The page of one comparison."""
    css = _STYLE.read_text(encoding="utf-8") + (_HERE / "compare.css").read_text(encoding="utf-8")
    here = name_all(comparison.head)
    there = name_all(comparison.base)
    return (
        environment(_HERE)
        .get_template("compare.html.jinja")
        .render(
            c=comparison,
            f=fmt,
            css=Markup(css),  # noqa: S704 - our own files, no data
            css_digest=source_digest(css),
            width=WIDTH,
            marks=MARKS,
            verdicts=VERDICTS,
            notes=notes(comparison),
            counts=[(TITLES[metric], counted) for metric, counted in counts(comparison).items()],
            said=said(comparison),
            basis=basis(comparison),
            rule=rule(comparison),
            threshold=percent(comparison.threshold),
            overviews=[one for metric in COMPARED if (one := _overview(comparison, metric))],
            families=[family for metric in COMPARED if (family := _family(comparison, metric))],
            only_base=[cell_name(cell, there) for cell in comparison.only_base],
            only_head=[cell_name(cell, here) for cell in comparison.only_head],
            facts=_facts(comparison),
            plural=plural,
            percent_of=lambda one: signed(one.contrast.ratio.value),
        )
    )


def said(comparison: Comparison) -> str:
    """The answer in a sentence."""
    found = comparison.differences
    if not found:
        return "Nothing can be compared: no cell was measured on both sides."
    slower, faster = (sum(one.verdict == verdict for one in found) for verdict in ("slower", "faster"))
    cells = plural(len(comparison.cells), "cell")
    if not slower and not faster:
        start = f"No difference is shown in {cells}"
    else:
        start = f"Of {plural(len(found), 'figure')} in {cells}, slower: {slower}, faster: {faster}"
    return f"{start}; {largest(comparison)}.".replace(" %", "\u00a0%")


def _family(comparison: Comparison, metric: str) -> Family | None:
    own = [one for one in comparison.differences if one.metric == metric]
    if not own:
        return None
    naming = name_all(comparison.base)
    cells = comparison.cells if len(own) <= MOST_ROWS else called_first(comparison.cells)
    scale = axis(own, comparison.threshold)
    rows = [
        Row(
            naming.of(cell.cell.load),
            shape(cell.cell),
            one,
            scale.mark(one.contrast.ratio),
            change(one.contrast.ratio),
            ratio(one.contrast.ratio),
        )
        for cell in cells
        for one in cell.differences
        if one.metric == metric
    ]
    return Family(metric, TITLES[metric], scale, tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS))


def _overview(comparison: Comparison, metric: str) -> Overview | None:
    naming = name_all(comparison.base)
    requests = {(c.cell.batch_size, c.cell.new_tokens, c.cell.prompt_tokens): shape(c.cell) for c in comparison.cells}
    shapes = [requests[key] for key in sorted(requests)]
    table: dict[str, dict[str, Difference]] = {}
    for cell in comparison.cells:
        for one in cell.differences:
            if one.metric == metric:
                table.setdefault(naming.of(cell.cell.load), {})[shape(cell.cell)] = one
    # What is no overview any more is left to the lists below.
    if not table or len(shapes) > _MOST_SHAPES or len(table) > MOST_ROWS:
        return None
    rows = tuple((name, tuple(found.get(one) for one in shapes)) for name, found in table.items())
    return Overview(TITLES[metric], tuple(shapes), rows)


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    record = comparison.base.record
    facts: list[tuple[str, object]] = [
        ("Base", comparison.base_name),
        ("Head", comparison.head_name),
        ("Model", (record.get("model") or {}).get("name")),
        ("Machine", ((record.get("machine") or {}).get("cpu") or {}).get("name")),
        ("Blocks", " and ".join(dict.fromkeys(_blocks((comparison.base, comparison.head))))),
        ("Run", record.get("run_id") if comparison.paired else None),
    ]
    return [(name, str(value)) for name, value in facts if value]


def _blocks(runs: Sequence[RunAnalysis]) -> list[str]:
    return [str((run.record.get("plan") or {}).get("blocks") or "unknown") for run in runs]
