"""What the tests of the harness share: options made as a user makes them, and rows as the suites write them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bench import PROJECT_ROOT
from bench.plan.flags import raw_values
from bench.plan.options import Options, resolve_options
from bench.processes import process_group
from bench.store.reader import StoredRun, open_run

# How long an example takes says nothing on a machine that does other work beside.
settings.register_profile("bench", deadline=None)
settings.load_profile("bench")

MakeOptions = Callable[..., Options]
MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def make_options(tmp_path: Path) -> MakeOptions:
    """Options from a command line."""

    def make(*arguments: str) -> Options:
        return resolve_options(raw_values(arguments), tmp_path)

    return make


@pytest.fixture
def write_sweep(tmp_path: Path) -> Callable[[str], str]:
    """Writes a sweep file and gives its path."""

    def write(text: str) -> str:
        path = tmp_path / "sweep.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def generation_row() -> MakeRow:
    """A row of ``generations`` with every column that may not be null."""

    def make(**columns: Any) -> dict[str, Any]:
        return {
            "load_id": "b0/0/load/a1",
            "cell_id": "b0/0/load/a1/p8-n4-b1",
            "cell_key": "cell",
            "variant": "",
            "attempt": 1,
            "block": 0,
            "iteration": 0,
            "warmup": False,
            "prompt_tokens": 8,
            "new_tokens": 4,
            "batch_size": 1,
            "started_at": datetime(2026, 11, 22, tzinfo=UTC),
            "status": "ok",
        } | columns

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("only Linux mounts a file system of a given size into a folder")
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this process may not mount a file system: {mounted.stderr.decode('utf-8', 'replace').strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Where the runs of one test go, and how `bench` is started as a user starts it."""

    home: Path

    def command(self, *arguments: str) -> list[str]:
        """One load of the simulated backend, prompt lengths 8 and 16, 4 new tokens, one block of one repeat."""
        small = {
            "--backend": "simulated",
            "--precision": "int4",
            "--prompt-tokens": "8,16",
            "--new-tokens": "4",
            "--seed": "1",
            "--blocks": "1",
            "--repeats": "1",
            "--warmups": "1",
            "--max-warmups": arguments[arguments.index("--warmups") + 1] if "--warmups" in arguments else "1",
            "--results-dir": str(self.home / "results"),
            "--reports-dir": str(self.home / "reports"),
        }
        own = [part for flag, value in small.items() if flag not in arguments for part in (flag, value)]
        played = ("--load-option", "simulated.ttft_ms=2", "--load-option", "simulated.itl_ms=1")
        return [sys.executable, "-m", "pytest", "bench/", *own, *played, *arguments]

    def environment(self) -> dict[str, str]:
        """As nox sets it; what this test session's own pytest was told is not for that one."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AIPC_"))}
        return {**own, "PYTHONUTF8": "1"}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=PROJECT_ROOT,
            env={**self.environment(), **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start, to be interrupted: in a process group of its own, as a console gives one."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=PROJECT_ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            **process_group(),
        )

    @property
    def stored(self) -> StoredRun:
        """The one run that was written."""
        (folder,) = (self.home / "results").iterdir()
        return open_run(folder)

    @property
    def runs(self) -> int:
        """How many run folders there are."""
        return len(list((self.home / "results").glob("*")))

    def generations(self) -> list[dict[str, Any]]:
        """What was committed."""
        return list(self.stored.table("generations").to_pylist())

    def loads(self) -> list[dict[str, Any]]:
        """What was committed."""
        return list(self.stored.table("loads").to_pylist())

    @property
    def reported(self) -> bool:
        """Whether the one run has its page."""
        return (self.home / "reports" / self.stored.run_id / "index.html").is_file()


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """A sweep of this test's own."""
    return Sweep(tmp_path)


@dataclass(frozen=True, slots=True)
class Measured:
    """A run that went well: 3 loads, 2 cells each, 2 blocks of 1 warm-up and 2 repeats."""

    sweep: Sweep
    process: subprocess.CompletedProcess[str]
    benchmarks: list[dict[str, Any]]


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """One run for many questions."""
    sweep = Sweep(tmp_path_factory.mktemp("measured"))
    counts = ("--precision", "int4,int8,fp32", "--blocks", "2", "--repeats", "2")
    file = sweep.home / "benchmarks.json"
    process = sweep.run(*counts, f"--benchmark-json={file}")
    return Measured(sweep, process, json.loads(file.read_text(encoding="utf-8"))["benchmarks"])
