from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.metric_words import weight_name
from bench.report.run_page import weight
from bench.report.run_view import RunView, view_run
from bench.store.reader import open_run

MakeRun = Callable[..., Any]


def viewed(run: Path) -> RunView:
    return view_run(analyse_run(open_run(run)))


def filter_axes(run: Path) -> Mapping[str, tuple[str, ...]]:
    return viewed(run).axes


def test_an_axis_without_a_choice_is_no_filter(stored_run: Path) -> None:
    axes = filter_axes(stored_run)
    assert [(axis, len(values)) for axis, values in axes.items()] == [("backend", 3), ("precision", 3), ("prompt", 3)]


@pytest.mark.slow
def test_a_fallback_is_found_under_what_ran(fake_run: MakeRun, tmp_path: Path) -> None:
    loads = [Load("openvino-genai", device, "int4") for device in ("GPU", "NPU")]
    run = fake_run(loads=loads, verdicts={loads[1].label: "fallback"}, executed={loads[1].label: "CPU"})
    axes = filter_axes(run.write(tmp_path))
    assert axes["device"] == ("GPU", "CPU")


@pytest.mark.slow
def test_what_failed_can_be_chosen_too(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run()
    run.break_cells("transformers", "failed", "no")
    axes = filter_axes(run.write(tmp_path))
    assert "transformers" in axes["backend"]


def test_a_run_of_failures_has_nothing_to_narrow(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run()
    run.break_cells("", "failed", "no")
    assert filter_axes(run.write(tmp_path)) == {}


@pytest.mark.slow
def test_a_quantile_that_no_sample_carries_is_not_offered(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(new_tokens=(8,)).write(tmp_path)
    assert viewed(run).quantiles == ("p50",)


def test_first_asks_and_hits_are_an_axis_where_a_run_has_both(fake_run: MakeRun, tmp_path: Path) -> None:
    again = Load("openvino-genai", "CPU", "int4", {"prefix_caching": "on"})
    run = fake_run(loads=(Load("openvino-genai", "CPU", "int4"), again), prompt_tokens=(32,)).write(tmp_path)
    axes = filter_axes(run)
    assert axes == {"ask": ("first", "again")}


def test_weight_can_be_given_to_each_metric_that_is_ranked(stored_run: Path) -> None:
    weights = viewed(stored_run).weights
    assert weights == ("ttft_ms", "tpot_ms", "response_ms", "memory")
    assert {weight(one): weight_name(one) for one in weights} == {
        "ttft": "responsiveness (TTFT)",
        "tpot": "speed (TPOT)",
        "response": "whole answer",
        "memory": "memory",
    }


@pytest.mark.slow
def test_what_a_run_did_not_measure_cannot_be_given_weight(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(new_tokens=(1,), more={"peak_memory_bytes": None}).write(tmp_path)
    assert viewed(run).weights == ("ttft_ms", "response_ms")
