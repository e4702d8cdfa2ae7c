"""A large run to render: made up, written by the real writer, and called simulated in every row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.plan.cells import Cell, Load, digest
from bench.run.record import NO_MODEL, recorded_cell
from bench.store.writer import RunWriter

BLOCKS = 10
REPEATS = 3
CELLS = 300
_PROMPTS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
_DEVICES = ("CPU", "GPU", "NPU")
_BITS = {"int4": 4.9, "fp32": 32.0}
_ITL_MS = (2.0, 3.0, 5.0, 8.0, 13.0)
_MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunSize:
    """How much a run holds.

    Args:
        cells: how many; beyond 300, further ones differ in how many tokens are asked for, which are more.
        new_tokens: of each generation, at least; there are ten blocks.
        repeats: timed generations in a block, after one warm-up.
    """

    cells: int
    new_tokens: int
    repeats: int = REPEATS

    @property
    def tokens(self) -> int:
        """All recorded tokens, warm-ups aside, of at most 300 cells."""
        return self.cells * self.new_tokens * BLOCKS * self.repeats


def size_of(tokens: int, cells: int = CELLS) -> RunSize:
    """``cells`` that hold ``tokens`` together, or a little more."""
    return RunSize(cells, max(2, -(-tokens // (cells * BLOCKS * REPEATS))))


def write_run(folder: Path, size: RunSize) -> Path:
    """Write a finished run of ``size`` below ``folder``; returns its own folder. The same size gives the same rows."""
    by_load: dict[str, list[Cell]] = {}
    cells = list(itertools.islice(_cells(size.new_tokens, -(-size.cells // CELLS)), size.cells))
    for cell in cells:
        by_load.setdefault(cell.load.key, []).append(cell)
    writer = RunWriter(folder, f"20260102T000000Z-{digest([size.cells, size.new_tokens, size.repeats], 6)}")
    writer.begin(_record(cells))
    noise = np.random.default_rng(7)
    for block in range(BLOCKS):
        for position, own in enumerate(by_load.values()):
            load_id = f"b{block}-l{position}"
            writer.rows(
                "generations", [row for cell in own for row in _generations(cell, load_id, block, size.repeats, noise)]
            )
            writer.rows("loads", [_load_row(own[0].load, load_id, block, position)])
    writer.finish("finished")
    return writer.path


def _cells(new_tokens: int, lengths: int) -> Iterator[Cell]:
    for device, precision, itl_ms in itertools.product(_DEVICES, _BITS, _ITL_MS):
        load = Load("simulated", device, precision, {"itl_ms": itl_ms})
        for more in range(lengths):
            yield from (Cell(load, prompt_tokens, new_tokens + more) for prompt_tokens in _PROMPTS)


def _generations(
    cell: Cell, load_id: str, block: int, repeats: int, noise: np.random.Generator
) -> Iterator[Mapping[str, Any]]:
    process = float(noise.lognormal(0, 0.03))
    itl_ns = float(cell.load.options["itl_ms"]) * 1e6 * process * (1 + cell.prompt_tokens / 20_000)
    for iteration in range(-1, repeats):
        steps = itl_ns * noise.lognormal(0, 0.05, cell.new_tokens - 1) * (1 + np.arange(cell.new_tokens - 1) / 20_000)
        tokens = noise.integers(0, 49_152, cell.new_tokens)
        yield {
            "load_id": load_id,
            "cell_id": f"{load_id}/{cell.shape}",
            "cell_key": cell.key,
            "variant": cell.load.variant,
            "attempt": 0,
            "block": block,
            "iteration": max(0, iteration),
            "warmup": iteration < 0,
            "prompt_tokens": cell.prompt_tokens,
            "new_tokens": cell.new_tokens,
            "batch_size": cell.batch_size,
            "ttft_ns": round(5e4 * (100 + cell.prompt_tokens) * process),
            "itl_ns": np.rint(steps).astype(np.int64).tolist(),
            "token_ids": tokens[:, None].tolist(),
            "started_at": _MOMENT,
            "status": "ok",
        }


def _load_row(load: Load, load_id: str, block: int, position: int) -> Mapping[str, Any]:
    return {
        "machine_id": "simulated",
        "load_id": load_id,
        "load_key": load.key,
        "variant": load.variant,
        "attempt": 0,
        "block": block,
        "position": position,
        "model": NO_MODEL["name"],
        "backend": load.backend,
        "device_requested": load.device,
        "device_executed": load.device,
        "device_verdict": "simulated",
        "precision": load.precision,
        "bits_per_weight": _BITS[load.precision],
        "options": "{}",
        "artifact_bytes": round(1.3e8 * _BITS[load.precision] / 8),
        "process_start_s": 0.05,
        "import_s": 0.5,
        "load_s": 1.0,
        "first_generation_s": 0.5,
        "peak_memory_bytes": round(2e8 * _BITS[load.precision] / 8 + 3e8),
        "status": "ok",
        "started_at": _MOMENT,
        "ended_at": _MOMENT,
    }


def _record(cells: Sequence[Cell]) -> Mapping[str, Any]:
    loads = {cell.load.key: cell.load for cell in cells}
    return {
        "created_at": _MOMENT.isoformat(),
        "command": "nox -s studies -- report-speed",
        "seed": 7,
        "model": NO_MODEL,
        "plan": {
            "profile": "standard",
            "blocks": BLOCKS,
            "repeats": REPEATS,
            "warmups": 1,
            "loads": [{"load_key": key, "label": load.label, **load.identity} for key, load in loads.items()],
            "cells": [recorded_cell(cell) for cell in cells],
        },
        "machine": {},
        "venvs": {},
    }
