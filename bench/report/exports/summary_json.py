"""summary.json: what the page says, for programs; versioned by ``summary_version``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyse.results import MemoryRanking, MemoryRival, Ranking, Rival
from bench.report.about import about_run
from bench.report.format import clean
from bench.report.names import Naming
from bench.report.run_view import RunView
from bench.report.run_words import all_sentences

SUMMARY_VERSION = 4

_RECORD = ("run_id", "created_at", "command", "seed", "project", "model", "machine", "machine_id", "observers", "venvs")

_PLAN = (
    *("profile", "blocks", "interval_target", "max_blocks", "max_time_s"),
    *("repeats", "warmups", "max_warmups", "threads"),
)


def summary_json(view: RunView, rows: Sequence[Mapping[str, Any]], headlines: Mapping[str, str]) -> str:
    """The summary of a run.

    Args:
        view: of the run.
        rows: of :func:`bench.report.exports.summary_csv.cell_rows`.
        headlines: code of each language -> the first sentence of the answer.
    """
    analysis, names, plan = view.analysis, view.names, view.plan
    value = {
        "summary_version": SUMMARY_VERSION,
        "about": about_run(analysis, headlines),
        **{name: view.record.get(name) for name in _RECORD},
        "plan": {name: plan.get(name) for name in _PLAN},
        "end": analysis.end,
        "simulated": view.simulated != "none",
        "answer": all_sentences(view),
        "cells": rows,
        "rankings": [_ranking(ranking, names) for ranking in analysis.rankings],
        "memory_rankings": [_memory_ranking(ranking, names) for ranking in analysis.memory_rankings],
        "failures": [
            {
                "configuration": names.of(failure.load),
                "simulated": failure.load.simulated,
                "status": failure.status,
                "error_type": failure.error_type,
                "message": failure.message,
                "prompt_tokens": sorted({shape[0] for shape in failure.shapes}),
                "blocks": failure.blocks,
            }
            for failure in analysis.failures
        ],
        "findings": [dataclasses.asdict(finding) for finding in analysis.findings],
    }
    return json.dumps(cleaned(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _ranking(ranking: Ranking, naming: Naming) -> dict[str, Any]:
    return {
        "metric": ranking.metric,
        "prompt_tokens": ranking.prompt_tokens,
        "new_tokens": ranking.new_tokens,
        "batch_size": ranking.batch_size,
        "ask": ranking.ask,
        "simulated": ranking.simulated,
        "claims_verdict": ranking.verdict,
        "claims_lowest": ranking.claimed,
        "lowest": naming.of(ranking.winner.load),
        "lowest_cell_key": ranking.winner.cell_key,
        "lowest_ms": ranking.lowest.value,
        "lowest_low_ms": ranking.lowest.low,
        "lowest_high_ms": ranking.lowest.high,
        "blocks": ranking.lowest.blocks,
        "others": [
            {
                "configuration": naming.of(rival.cell.load),
                "cell_key": rival.cell.cell_key,
                **_above(rival),
                "value_ms": rival.value,
                "lowest_ms": rival.lowest,
            }
            for rival in ranking.rivals
        ],
        "not_compared": [{"configuration": naming.of(cell.load), "cell_key": cell.cell_key} for cell in ranking.apart],
    }


def _memory_ranking(ranking: MemoryRanking, naming: Naming) -> dict[str, Any]:
    return {
        "requests": [
            {"prompt_tokens": prompt, "new_tokens": new, "batch_size": batch} for prompt, new, batch in ranking.shapes
        ],
        "ask": ranking.ask,
        "simulated": ranking.simulated,
        "claims_verdict": ranking.verdict,
        "claims_lowest": ranking.claimed,
        "lowest": naming.of(ranking.winner),
        "lowest_load_key": ranking.winner.load_key,
        "lowest_peak_bytes": ranking.lowest.value,
        "lowest_peak_low_bytes": ranking.lowest.low,
        "lowest_peak_high_bytes": ranking.lowest.high,
        "blocks": ranking.lowest.blocks,
        "others": [
            {
                "configuration": naming.of(rival.load),
                "load_key": rival.load.load_key,
                **_above(rival),
                "value_bytes": rival.value,
                "lowest_bytes": rival.lowest,
            }
            for rival in ranking.rivals
        ],
        "not_compared": [{"configuration": naming.of(load), "load_key": load.load_key} for load in ranking.apart],
    }


def _above(rival: Rival | MemoryRival) -> dict[str, Any]:
    """How far above the lowest one it is, over the blocks that both have."""
    return {
        "ratio": rival.ratio.value,
        "ratio_low": rival.ratio.low,
        "ratio_high": rival.ratio.high,
        "distinguishable": rival.distinguishable,
        "blocks": rival.ratio.blocks,
    }


def cleaned(value: Any) -> Any:
    """JSON values whose texts have no control characters."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(one) for one in value]
    return value
