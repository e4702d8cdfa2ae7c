"""Rows of the stored tables: every column that may not be null, and what the test gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bench.plan.cells import Cell, Load
from bench.prepare.prompts import kind_of

NOW = datetime(2026, 11, 22, 21, 17, 35, tzinfo=UTC)


def load_row(load: Load, block: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of ``loads``: one process that went well."""
    return {
        "machine_id": "m",
        "load_id": f"b{block}-{load.label}",
        "load_key": load.key,
        "variant": load.variant,
        "attempt": 1,
        "block": block,
        "position": 0,
        "model": "tiny",
        "backend": load.backend,
        "device_requested": load.device,
        "device_verdict": "verified",
        "precision": load.precision,
        "options": "{}",
        "status": "ok",
        "started_at": NOW,
        "ended_at": NOW,
    } | columns


def generation_row(cell: Cell, block: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of ``generations``: one request that went well, without its times."""
    load_id = columns.get("load_id", f"b{block}-{cell.load.label}")
    return {
        "load_id": load_id,
        "cell_id": f"{load_id}/{cell.shape}",
        "cell_key": cell.key,
        "variant": cell.load.variant,
        "attempt": 1,
        "block": block,
        "iteration": 0,
        "warmup": False,
        "prompt_tokens": cell.prompt_tokens,
        "new_tokens": cell.new_tokens,
        "batch_size": cell.batch_size,
        "ask": cell.ask,
        "started_at": NOW,
        "status": "ok",
    } | columns


def quality_row(load: Load, **columns: Any) -> dict[str, Any]:
    """A row of ``quality``: one text, scored whole on the load's own device, whose kind and digest are in its name."""
    name, log_probs = columns.get("text"), columns.get("log_probs") or ()
    return {
        "load_key": load.key,
        "device": load.device,
        "kind": name and kind_of(name),
        "text_digest": name,
        "first_position": 0,
        "positions": len(log_probs),
        "status": "ok",
        "started_at": NOW,
        "ended_at": NOW,
    } | columns
