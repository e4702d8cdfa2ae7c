"""Stored runs are exported field by field as before: a change of structure changes no number.

``runs/`` holds runs as they were written: one of each older schema, a real one, one with crashed cells, one of ``ab``,
and eight of one machine. The last two of these are copies of others in which every token takes five times as long.
``expected/`` holds their exports. A change that means to change a value rewrites them with
``AIPC_BENCH_UPDATE_GOLDEN=1`` in a commit of its own, whose diff shows which values changed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import CellResult
from bench.analyse.run import analyse_run
from bench.commands.compare import main as compare
from bench.commands.gate import main as gate
from bench.commands.history import main as history
from bench.commands.report import main as report
from bench.metrics import COMPARED
from bench.store.reader import open_run
from tests.support.charts import blank_charts
from tests.support.datasets import collected
from tests.support.shared_analyses import shared_analyses

HERE = Path(__file__).resolve().parent
RUNS, EXPECTED = HERE / "runs", HERE / "expected"

SCHEMA_2, SCHEMA_3 = "20261128T235139Z-92c760", "20261128T235149Z-00326f"
CRASHED, VARIANTS, REAL = "20261128T235213Z-115eaa", "20261128T235223Z-1838e8", "20261128T235531Z-1ef3b9"
ALIKE = (
    "20261128T235238Z-527480",
    "20261128T235251Z-106954",
    "20261128T235302Z-b7e8f3",
    "20261128T235312Z-7d4082",
    "20261128T235322Z-7573e2",
    "20261128T235334Z-49ca35",
)
SLOWER = ("20261128T235845Z-75f3d5", "20261128T235903Z-994e52")

Command = Callable[[Sequence[str]], int]

COMMANDS: dict[str, tuple[Command, tuple[str, ...], int]] = {
    **{f"report-{run}": (report, (run,), 0) for run in (SCHEMA_2, SCHEMA_3, CRASHED, VARIANTS, REAL, ALIKE[0])},
    "compare-variants": (compare, (VARIANTS,), 0),
    "compare-two": (compare, (ALIKE[0], SLOWER[0]), 0),
    "compare-without-history": (compare, (ALIKE[0], SLOWER[0], "--no-history"), 0),
    "compare-several": (compare, (ALIKE[0], ALIKE[1], SLOWER[0], SLOWER[1]), 0),
    "gate-alike": (gate, ("--baseline", *ALIKE[:5], "--head", ALIKE[5]), 0),
    "gate-slower": (gate, ("--baseline", *ALIKE, "--head", SLOWER[0]), 1),
    "gate-few": (gate, ("--baseline", *ALIKE[:2], "--head", ALIKE[5]), 2),
    "gate-variants": (gate, ("--head", VARIANTS), 1),
    "history": (history, (*ALIKE, *SLOWER), 0),
}
"""Name -> command, its arguments, its exit status."""

EXPORTS = (
    "summary.json",
    "summary.csv",
    "github-action-benchmark.json",
    "compare.json",
    "gate.json",
    "history.json",
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs in a dataset."""
    made = tmp_path_factory.mktemp("collected") / "dataset"
    collected(RUNS, into=made)
    return made


def exports(name: str, results: Path, reports: Path) -> dict[str, Path]:
    command, arguments, status = COMMANDS[name]
    with blank_charts(), shared_analyses():
        assert command([*arguments, "--results-dir", str(results), "--reports-dir", str(reports)]) == status
    return {path.name: path for path in sorted(reports.rglob("*")) if path.name in EXPORTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_exports_of_a_dataset_are_those_of_its_runs(name: str, dataset: Path, tmp_path: Path) -> None:
    found = exports(name, dataset, tmp_path)
    for path in sorted((EXPECTED / name).iterdir()):
        assert [*_differences(path.name, _read(found[path.name]), _read(path))] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_exports_are_as_before(name: str, tmp_path: Path) -> None:
    found = exports(name, RUNS, tmp_path)
    if os.environ.get("AIPC_BENCH_UPDATE_GOLDEN"):
        _write(EXPECTED / name, found)
    expected = {path.name: path for path in sorted((EXPECTED / name).iterdir())}
    assert list(found) == list(expected)
    differences = [one for file in expected for one in _differences(file, _read(found[file]), _read(expected[file]))]
    assert differences == []


def _write(folder: Path, found: dict[str, Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, path in found.items():
        (folder / name).write_bytes(path.read_bytes())


def _read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8-sig")
    return json.loads(text) if path.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))


def _differences(where: str, now: Any, before: Any) -> Iterator[str]:
    """Every field that is another; numbers may differ by the last digits, which a sum in another order changes."""
    if isinstance(now, dict) and isinstance(before, dict):
        for key in dict.fromkeys([*before, *now]):
            if key not in now or key not in before:
                yield f"{where}.{key}: {'gone' if key in before else 'new'}"
            else:
                yield from _differences(f"{where}.{key}", now[key], before[key])
    elif isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        for place, (one, other) in enumerate(zip(now, before, strict=True)):
            yield from _differences(f"{where}[{place}]", one, other)
    elif not _alike(now, before):
        yield f"{where}: {before!r} -> {now!r}"


def _alike(now: Any, before: Any) -> bool:
    if isinstance(now, float) and isinstance(before, float):
        return math.isclose(now, before, rel_tol=1e-9, abs_tol=1e-12)
    return bool(now == before)


@pytest.mark.parametrize("run", [CRASHED, VARIANTS, REAL, ALIKE[0]])
def test_a_history_reads_of_a_run_what_the_whole_analysis_says(run: str) -> None:
    stored = open_run(RUNS / run)
    whole, levels = analyse_run(stored), analyse_run(stored, levels_only=True)

    def estimates(cell: CellResult) -> tuple[Any, ...]:
        return cell.cell_key, cell.load, *(getattr(cell, metric) for metric in COMPARED), cell.lost, cell.answers

    assert [*map(estimates, levels.cells)] == [*map(estimates, whole.cells)]
    assert (levels.loads, levels.failures, levels.findings) == (whole.loads, whole.failures, whole.findings)
