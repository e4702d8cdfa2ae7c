"""The wall time of a sweep beside that of a script with a process for each cell."""

from __future__ import annotations

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
from studies.overhead import repeats
from studies.overhead.repeats import Walls, measure_walls, said, sweep_arguments


def quiet(line: str) -> None:
    """Say nothing."""


def test_the_sweep_has_nine_cells_and_exactly_the_warm_ups_of_the_script() -> None:
    options = resolve_options(raw_values(sweep_arguments(3)), Path())

    assert (len(make_plan(options).cells), options.blocks, options.quality) == (9, 3, False)
    assert (options.warmups, options.max_warmups, options.repeats) == (2, 2, 3)


def test_the_lines_say_both_times_and_their_ratio() -> None:
    lines = list(said(Walls(45.0, [5.0] * 18, cells=9)))

    assert lines[1].split()[:3] == ["sweep", "45.0", "s"]
    assert lines[1].endswith("processes, each of all cells: 2")
    assert lines[2].endswith("processes, each of one cell: 18, 5.0 s on average")
    assert lines[3].startswith("ratio       0.50     within the goal")


def test_each_cell_gets_as_many_processes_of_the_script_as_the_sweep_has_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mapping[str, Any]] = []
    sweeps: list[tuple[str, ...]] = []
    target = Target(BACKENDS["simulated"], "python", tmp_path, "int4", 1, PromptBook.made_up(), {})
    monkeypatch.setattr(repeats, "find_target", lambda *_: target)
    monkeypatch.setattr(repeats, "measure", lambda arguments, _: sweeps.append(arguments))
    monkeypatch.setattr(repeats, "run_in_worker", lambda _, request: asked.append(request))
    walls = measure_walls(2, quiet)

    assert (walls.cells, len(walls.script_s), len(asked), sweeps) == (9, 18, 18, [sweep_arguments(2)])
    assert {one["loops"] for one in asked} == {"bare"}
    shapes = [(len(one["prompts"][0]), one["new_tokens"]) for one in asked]
    assert sorted(set(shapes)) == [(p, n) for p in (32, 128, 512) for n in (16, 32, 64)]
    assert [(len(one["warmups"]), len(one["prompts"])) for one in asked] == [(2, 3)] * 18
