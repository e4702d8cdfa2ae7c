"""compare.json: all figures of all heads, for programs, in English always; versioned by ``comparison_version``."""

from __future__ import annotations

import json
from typing import Any

from bench.analyse.compare import Comparison, Difference
from bench.analyse.results import CellResult
from bench.analyse.side_by_side import SideBySide, changed
from bench.report.about import about
from bench.report.compare.findings import BASE, touching
from bench.report.compare.sentences import adjustment, basis, notes, rule, said
from bench.report.exports.summary_json import cleaned
from bench.report.language import ENGLISH, in_each, speaking
from bench.report.names import Naming, name_all

COMPARISON_VERSION = 3


@speaking(ENGLISH.code)
def as_json(side: SideBySide) -> str:
    """For a program: ``heads`` says what each head is, ``cells`` has a row per cell, head and metric."""
    naming = name_all(side.first.base)
    value = {
        "comparison_version": COMPARISON_VERSION,
        "about": cleaned(_about(side)),
        "base": side.first.base_name,
        "paired": side.first.paired,
        "threshold": side.first.threshold,
        "rule": rule(side),
        "adjustment": adjustment(side),
        "notes": notes(side),
        "heads": [_head(place, head, naming) for place, head in enumerate(side.heads)],
        "changes": [{"name": one.name, "base": one.base, "heads": list(one.heads)} for one in changed(side)],
        "findings": [
            {
                "head": None if one.place == BASE else one.place,
                "code": one.finding.code,
                "severity": one.finding.severity,
                "message": one.finding.message,
                "advice": one.finding.advice,
                "cell_keys": [cell.cell_key for cell in one.cells],
            }
            for one in touching(side)
        ],
        "cells": _cells(side, naming),
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _about(side: SideBySide) -> dict[str, Any]:
    runs = [side.first.base, *(head.head for head in side.heads)]
    newest = max((run.record for run in runs), key=lambda record: str(record.get("created_at")))
    findings = [one for run in runs for one in run.findings]
    headlines = in_each(lambda: said(side))
    return about(newest, headlines, [row.cell for row in side.rows], findings, ended=all(run.end for run in runs))


def _head(place: int, comparison: Comparison, naming: Naming) -> dict[str, Any]:
    here = name_all(comparison.head)
    return {
        "head": place,
        "name": comparison.head_name,
        "earlier_runs": comparison.earlier,
        "basis": basis([comparison]),
        "mismatches": [
            {"what": one.what, "base": one.base, "head": one.head, "fatal": one.fatal} for one in comparison.mismatches
        ],
        "only_base": [identity(cell, naming) for cell in comparison.only_base],
        "only_head": [identity(cell, here) for cell in comparison.only_head],
    }


def _cells(side: SideBySide, naming: Naming) -> list[dict[str, Any]]:
    standing = {(call.head, call.cell.cell_key, call.difference.metric) for call in side.calls if call.together}
    return [
        {
            **identity(row.cell, naming),
            "head": place,
            **figures(one),
            "stands_over_all_heads": (place, row.cell.cell_key, one.metric) in standing,
        }
        for row in side.rows
        for place, head in enumerate(row.heads)
        for one in (head.differences if head else ())
    ]


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
