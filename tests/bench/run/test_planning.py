"""What is announced before a run begins."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.plan.options import Options
from bench.plan.plan import make_plan
from bench.prepare.conversion_cost import PendingWork
from bench.prepare.model_source import DEFAULT_FACTS
from bench.run.planning import preflight

MAKING = PendingWork("a-model to openvino-ir int4", 60, 2_000_000_000, 500_000_000, 3_000_000_000)


@pytest.fixture
def announced(make_options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The lines of a run of a stack whose cache has 7 GB free, and its results 9 GB."""
    for name in ("cache", "results"):
        (tmp_path / name).mkdir()
    free = {tmp_path / "cache": 7_000_000_000, tmp_path / "results": 9_000_000_000}
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=free[folder]))

    def lines(*pending: PendingWork, arguments: tuple[str, ...] = ()) -> list[str]:
        stack = ("--backend", "openvino-genai", "--cache-dir", str(tmp_path / "cache"))
        options = make_options(*stack, "--precision", "int4", "--device", "CPU", *arguments)
        plan = make_plan(options)
        preparer: Any = SimpleNamespace(expected_facts=DEFAULT_FACTS, pending=lambda _: list(pending))
        return preflight(plan, options, preparer, plan.loads, tmp_path / "results")

    return lines


def test_what_is_made_is_announced_with_the_room_where_it_is_kept(announced: Callable[..., list[str]]) -> None:
    measure, prepare, disk, memory, time = announced(MAKING)
    assert measure == "measure    1 load, 3 cells, in 3 blocks of 2 to 6 warm-ups + 3 timed generations each"
    assert prepare == "prepare    1 artifact, about 60 s: a-model to openvino-ir int4"
    assert disk == "disk       2.5 GB needed, 7.0 GB free"
    assert memory.startswith("memory     3.0 GB needed to prepare, 0.4 GB to measure, ")
    assert time.startswith("time       about ")


def test_where_nothing_is_made_the_room_for_results_is_told(announced: Callable[..., list[str]]) -> None:
    lines = announced()
    assert lines[1:3] == [
        "prepare    nothing: all artifacts are in the cache",
        "disk       0.0 GB needed, 9.0 GB free",
    ]


def test_a_run_that_adds_blocks_takes_from_least_to_most(announced: Callable[..., list[str]]) -> None:
    lines = announced(arguments=("--interval-target", "5%", "--max-blocks", "30"))
    assert "in 10 to 30 blocks of" in lines[0]
    assert ", as the intervals narrow (a guess; " in lines[-1]
