"""Rows of the store, made from what a worker answered."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bench import processes
from bench.errors import WorkerError, WorkerUnsupported
from bench.measure.attempt import Attempt, LoadPlan, RunFacts
from bench.measure.verdict import changes_weights, weight_bits
from bench.measure.worker import Generated
from bench.plan.cells import Cell, Load, Request
from bench.plan.plan import PlannedVisit
from bench.prepare.cache import Artifact
from bench.prepare.prompts import Prompt
from bench.prepare.recipes import weight_recipe

Row = dict[str, Any]

_FROM_EVIDENCE = (
    *("inference_precision", "kv_cache_precision", "activation_quantization", "attention_backend"),
    *("threads", "compile_cache"),
)
_FROM_DETAILS = ("padded_prompt_tokens", "setup_ns")
_FROM_GAUGES = ("energy_j", "energy_source", "cpu_frequency_mhz", "invalid_reason")
_FROM_GENERATED = ("ttft_ns", "itl_ns", "token_ids", "cpu_time_ns")
_BITS = ("bits_per_weight", "bits_read_per_weight")
_FIRST_REQUEST = ("first_prompt_tokens", "first_new_tokens", "first_batch_size")


def load_row(facts: RunFacts, planned: PlannedVisit, load_plan: LoadPlan, attempt: Attempt, tail: str | None) -> Row:
    """The row of one worker process, which has ended; ``tail`` is the end of what it printed."""
    worker, evidence = attempt.worker, attempt.evidence
    return {
        **_identity(facts, planned.load),
        "load_id": attempt.load_id,
        "attempt": attempt.number,
        "block": planned.block,
        "position": planned.position,
        **_device(planned.load.device, attempt),
        **_weights(planned.load, load_plan.artifact, evidence),
        "backend_version": next(iter((evidence.get("versions") or {}).values()), None),
        **{name: evidence.get(name) for name in _FROM_EVIDENCE},
        "affinity": worker.affinity if worker else None,
        "environment": list(worker.environment.items()) if worker and worker.environment is not None else None,
        "process_start_s": worker.process_start_s if worker else None,
        "import_s": attempt.import_s,
        "load_s": attempt.loaded.load_s if attempt.loaded else None,
        "first_generation_s": attempt.first_generation_s,
        **dict(zip(_FIRST_REQUEST, attempt.first_request or (None, None, None), strict=True)),
        "peak_memory_bytes": attempt.memory.peak_bytes,
        "private_memory_bytes": attempt.memory.private_bytes,
        "device_memory_bytes": attempt.gauges.device_memory_bytes if attempt.gauges else None,
        "cpu_temperature_c": attempt.after.temperature_c if attempt.after else None,
        **_ending(attempt.error, tail),
        "started_at": attempt.started.at,
        "ended_at": attempt.started.now(),
    }


def success_row(
    cell: Cell,
    asked: Request,
    block: int,
    attempt: Attempt,
    prompts: Sequence[Prompt],
    generated: Generated,
    started_at: datetime,
) -> Row:
    """The row of one generation of ``cell``, without its place in the series."""
    return {
        **_cell(cell, attempt.load_id, attempt.number, block),
        **_request(asked),
        "prompt_id": "+".join(prompt.prompt_id for prompt in prompts),
        "prompt_digest": "+".join(prompt.digest for prompt in prompts),
        **{name: generated.details.get(name) for name in _FROM_DETAILS},
        **{name: getattr(generated, name) for name in _FROM_GENERATED},
        "npu_busy_ns": attempt.gauged.busy.npu_ns,
        "gpu_busy_ns": attempt.gauged.busy.gpu_ns,
        **{name: getattr(attempt.gauged, name) for name in _FROM_GAUGES},
        "peak_memory_bytes": attempt.memory.peak_bytes,
        "started_at": started_at,
        "status": "ok",
    }


def failure_row(cell: Cell, block: int, load_id: str, attempt: int, error: WorkerError, iteration: int = 0) -> Row:
    """The row of a cell without a number, or of the generation that failed."""
    return {
        **_cell(cell, load_id, attempt, block),
        **_request(cell.request),
        "ask": cell.ask,
        "iteration": iteration,
        "warmup": False,
        "started_at": datetime.now(UTC),
        "status": error.status,
        "error_type": error.error_type,
        "error_message": str(error),
    }


def impossible_rows(cell: Cell, reason: str, facts: RunFacts) -> tuple[Row, Row]:
    """The load row and the generation row of a requested cell that is not supported."""
    now = datetime.now(UTC)
    error = WorkerUnsupported(reason, error_type="UnsupportedError")
    load_id = f"none/{cell.key}"
    load = {
        **_identity(facts, cell.load),
        "load_id": load_id,
        "attempt": 0,
        "block": 0,
        "position": 0,
        "device_requested": cell.load.device,
        "device_verdict": "unknown",
        **_ending(error, None),
        "started_at": now,
        "ended_at": now,
    }
    return load, failure_row(cell, 0, load_id, 0, error)


def _identity(facts: RunFacts, load: Load) -> Row:
    return {
        "machine_id": facts.machine_id,
        "load_key": load.key,
        "variant": load.variant,
        "model": facts.model,
        "model_digest": facts.model_digest,
        "backend": load.backend,
        "precision": load.precision,
        "options": json.dumps(dict(load.options), sort_keys=True),
    }


def _cell(cell: Cell, load_id: str, attempt: int, block: int) -> Row:
    return {
        "load_id": load_id,
        "cell_id": f"{load_id}/{cell.shape}",
        "cell_key": cell.key,
        "variant": cell.load.variant,
        "attempt": attempt,
        "block": block,
    }


def _request(asked: Request) -> Row:
    return {**asked._asdict(), "turn": asked.turn or None}


def _weights(load: Load, artifact: Artifact | None, evidence: Mapping[str, Any]) -> Row:
    if artifact is None:
        return {}
    bits, source = weight_bits(load, artifact, evidence), evidence
    if not changes_weights(load, evidence):
        source = {name: getattr(artifact, name) for name in _BITS}
    return {
        "weight_bits": list(bits.items()) if bits else None,
        "weight_recipe": None if source is evidence else list(weight_recipe(artifact.manifest).items()) or None,
        **{name: source.get(name) for name in _BITS},
        "artifact_digest": artifact.digest,
        "artifact_bytes": artifact.bytes,
    }


def _device(requested: str, attempt: Attempt) -> Row:
    verdict = attempt.verdict(requested)
    placement = attempt.placement.shares if attempt.placement else {}
    return {
        "device_requested": requested,
        "device_executed": verdict.executed,
        "device_verdict": verdict.name,
        "device_evidence": verdict.evidence,
        "device_share": verdict.share,
        "node_placement": list(placement.items()) or None,
        "changed_hints": list((attempt.evidence.get("changed_hints") or {}).items()) or None,
    }


def _ending(error: WorkerError | None, tail: str | None) -> Row:
    if error is None:
        return {"status": "ok"}
    return {
        "status": error.status,
        "error_type": error.error_type,
        "error_message": str(error),
        "exit_code": processes.signed_exit_code(error.exit_code),
        "stderr_tail": tail,
    }
