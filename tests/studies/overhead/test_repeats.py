"""The wall time of a sweep beside that of a script with a process for each cell."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backends.table import BACKENDS
from bench.plan.flags import raw_values
from bench.plan.options import resolve_options
from bench.plan.plan import make_plan
from bench.prepare.prompts import PromptBook
from studies.intervals.stack import Target
from studies.overhead import in_worker, repeats
from studies.overhead.repeats import (
    ALONE,
    AS_LLM_BENCH,
    LLM_BENCH_IMPORTS,
    Walls,
    measure_walls,
    said,
    sweep_arguments,
)


def quiet(line: str) -> None:
    """Say nothing."""


def test_the_sweep_has_nine_cells_and_exactly_the_warm_ups_of_the_script() -> None:
    options = resolve_options(raw_values(sweep_arguments(3)), Path())

    assert (len(make_plan(options).cells), options.blocks, options.quality) == (9, 3, False)
    assert (options.warmups, options.max_warmups, options.repeats) == (2, 2, 3)


def test_the_lines_say_both_times_and_their_ratio() -> None:
    lines = list(said(Walls(45.0, {ALONE: [4.0] * 18, AS_LLM_BENCH: [5.0] * 18}, cells=9)))

    assert lines[1].split()[:3] == ["sweep", "45.0", "s"]
    assert lines[1].endswith("processes, each of all cells: 2")
    assert lines[2].endswith("72.0 s   processes, each of one cell: 18, 4.0 s on average; ratio 0.62")
    assert lines[3].endswith("90.0 s   processes, each of one cell: 18, 5.0 s on average; ratio 0.50")
    assert lines[4].startswith("beside llm_bench's imports within the goal")


@pytest.mark.process
def test_each_cell_gets_as_many_processes_of_each_script_as_the_sweep_has_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Mapping[str, Any]]] = []
    sweeps: list[tuple[str, ...]] = []
    target = Target(BACKENDS["simulated"], sys.executable, tmp_path, "int4", 1, PromptBook.made_up(), {})
    monkeypatch.setattr(repeats, "find_target", lambda *_: target)
    monkeypatch.setattr(repeats, "measure", lambda arguments, _: sweeps.append(arguments))
    monkeypatch.setattr(repeats, "run_in_worker", lambda *call: asked.append(call))
    monkeypatch.setenv("AIPC_BENCH_VENVS", json.dumps({"conversion": {"python": "converter"}}))
    walls = measure_walls(2, quiet)

    assert (walls.cells, sweeps) == (9, [sweep_arguments(2)])
    assert {imported: len(seconds) for imported, seconds in walls.script_s.items()} == {ALONE: 18, AS_LLM_BENCH: 18}
    assert [python for python, _ in asked] == [sys.executable, "converter"] * 18
    requests = [request for _, request in asked]
    assert {one["loops"] for one in requests} == {"bare"}
    assert [one.get("imports", ()) for one in requests[:2]] == [(), LLM_BENCH_IMPORTS]
    shapes = [(len(one["prompts"][0]), one["new_tokens"]) for one in requests]
    assert sorted(set(shapes)) == [(p, n) for p in (32, 128, 512) for n in (16, 32, 64)]
    assert [(len(one["warmups"]), len(one["prompts"])) for one in requests] == [(2, 3)] * 36


def test_a_script_imports_what_it_is_told_from_the_folder_that_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "only_there.py").write_text("thing = 1\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    asked = {"imports": ["only_there:other"], "packages": str(tmp_path / "packages")}

    with pytest.raises(AttributeError, match=r"only_there.*other"):
        in_worker.main(asked)
