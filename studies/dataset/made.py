"""A dataset as a lab has it after a year: made up, in the files that `nox -s collect` writes, and called simulated."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.dataset.bins import count_latencies
from bench.dataset.partitions import merge
from bench.plan.cells import Cell, Load
from bench.run.record import NO_MODEL, recorded_cell
from bench.store.dataset import DATASET_TABLES, MANIFEST, HeldFile, HeldRun, Manifest
from bench.store.schema import GENERATIONS, SCHEMA_VERSION, UTC as UTC_TIME
from bench.store.writer import as_table

BLOCKS, REPEATS, NEW_TOKENS, PROMPT_TOKENS = 5, 7, 65, 128
STACKS = {"openvino-genai": 9e6, "ort-genai": 8e6, "transformers": 21e6}
"""Stack -> nanoseconds per token."""
DEVICES = {"CPU": 1.0, "GPU": 0.55, "NPU": 0.8}
LOADS_OF_A_RUN = tuple(Load(stack, device, "int4") for stack, device in itertools.product(STACKS, DEVICES))
CELLS_OF_A_RUN = tuple(Cell(load, PROMPT_TOKENS, NEW_TOKENS) for load in LOADS_OF_A_RUN)
_KEYS = tuple(cell.key for cell in CELLS_OF_A_RUN)
TOKENS_OF_A_RUN = len(LOADS_OF_A_RUN) * BLOCKS * REPEATS * (NEW_TOKENS - 1)
_FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class LabSize:
    """How much a dataset holds: ``runs`` in all, ``longest`` of them of the first machine, the rest shared evenly."""

    runs: int
    machines: int
    longest: int

    def of_machine(self, machine: int) -> int:
        """How many runs a machine has, counted from 0."""
        if machine == 0:
            return self.longest
        others, left = divmod(self.runs - self.longest, self.machines - 1)
        return others + (machine <= left)


def machine_id(machine: int) -> str:
    """The id of a machine, counted from 0."""
    return f"simulated{machine:03d}"


def make_dataset(root: Path, size: LabSize) -> None:
    """Write the dataset into the folder ``root``; the same size gives the same rows."""
    scratch = root / ".new-made"
    files: dict[str, HeldFile] = {}
    held: dict[str, HeldRun] = {}
    for machine in range(size.machines):
        count = size.of_machine(machine)
        began = [_FIRST + _YEAR * (number / count) for number in range(count)]
        for month, group in itertools.groupby(enumerate(began), lambda one: f"{one[1]:%Y-%m}"):
            for number, moment in group:
                run_id = f"{moment:%Y%m%dT%H%M%SZ}-{machine:02x}{number:04x}"
                held[run_id] = HeldRun(machine_id(machine), month, run_id)
                for table, rows in run_tables(run_id, machine, moment).items():
                    (scratch / table).mkdir(parents=True, exist_ok=True)
                    pq.write_table(rows, scratch / table / f"{run_id}.parquet", compression="none")
            partition = f"machine={machine_id(machine)}/month={month}"
            for table in DATASET_TABLES:
                new = sorted((scratch / table).glob("*.parquet"))
                merge(root, f"{table}/{partition}", files, new, (), scratch)
                for path in new:
                    path.unlink()
    facts = {
        machine_id(one): {"machine_id": machine_id(one), "machine": {"cpu": {}, "memory_bytes": None}}
        for one in range(size.machines)
    }
    shutil.rmtree(scratch)
    Manifest(files, held, facts).write(root / MANIFEST)


def run_tables(run_id: str, machine: int, moment: datetime) -> dict[str, pa.Table]:
    """The rows of one run, by the tables of a dataset."""
    noise = np.random.default_rng(int(run_id.rpartition("-")[2], 16))
    loads = as_table("loads", run_id, [_load_row(*one, machine, moment) for one in _visits()])
    generations = _generations(run_id, machine, moment, noise)
    record = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "created_at": moment.isoformat(),
        "command": "nox -s studies -- dataset",
        "model": NO_MODEL,
        "plan": {
            "profile": "standard",
            "blocks": BLOCKS,
            "repeats": REPEATS,
            "warmups": 0,
            "threads": 4,
            "loads": [{"load_key": load.key, "label": load.label, **load.identity} for load in LOADS_OF_A_RUN],
            "cells": [recorded_cell(cell) for cell in CELLS_OF_A_RUN],
        },
        "machine": {"cpu": {"name": f"simulated CPU {machine % 4}", "physical_cores": 8}, "memory_bytes": 2**35},
        "machine_id": machine_id(machine),
        "venvs": {},
    }
    end = {"ended_at": moment.isoformat(), "reason": "finished", "detail": None}
    document = {
        "run_id": run_id,
        "machine_id": machine_id(machine),
        "created_at": moment,
        "run_json": json.dumps(record),
        "end_json": json.dumps(end),
    }
    return {
        "runs": pa.Table.from_pylist([document], schema=DATASET_TABLES["runs"]),
        "loads": loads,
        "generations": generations,
        "latencies": count_latencies(generations, loads),
    }


def _visits() -> Iterator[tuple[int, int, Load]]:
    for block in range(BLOCKS):
        yield from ((block, position, load) for position, load in enumerate(LOADS_OF_A_RUN))


def _load_row(block: int, position: int, load: Load, machine: int, moment: datetime) -> Mapping[str, Any]:
    return {
        "machine_id": machine_id(machine),
        "load_id": f"b{block}-l{position}",
        "load_key": load.key,
        "variant": "",
        "attempt": 1,
        "block": block,
        "position": position,
        "model": NO_MODEL["name"],
        "backend": load.backend,
        "device_requested": load.device,
        "device_executed": load.device,
        "device_verdict": "simulated",
        "precision": load.precision,
        "options": "{}",
        "load_s": 1.0,
        "peak_memory_bytes": 10**9,
        "status": "ok",
        "started_at": moment,
        "ended_at": moment,
    }


@cache
def _constant() -> tuple[dict[str, pa.Array], Any]:
    """The columns of the generations that are alike in all runs, and the nanoseconds per token of each row."""
    visits = [one for one in _visits() for _ in range(REPEATS)]
    count = len(visits)
    load_ids = [f"b{block}-l{position}" for block, position, _ in visits]
    columns: dict[str, Any] = {
        "load_id": load_ids,
        "cell_id": [f"{one}/{CELLS_OF_A_RUN[at].shape}" for one, (_, at, _) in zip(load_ids, visits, strict=True)],
        "cell_key": [_KEYS[position] for _, position, _ in visits],
        "variant": [""] * count,
        "attempt": [1] * count,
        "block": [block for block, *_ in visits],
        "iteration": [*range(REPEATS)] * (count // REPEATS),
        "warmup": [False] * count,
        "prompt_tokens": [PROMPT_TOKENS] * count,
        "new_tokens": [NEW_TOKENS] * count,
        "batch_size": [1] * count,
        "ask": ["first"] * count,
        "status": ["ok"] * count,
    }
    speed = np.array([STACKS[load.backend] * DEVICES[load.device] for *_, load in visits])
    known = {name: pa.array(values, GENERATIONS.field(name).type) for name, values in columns.items()}
    empty = {field.name: pa.nulls(count, field.type) for field in GENERATIONS}
    return {**empty, **known}, speed


def _generations(run_id: str, machine: int, moment: datetime, noise: np.random.Generator) -> pa.Table:
    constant, speed = _constant()
    count = len(speed)
    # Each process is a little faster or slower than the next.
    process = speed * (1 + machine % 4 / 5) * np.repeat(noise.lognormal(0, 0.03, count // REPEATS), REPEATS)
    itl_ns = process[:, None] * noise.lognormal(0, 0.05, (count, NEW_TOKENS - 1))
    offsets = pa.array(np.arange(count + 1) * (NEW_TOKENS - 1), pa.int32())
    columns = {
        **constant,
        "run_id": pa.array([run_id] * count),
        "ttft_ns": pa.array((process * 20).astype(np.int64)),
        "itl_ns": pa.ListArray.from_arrays(offsets, pa.array(itl_ns.ravel().astype(np.int64))),
        "started_at": pa.array([moment] * count, UTC_TIME),
    }
    return pa.table([columns[field.name] for field in GENERATIONS], schema=GENERATIONS)
