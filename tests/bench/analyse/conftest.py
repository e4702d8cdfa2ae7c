"""A stored run of a few rows, each number chosen by the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Cell, Load
from bench.run.record import recorded_cell
from bench.store.reader import open_run
from bench.store.writer import RunWriter

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class TinyRun:
    """Rows that are written as they are; what a test does not name has a plain default."""

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    loads: list[dict[str, Any]] = field(default_factory=list)
    planned: list[Cell] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    ended: bool = True
    reason: str = "finished"

    def generation(
        self, cell: Cell, block: int, ttft_ms: float | None, itl_ms: Sequence[float] = (), **columns: Any
    ) -> None:
        itl = [round(value * 1e6) for value in itl_ms]
        row = {
            "load_id": f"{cell.load.label}-{block}",
            "cell_id": f"{cell.label}-{block}",
            "cell_key": cell.key,
            "variant": cell.load.variant,
            "attempt": 0,
            "block": block,
            "iteration": 0,
            "warmup": False,
            "prompt_tokens": cell.prompt_tokens,
            "new_tokens": cell.new_tokens,
            "batch_size": cell.batch_size,
            "ttft_ns": None if ttft_ms is None else round(ttft_ms * 1e6),
            "itl_ns": itl,
            "started_at": NOW,
            "status": "ok",
        }
        self.rows.append(row | columns)

    def load(self, load: Load, block: int, **columns: Any) -> None:
        row = {
            "machine_id": "m",
            "load_id": f"{load.label}-{block}",
            "load_key": load.key,
            "variant": load.variant,
            "attempt": 0,
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
        }
        self.loads.append(row | columns)

    def write(self) -> Path:
        writer = RunWriter(self.folder, "run")
        loads = {cell.load.key: cell.load for cell in self.planned}
        cells = [recorded_cell(cell) for cell in self.planned]
        identities = [{"load_key": key, "label": load.label, **load.identity} for key, load in loads.items()]
        writer.begin({"plan": {"loads": identities, "cells": cells, **self.plan}})
        writer.rows("generations", self.rows)
        writer.rows("loads", self.loads)
        if self.ended:
            writer.finish(self.reason)
        return writer.path

    def analyse(self) -> RunAnalysis:
        return analyse_run(open_run(self.write()))


@pytest.fixture
def tiny_run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)


@pytest.fixture
def make_cell() -> Callable[..., Cell]:
    """A cell of three new tokens at 10 prompt tokens, unless said otherwise."""

    def make(
        backend: str = "ort-genai",
        precision: str = "int4",
        prompt_tokens: int = 10,
        new_tokens: int = 3,
        batch_size: int = 1,
    ) -> Cell:
        return Cell(Load(backend, "CPU", precision), prompt_tokens, new_tokens, batch_size)

    return make
