"""summary.json: what the page says, for programs; versioned by ``summary_version``."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyse.results import CellResult, LoadResult, Ranking
from bench.report.agreement_words import reference_name
from bench.report.exports.fields import attributes, json_text, turn_of, with_ends
from bench.report.index import about
from bench.report.names import Naming
from bench.report.run_view import RunView
from bench.report.run_words import all_sentences

SUMMARY_VERSION = 7

_RECORD = ("run_id", "created_at", "command", "seed", "project", "model", "machine", "machine_id", "observers", "venvs")

_QUALITY = ("verdict", "reason", "error", "reference", "is_reference", "texts", "positions", "perplexity")
_FAILURE = ("status", "error_type", "message")

_PLAN = (
    *("profile", "blocks", "interval_target", "max_blocks", "max_time_s"),
    *("repeats", "warmups", "max_warmups", "warmup_new_tokens", "threads"),
)


def summary_json(view: RunView, rows: Sequence[Mapping[str, Any]], headlines: Mapping[str, str]) -> str:
    """The summary of a run; ``rows`` are those of summary.csv, ``headlines`` the first sentence in each language."""
    analysis, names, plan = view.analysis, view.names, view.plan
    reference, reference_is = analysis.reference, reference_name(view)
    ended = analysis.end is not None and analysis.end.get("reason") == "finished"
    value = {
        "summary_version": SUMMARY_VERSION,
        "about": about(analysis.record, headlines, analysis.cells, analysis.findings, ended=ended),
        **{name: view.record.get(name) for name in _RECORD},
        "plan": {name: plan.get(name) for name in _PLAN},
        "end": analysis.end,
        "simulated": view.simulated != "none",
        "answer": all_sentences(view),
        # What answers are compared with: a load of the run, or what has no key.
        "reference": {"configuration": reference_is, "load_key": reference.load_key if reference else None}
        if reference_is
        else None,
        "quality": [_quality(names, load) for load in analysis.loads if load.quality],
        "cells": rows,
        "rankings": [_ranking(names, one, "cell_key", "lowest", "ms") for one in analysis.rankings],
        "faithful_rankings": [_ranking(names, one, "cell_key", "lowest", "ms") for one in analysis.faithful_rankings],
        "memory_rankings": [
            _ranking(names, one, "load_key", "lowest_peak", "bytes") for one in analysis.memory_rankings
        ],
        "failures": [
            {
                "configuration": names.of(failure.load),
                "simulated": failure.load.simulated,
                **attributes(failure, *_FAILURE),
                "prompt_tokens": sorted({cell.prompt_tokens for cell in failure.cells}),
                "blocks": failure.blocks,
            }
            for failure in analysis.failures
        ],
        "findings": [
            {name: value for name, value in dataclasses.asdict(finding).items() if name != "occurrences"}
            for finding in analysis.findings
        ],
    }
    return json_text(value)


def _quality(names: Naming, load: LoadResult) -> dict[str, Any]:
    """What is known of the words of one load."""
    known = load.quality
    assert known is not None
    return {
        "configuration": names.of(load),
        "load_key": load.load_key,
        **attributes(known, *_QUALITY),
        **with_ends("perplexity_ratio{}", known.ratio),
        **with_ends("cpu_ratio{}", known.cpu_ratio),
        **attributes(known, "kl_mean", "kl_p99", "same_top"),
        "kinds": [dataclasses.asdict(one) for one in known.kinds],
        "longest": dataclasses.asdict(known.longest) if known.longest else None,
    }


def _ranking(names: Naming, ranking: Ranking[Any], key: str, lowest: str, unit: str) -> dict[str, Any]:
    """One ranking; ``key`` is what a contestant is known by, ``lowest`` and ``unit`` name the fields of its figure."""

    def contestant(one: CellResult | LoadResult) -> dict[str, Any]:
        return {"configuration": names.of(one.load), key: getattr(one, key)}

    sizes = ("prompt_tokens", "new_tokens", "batch_size")
    shapes = [{**attributes(one, *sizes), **turn_of(one)} for one in ranking.shapes]
    return {
        **({"requests": shapes} if ranking.metric == "memory" else {"metric": ranking.metric, **shapes[0]}),
        "ask": ranking.ask,
        "simulated": ranking.simulated,
        "claims_verdict": ranking.verdict,
        "claims_lowest": ranking.claimed,
        "lowest": names.of(ranking.winner.load),
        f"lowest_{key}": getattr(ranking.winner, key),
        **with_ends(lowest + "{}_" + unit, ranking.lowest),
        "blocks": ranking.lowest.blocks,
        "others": [
            {
                **contestant(rival.contestant),
                **with_ends("ratio{}", rival.ratio),
                "distinguishable": rival.distinguishable,
                # Over the blocks that both have, as the values are.
                "blocks": rival.ratio.blocks,
                f"value_{unit}": rival.value,
                f"lowest_{unit}": rival.lowest,
            }
            for rival in ranking.rivals
        ],
        "not_compared": [contestant(one) for one in ranking.not_compared],
        "broken": [contestant(one) for one in ranking.broken],
    }
