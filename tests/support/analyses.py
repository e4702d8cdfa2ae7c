"""Analyses without a stored run behind them: block medians in, so that hundreds of runs take no time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.analyse.interval import over_blocks
from bench.analyse.quality import Quality, Verdict
from bench.analyse.results import QUANTILES, AskedCell, CellResult, Failure, LoadResult, Measured, RunAnalysis

_NO_LOAD: dict[str, Any] = dict.fromkeys(LoadResult.__dataclass_fields__)


def made_load(backend: str = "ort-genai", precision: str = "int4", variant: str = "") -> LoadResult:
    """A load with a name and nothing else."""
    name = f"{variant}{backend}-{precision}"
    told = {
        "load_key": name,
        "label": name,
        "variant": variant,
        "backend": backend,
        "device_requested": "CPU",
        "device_verdict": "verified",
        "precision": precision,
        "options": {},
        "processes": 1,
    }
    return LoadResult(**{**_NO_LOAD, **told})


def measured(values: Sequence[float]) -> Measured:
    """Medians of blocks 0, 1, …"""
    by_block = dict(enumerate(values))
    estimate = over_blocks(by_block)
    assert estimate is not None
    return Measured(estimate, by_block)


def made_cell(ttft_ms: Sequence[float], prompt_tokens: int = 32, load: LoadResult | None = None) -> CellResult:
    """A cell with a time to first token per block, and no other metric."""
    load = load or made_load()
    first = measured(ttft_ms)
    return CellResult(
        cell_key=f"{load.load_key}-{prompt_tokens}",
        load=load,
        prompt_tokens=prompt_tokens,
        padded_prompt_tokens=None,
        new_tokens=1,
        batch_size=1,
        generations=len(ttft_ms),
        warmups=0,
        excluded=0,
        blocks=len(ttft_ms),
        ttft_ms=first,
        tpot_ms=None,
        response_ms=None,
        prefill_tokens_per_s=first,
        decode_tokens_per_s=None,
        itl_ms=dict.fromkeys(QUANTILES),
        along=None,
        histogram=None,
    )


def made_run(run_id: str, cells: Sequence[CellResult], **record: Any) -> RunAnalysis:
    """A finished run of these cells; ``record`` replaces parts of its run.json."""
    plain = {
        "run_id": run_id,
        "created_at": run_id,
        "schema_version": 3,
        "machine_id": "m",
        "model": {"name": "tiny", "digest": "d"},
        "plan": {"threads": 2},
    }
    return RunAnalysis(
        record={**plain, **record},
        end={"reason": "finished"},
        loads=tuple({cell.load.load_key: cell.load for cell in cells}.values()),
        cells=tuple(cells),
        failures=(),
        unreached=(),
        rankings=(),
        findings=(),
    )


def failed(run: RunAnalysis, cell: CellResult, message: str) -> RunAnalysis:
    """``run`` with a failure of ``cell`` in place of its result."""
    failure = Failure(
        load=cell.load,
        status="crashed",
        error_type=None,
        message=message,
        exit_code=None,
        stderr_tail=None,
        cells=(AskedCell(cell.cell_key, cell.load, *cell.shape, cell.ask),),
        blocks=(0,),
        measured_elsewhere=False,
    )
    left = tuple(one for one in run.cells if one.cell_key != cell.cell_key)
    return replace(run, cells=left, failures=(failure,))


def made_quality(perplexities: Sequence[float], verdict: Verdict = "faithful", **known: Any) -> Quality:
    """What scoring the texts 0, 1, … gave."""
    log_probs = {f"text {place}": [-math.log(value)] for place, value in enumerate(perplexities)}
    return Quality(verdict, **{"reason": "ratio", **known}, log_probs=log_probs)


def with_quality(run: RunAnalysis, quality: Quality | None, artifact: str | None = None) -> RunAnalysis:
    """``run`` with the same quality in all of its loads, each of the artifact with that digest."""
    loads = {one.load_key: replace(one, quality=quality, artifact_digest=artifact) for one in run.loads}
    cells = tuple(replace(cell, load=loads[cell.load.load_key]) for cell in run.cells)
    return replace(run, loads=tuple(loads.values()), cells=cells)


def packages(**versions: str) -> Mapping[str, Any]:
    """Venvs of one stack with these packages."""
    return {"ort-genai": {"packages": versions}}
