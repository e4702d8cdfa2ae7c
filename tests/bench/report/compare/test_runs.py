"""Which runs count as the history of another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.commands.stored_runs import Analyses, known_variation
from bench.plan.cells import Load
from bench.store.lookup import find_folders
from bench.store.reader import open_run
from tests.support.stored_runs import FakeRun


def write(results: Path, count: int = 6) -> list[Path]:
    small = FakeRun(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(8,), blocks=1, repeats=1)
    return [small.write(results, f"run{number}") for number in range(count)]


def changed(run: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads((run / "run.json").read_text("utf-8"))
    change(record)
    (run / "run.json").write_text(json.dumps(record), "utf-8")


def runs_known(results: Path, head: Path) -> int:
    return known_variation(results, analyse_run(open_run(head)), Analyses()).runs


@pytest.mark.slow
def test_a_run_is_no_part_of_its_own_history(tmp_path: Path) -> None:
    assert runs_known(tmp_path, write(tmp_path)[-1]) == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(created_at="2999-01-01T00:00:00+00:00"),
        lambda record: record.update(machine_id="another"),
        lambda record: record["model"].update(digest="another"),
        lambda record: record["plan"].update(loads=[{"backend": "transformers"}]),
        lambda record: record.update(run_id="run1"),
        lambda record: record.update(schema_version=99),
    ],
    ids=["later", "machine", "model", "stack", "copy", "newer"],
)
def test_what_tells_nothing_about_the_head_is_left_out(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    runs = write(tmp_path)
    changed(runs[0], change)
    assert runs_known(tmp_path, runs[-1]) == 4


@pytest.mark.slow
def test_a_run_that_was_killed_is_left_out(tmp_path: Path) -> None:
    runs = write(tmp_path)
    (runs[0] / "end.json").unlink()
    assert runs_known(tmp_path, runs[-1]) == 4


def test_no_results_folder_is_no_history(tmp_path: Path) -> None:
    assert runs_known(tmp_path / "nowhere", write(tmp_path, 1)[0]) == 0


def test_a_folder_of_runs_may_have_brackets_in_its_name(tmp_path: Path) -> None:
    results = tmp_path / "runs [new]"
    first, second = write(results, 2)
    assert find_folders(["run*"], results) == [first.resolve(), second.resolve()]


def test_a_run_may_be_named_by_a_path_with_brackets(tmp_path: Path) -> None:
    (run,) = write(tmp_path / "runs [new]", 1)
    assert find_folders([str(run)], tmp_path) == [run.resolve()]
