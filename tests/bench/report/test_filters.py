from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.filters import filter_axes, known_quantiles
from bench.store.reader import open_run

MakeRun = Callable[..., Any]


def test_an_axis_without_a_choice_is_no_filter(stored_run: Path) -> None:
    axes = filter_axes(analyse_run(open_run(stored_run)))
    assert [(axis.key, len(axis.values)) for axis in axes] == [("backend", 3), ("precision", 3), ("prompt", 3)]


def test_a_fallback_is_found_under_what_ran(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("openvino-genai", device, "int4") for device in ("GPU", "NPU")]
    run = fake_run(loads=loads, verdicts={loads[1].label: "fallback"}, executed={loads[1].label: "CPU"})
    axes = {axis.key: axis.values for axis in filter_axes(analyse_run(open_run(run.write(tmp_path))))}
    assert axes["device"] == ("GPU", "CPU")


def test_what_failed_can_be_chosen_too(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run()
    run.break_cells("transformers", "failed", "no")
    axes = {axis.key: axis.values for axis in filter_axes(analyse_run(open_run(run.write(tmp_path))))}
    assert "transformers" in axes["backend"]


def test_a_run_of_failures_has_nothing_to_narrow(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run()
    run.break_cells("", "failed", "no")
    assert filter_axes(analyse_run(open_run(run.write(tmp_path)))) == []


def test_a_quantile_that_no_sample_carries_is_not_offered(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(new_tokens=(8,)).write(tmp_path)
    assert known_quantiles(analyse_run(open_run(run))) == ["p50"]
