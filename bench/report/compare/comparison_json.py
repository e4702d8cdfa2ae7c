"""compare.json and gate.json, for programs, in English always; each has its version in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench.analyse.comparison import Difference, Head
from bench.analyse.conditions import NAMED, Mismatch, interruptions
from bench.analyse.gate_rule import Gate, could_hide
from bench.analyse.quality_change import QualityChange
from bench.analyse.results import CellResult, RunAnalysis
from bench.report.compare import gate_text, recorded
from bench.report.compare.comparison_view import BASE, ComparisonView
from bench.report.compare.comparison_words import adjustment, answer, basis, caveats, rule
from bench.report.exports.fields import attributes, json_text, turn_of, with_ends
from bench.report.index import about
from bench.report.language import ENGLISH, in_each, speaking
from bench.report.names import Naming, name_all
from bench.report.sitting_words import as_values

COMPARISON_VERSION = 5
GATE_VERSION = 3


@speaking(ENGLISH.code)
def comparison_json(view: ComparisonView) -> str:
    """``heads`` says what each head is, ``cells`` has a row per cell, head and metric."""
    comparison = view.comparison
    naming = view.names
    value = {
        "comparison_version": COMPARISON_VERSION,
        "about": _about(view),
        "base": comparison.base_names[0],
        "base_interruptions": _interruptions(comparison.base),
        "paired": comparison.paired,
        "threshold": comparison.threshold,
        "quality_tolerance": comparison.quality_tolerance,
        "rule": rule(comparison),
        "adjustment": adjustment(view),
        "notes": caveats(view),
        "heads": [
            {"head": place, **_head(head, naming), "basis": basis([head], paired=comparison.paired)}
            for place, head in enumerate(comparison.heads)
        ],
        "changes": [
            {
                "name": one.name,
                "base": _recorded(one.name, one.base),
                "heads": [_recorded(one.name, v) for v in one.heads],
            }
            for one in view.changed
        ],
        "findings": [
            {
                "head": None if one.place == BASE else one.place,
                **attributes(one.finding, "code", "severity", "message", "advice"),
                "cell_keys": [cell.cell_key for cell in one.cells],
            }
            for one in view.findings
        ],
        "cells": [
            {
                **_identity(row.cell, naming),
                "head": one.head,
                **_figures(one.difference),
                "stands_over_all_heads": one.called and one.together,
            }
            for row in view.rows
            for one in row.figures
        ],
        "quality": [
            {"configuration": naming.of(one.change.base), "head": one.head, **_quality(one.change)}
            for one in view.qualities
        ],
    }
    return json_text(value)


def _about(view: ComparisonView) -> dict[str, Any]:
    runs = [view.comparison.base, *(head.run for head in view.comparison.heads)]
    newest = max((run.record for run in runs), key=lambda record: str(record.get("created_at")))
    findings = [one for run in runs for one in run.findings]
    headlines = in_each(lambda: answer(view))
    return about(newest, headlines, [row.cell for row in view.rows], findings, ended=all(run.end for run in runs))


def _head(head: Head, naming: Naming) -> dict[str, Any]:
    own_naming = name_all(head.run)
    return {
        "name": head.name,
        "interruptions": _interruptions(head.run),
        "earlier_runs": head.earlier,
        "mismatches": [_mismatch(one) for one in head.mismatches],
        "only_base": [_identity(cell, naming) for cell in head.only_base],
        "only_head": [_identity(cell, own_naming) for cell in head.only_head],
    }


def _interruptions(run: RunAnalysis) -> list[dict[str, Any]]:
    return as_values(interruptions(run.record))


def _mismatch(one: Mismatch) -> dict[str, Any]:
    base, head = _recorded(one.what, one.base), _recorded(one.what, one.head)
    if one.what == "prompts":
        base, head = recorded.pair(one)
    return {"what": one.what, "base": base, "head": head, "fatal": one.fatal}


def _recorded(what: str, value: Any) -> str | None:
    """What a run records, as it stands in the file: ``None`` is a package that is not recorded."""
    if what == "machine":
        return recorded.value(what, value)
    return None if value is None and what not in NAMED else str(value)


@speaking(ENGLISH.code)
def gate_json(gate: Gate) -> str:
    """``cells`` has a row per cell and metric."""
    comparison, head = gate.comparison, gate.head
    naming = name_all(head.run)
    threshold = comparison.threshold
    compared = [cell.cell if comparison.paired else cell.other for cell in head.cells]
    headline = {ENGLISH.code: gate_text.headline(gate)}
    about_head = about(
        head.run.record, headline, [*compared, *head.only_head], head.run.findings, ended=head.run.end is not None
    )
    value = {
        "gate_version": GATE_VERSION,
        "about": about_head,
        "outcome": gate.outcome,
        "exit_status": gate_text.STATUS[gate.outcome],
        "headline": gate_text.headline(gate),
        "reasons": gate_text.reasons(gate),
        "head": head.name,
        "head_interruptions": _interruptions(head.run),
        "baselines": list(comparison.base_names),
        "baseline_interruptions": [_interruptions(run) for run in comparison.bases],
        "paired": comparison.paired,
        "threshold": threshold,
        "quality_tolerance": comparison.quality_tolerance,
        "strict": gate.strict,
        "basis": gate_text.sentence(gate.basis),
        "could_hide_beyond_threshold": len(gate.hiding),
        "notes": [gate_text.sentence(note) for note in gate.notes],
        "changes": {name: {"base": there, "head": here} for name, (there, here) in head.changes.items()},
        "cells": [
            {
                **_identity(cell.cell if comparison.paired else cell.other, naming),
                **_figures(one),
                "could_hide_beyond_threshold": could_hide(one, threshold),
            }
            for cell in head.cells
            for one in cell.differences
        ],
        "missing": [{**_identity(one.cell, naming), "why": gate_text.sentence(one.why)} for one in gate.missing],
        "lost": [
            {**_identity(one.cell, naming), "side": one.side, "blocks": [asdict(lost) for lost in one.cell.lost]}
            for one in gate.lost
        ],
        "new": [_identity(cell, naming) for cell in head.only_head],
        "quality": [
            {
                "configuration": naming.of(one.head),
                **_quality(one),
                "could_hide_beyond_tolerance": one.could_hide(comparison.quality_tolerance),
            }
            for one in head.qualities
        ],
    }
    return json_text(value, indent=2)


def _identity(cell: CellResult, naming: Naming) -> dict[str, Any]:
    """What a cell is."""
    return {
        "cell_key": cell.cell_key,
        "configuration": naming.of(cell.load),
        "simulated": cell.load.simulated,
        **attributes(cell, "prompt_tokens", "new_tokens", "batch_size"),
        **turn_of(cell.shape),
    }


def _figures(one: Difference) -> dict[str, Any]:
    """What is known of one metric."""
    return {
        **attributes(one, "metric", "base_ms", "head_ms"),
        **with_ends("ratio{}", one.contrast.ratio),
        "p_value": one.contrast.p_value,
        **attributes(one, "basis", "verdict"),
    }


def _quality(one: QualityChange) -> dict[str, Any]:
    """What is known of the quality of one load; its verdicts on either side are those of :class:`Quality`."""
    over = one.contrast.ratio if one.contrast else None
    there, here = one.base.quality, one.head.quality
    return {
        "load_key": one.head.load_key,
        **attributes(one, "base_perplexity", "head_perplexity"),
        **with_ends("ratio{}", over),
        **attributes(one.contrast, "p_value"),
        "texts": over.blocks if over else 0,
        "base_verdict": there.verdict if there else None,
        "head_verdict": here.verdict if here else None,
        "collapsed_cells": one.collapsed,
        **attributes(one, "same_artifact", "verdict", "reason"),
    }
