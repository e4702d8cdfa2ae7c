"""What the tests of the harness share: options made as a user makes them, and rows as the suites write them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.plan.cells import Cell, Load
from bench.plan.flags import raw_values
from bench.plan.options import Options, resolve_options
from tests.support import rows
from tests.support.sweeps import Measured, Sweep

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

    cell = Cell(Load("simulated", "CPU", "int4"), 8, 4)

    def make(**columns: Any) -> dict[str, Any]:
        return rows.generation_row(cell, **columns)

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
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """A sweep of this test's own."""
    return Sweep(tmp_path)


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """One run for many questions."""
    sweep = Sweep(tmp_path_factory.mktemp("measured"), charts=True)
    counts = ("--precision", "int4,int8,fp32", "--blocks", "2", "--repeats", "2")
    file = sweep.home / "benchmarks.json"
    process = sweep.run(*counts, f"--benchmark-json={file}")
    return Measured(sweep, process, json.loads(file.read_text(encoding="utf-8"))["benchmarks"])
