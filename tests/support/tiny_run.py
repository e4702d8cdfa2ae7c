"""A stored run of a few rows, each number chosen by the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Cell, Load
from bench.run.record import recorded_cell
from bench.store.reader import open_run
from bench.store.writer import RunWriter
from tests.support.rows import generation_row, load_row, quality_row


class _Writer(RunWriter):
    def gather(self, table: str) -> None:
        """Each table is one file already."""


@dataclass
class TinyRun:
    """Rows that are written as they are; what a test does not name has a plain default."""

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    loads: list[dict[str, Any]] = field(default_factory=list)
    planned: list[Cell] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    scored: list[dict[str, Any]] = field(default_factory=list)
    ended: bool = True
    reason: str = "finished"

    def generation(
        self, cell: Cell, block: int, ttft_ms: float | None, itl_ms: Sequence[float] = (), **columns: Any
    ) -> None:
        times = {
            "ttft_ns": None if ttft_ms is None else round(ttft_ms * 1e6),
            "itl_ns": [round(value * 1e6) for value in itl_ms],
        }
        self.rows.append(generation_row(cell, block, **(times | columns)))

    def load(self, load: Load, block: int, **columns: Any) -> None:
        self.loads.append(load_row(load, block, **columns))

    def text(self, load: Load, name: str | None, log_probs: Sequence[float | None] = (), **columns: Any) -> None:
        """What a load thinks of a text, whose digest is its name; nameless where it could not be scored at all."""
        self.scored.append(quality_row(load, text=name, log_probs=log_probs, **columns))

    def write(self) -> Path:
        writer = _Writer(self.folder, "run")
        loads = {cell.load.key: cell.load for cell in self.planned}
        cells = [recorded_cell(cell) for cell in self.planned]
        identities = [{"load_key": key, "label": load.label, **load.identity} for key, load in loads.items()]
        writer.begin({"plan": {"loads": identities, "cells": cells, **self.plan}, **self.record})
        writer.rows("generations", self.rows)
        writer.rows("loads", self.loads)
        if self.scored:
            writer.rows("quality", self.scored)
        if self.ended:
            writer.finish(self.reason)
        return writer.path

    def analyse(self) -> RunAnalysis:
        return analyse_run(open_run(self.write(), rest=True))
