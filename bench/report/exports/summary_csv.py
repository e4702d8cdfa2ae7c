"""summary.csv: one flat row per cell, units in the names. summary.json has the same rows."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyse.results import (
    QUANTILES,
    CellResult,
    Failure,
    LoadResult,
    LoadTimes,
    Measured,
    Unreached,
)
from bench.metrics import EXPORTED, METRICS, Metric
from bench.report.finding_notes import by_subject, found_of
from bench.report.format import clean
from bench.report.names import Naming
from bench.report.run_view import RunView
from bench.report.run_words import quantiles_missing

# A spreadsheet takes text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t")

_AGREEMENT = {
    "answers_compared": "compared",
    "tokens_compared": "compared_tokens",
    "first_difference_tokens": "first_difference",
    "first_difference_tokens_mean": "mean_first_difference",
    "answers_alike": "alike",
    "distinct_share": "distinct",
    "answers_collapsed": "collapsed",
    "answers_repeated": "repeated",
    "repeats_that_differ": "repeats_that_differ",
}
"""Column -> attribute of :class:`bench.analyse.agreement.Answers`."""

_Asked = tuple[str, int, int, int, str]
"""Key, prompt tokens, new tokens, batch size and ask of a cell."""


def summary_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows of :func:`cell_rows` as CSV; what was not measured is empty."""
    written = io.StringIO()
    if rows:
        writer = csv.DictWriter(written, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        shown = clean(value)
        return f"'{shown}" if shown.startswith(_FORMULA) else shown
    return value


def cell_rows(view: RunView) -> list[dict[str, Any]]:
    """Measured cells first, then the others, all with the same keys; ``None`` where nothing was measured."""
    analysis, model = view.analysis, _model(view)
    findings = by_subject(analysis.findings)

    def row(load: LoadResult, cell: _Asked, status: str, more: Mapping[str, Any]) -> dict[str, Any]:
        found = found_of(cell[0], load.load_key, findings)
        return {**_identity(view.names, load, cell, status), **more, **found}

    rows = [row(cell.load, _asked(cell), "ok", _figures(cell)) for cell in analysis.cells]
    known = {cell.cell_key for cell in analysis.cells}
    for failure in analysis.failures:
        for key, shape, ask in zip(failure.cell_keys, failure.shapes, failure.asks, strict=True):
            if key not in known:
                known.add(key)
                rows.append(row(failure.load, (key, *shape, ask), failure.status, _reason(failure)))
    rows += [row(cell.load, _asked(cell), "not reached", {}) for cell in analysis.unreached]
    columns = dict.fromkeys(name for one in rows for name in one)
    return [model | {name: one.get(name) for name in columns} for one in rows]


def _asked(cell: CellResult | Unreached) -> _Asked:
    return cell.cell_key, cell.prompt_tokens, cell.new_tokens, cell.batch_size, cell.ask


def _model(view: RunView) -> dict[str, Any]:
    return {
        "run_id": view.record.get("run_id"),
        "model": clean(str(view.model.get("name"))),
        "synthetic_model": bool(view.model.get("synthetic")),
    }


def _identity(naming: Naming, load: LoadResult, cell: _Asked, status: str) -> dict[str, Any]:
    key, prompt_tokens, new_tokens, batch_size, ask = cell
    return {
        "configuration": naming.of(load),
        "simulated": load.simulated,
        "status": status,
        "cell_key": key,
        "variant": clean(load.variant),
        "backend": clean(load.backend),
        "backend_version": load.backend_version,
        "device_requested": clean(load.device_requested),
        "device_executed": load.device_executed,
        "device_verdict": load.device_verdict,
        "device_share": load.device_share,
        "precision": clean(load.precision),
        "bits_per_weight": load.bits_per_weight,
        "weight_recipe": _pairs(load.weight_recipe),
        "inference_precision": load.inference_precision,
        "kv_cache_precision": load.kv_cache_precision,
        "activation_quantization": load.activation_quantization,
        "options": _pairs(load.options),
        "environment": _pairs(load.environment),
        "prompt_tokens": prompt_tokens,
        "new_tokens": new_tokens,
        "batch_size": batch_size,
        "ask": ask,
        **quality(load),
        **_times("", load.fresh),
        **_times("cached_", load.cached),
        "peak_memory_bytes": load.peak_memory_bytes,
        "private_memory_bytes": load.private_memory_bytes,
        "device_memory_bytes": load.device_memory_bytes,
        "artifact_bytes": load.artifact_bytes,
    }


def _pairs(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else clean(json.dumps(dict(values), sort_keys=True))


def _times(prefix: str, times: LoadTimes | None) -> dict[str, Any]:
    """The times of loads that compiled, and with a prefix those of loads that a compile cache served."""
    names = ("process_start_s", "import_s", "load_s", "first_generation_s")
    found = {name: getattr(times, name) if times else None for name in names}
    request = (times.first_request if times else None) or (None, None, None)
    found |= zip(("first_prompt_tokens", "first_new_tokens", "first_batch_size"), request, strict=True)
    found |= {
        "first_loads": times.first_processes if times else 0,
        "steady_s": times.steady_s if times else None,
        "loads": times.processes if times else 0,
    }
    return {f"{prefix}{name}": value for name, value in found.items()}


def _figures(cell: CellResult) -> dict[str, Any]:
    return {
        "padded_prompt_tokens": cell.padded_prompt_tokens,
        "blocks": cell.blocks,
        "generations": cell.generations,
        "excluded_generations": cell.excluded,
        **{name: value for key in EXPORTED for name, value in _with_interval(METRICS[key], getattr(cell, key)).items()},
        **{f"itl_{name}_ms": getattr(cell.itl_ms, name) for name in QUANTILES},
        "itl_samples": cell.itl_samples,
        "itl_note": quantiles_missing(cell) or None,
        **agreement(cell),
        **dataclasses.asdict(cell.costs),
    }


def agreement(cell: CellResult) -> dict[str, float | None]:
    """How far the answers of a cell agree with the reference's, and what they are by themselves."""
    return {name: getattr(cell.answers, field) if cell.answers else None for name, field in _AGREEMENT.items()}


def quality(load: LoadResult) -> dict[str, Any]:
    """The verdict on a load's words and the figures behind it; ``None`` where nothing is known."""
    known = load.quality
    ratio = known.ratio if known else None
    return {
        "quality": known.verdict if known else None,
        "perplexity": known.perplexity if known else None,
        "perplexity_ratio": ratio.value if ratio else None,
        "perplexity_ratio_low": ratio.low if ratio else None,
        "perplexity_ratio_high": ratio.high if ratio else None,
        **{name: getattr(known, name) if known else None for name in ("kl_mean", "kl_p99", "same_top")},
    }


def _with_interval(metric: Metric, measured: Measured | None) -> dict[str, float | None]:
    return {
        metric.key: measured.estimate.value if measured else None,
        metric.with_unit("low"): measured.estimate.low if measured else None,
        metric.with_unit("high"): measured.estimate.high if measured else None,
    }


def _reason(failure: Failure) -> dict[str, Any]:
    return {"error_type": failure.error_type, "error_message": clean(failure.message)}
