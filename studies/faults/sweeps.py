"""Sweeps of the simulated backend that are killed, and what of their rows does not depend on time."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from bench import PROJECT_ROOT
from bench.processes import process_group
from bench.store.reader import StoredRun, open_run

_PYTEST = ("-m", "pytest", "bench/")
_PLAYED = ("--load-option", "simulated.ttft_ms=15", "--load-option", "simulated.itl_ms=3")
_SMALL = (
    *("--backend", "simulated", "--prompt-tokens", "8,16", "--new-tokens", "4", "--seed", "1"),
    *("--blocks", "2", "--repeats", "2", "--warmups", "1", "--max-warmups", "1", *_PLAYED),
)
SWEEPS: Mapping[str, tuple[str, ...]] = {
    "two loads": ("--precision", "int4,int8"),
    "scored": ("--precision", "int4,int8", "--load-option", "simulated.perplexity_ratio=1.3"),
    "two variants": ("--precision", "int4", "--a", "simulated.itl_ms=3", "--b", "simulated.itl_ms=4"),
    "crashing": (
        *("--precision", "int4,int8", "--load-option", "simulated.crash_at=2"),
        *("--load-option", "simulated.only_prompt_tokens=8"),
    ),
    "unsupported": ("--precision", "int4", "--device", "CPU,XPU", "--ask", "first,again"),
}
"""Name -> what is measured."""

_TIMELESS = {
    "loads": (
        *("load_id", "load_key", "variant", "attempt", "block", "position", "backend", "device_requested"),
        *("precision", "options", "status", "error_type", "first_prompt_tokens", "first_new_tokens"),
    ),
    "generations": (
        *("load_id", "cell_id", "cell_key", "variant", "attempt", "block", "iteration", "warmup", "prompt_tokens"),
        *("new_tokens", "batch_size", "ask", "prompt_id", "prompt_digest", "token_ids", "status", "error_type"),
    ),
    "quality": ("load_key", "device", "text", "kind", "text_digest", "positions", "log_probs", "top_ids", "status"),
}
"""Table -> its columns that are the same in every run of a sweep."""

_MARK = "AIPC_BENCH_FAULTS"
Rows = list[tuple[Any, ...]]


def timeless(run: StoredRun, table: str) -> Rows:
    """The rows of a table in their order, without what a clock or a counter tells.

    Raises:
        StoreError: a file of it cannot be read.
    """
    found = run.table(table, _TIMELESS[table]).to_pylist()
    return [tuple(repr(row[name]) for name in _TIMELESS[table]) for row in found]


def everything(run: StoredRun) -> dict[str, Rows]:
    """Table -> its rows, see :func:`timeless`."""
    return {table: timeless(run, table) for table in _TIMELESS}


def by_cell(run: StoredRun) -> dict[str, Rows]:
    """Cell within its visit -> its rows in ``generations``."""
    found: dict[str, Rows] = {}
    for row in timeless(run, "generations"):
        found.setdefault(row[_TIMELESS["generations"].index("cell_id")], []).append(row)
    return found


def committed(run: StoredRun) -> set[tuple[Any, ...]]:
    """What a run has measured, each generation by what it was and when."""
    names = ("cell_id", "warmup", "iteration", "status", "started_at")
    tables = [run.table("generations", names)]
    aside = sorted((run.path / "interrupted").glob("*-generations.parquet"))
    tables += [pq.read_table(file, columns=list(names)) for file in aside]
    return {tuple(row[name] for name in names) for table in tables for row in table.to_pylist()}


@dataclass(slots=True)
class Sweep:
    """One sweep in a folder of its own, measured by processes that are known by a mark in their environment."""

    home: Path
    options: tuple[str, ...]
    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    def start(self, *, resume: bool) -> subprocess.Popen[bytes]:
        """Start the sweep, or carry on with it."""
        folders = ("--results-dir", str(self.home / "results"), "--reports-dir", str(self.home / "reports"))
        what = ("--resume",) if resume else (*_SMALL, *self.options)
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AIPC_"))}
        with (self.home / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, *_PYTEST, *what, *folders],
                cwd=PROJECT_ROOT,
                env={**own, "PYTHONUTF8": "1", _MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                **process_group(),
            )

    @property
    def said(self) -> str:
        """All that its processes printed."""
        return (self.home / "said.txt").read_text("utf-8", "replace")

    @property
    def run(self) -> StoredRun | None:
        """The run, once it has begun.

        Raises:
            StoreError: it cannot be read.
        """
        found = sorted((self.home / "results").glob("*/run.json"))
        return open_run(found[-1].parent) if found else None

    def processes(self) -> Iterator[psutil.Process]:
        """Those that belong to the sweep and run."""
        for process in psutil.process_iter():
            try:
                if process.environ().get(_MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except (psutil.Error, OSError):
                continue
