from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.errors import StoreError
from bench.plan.cells import Cell, Request
from bench.report.names import failed_shapes

MakeCell = Callable[..., Cell]


def test_a_run_without_rows_is_analysed(tiny_run: Any) -> None:
    assert tiny_run.analyse().cells == ()


def test_planned_cells_without_rows_were_not_reached(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.planned = [make_cell(), make_cell(prompt_tokens=99)]
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    assert [cell.prompt_tokens for cell in tiny_run.analyse().unreached] == [99]


def test_a_killed_harness_leaves_identity_to_the_plan(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.planned, tiny_run.ended = [make_cell()], False
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    load = tiny_run.analyse().cells[0].load
    assert (load.backend, load.precision, load.device_verdict) == ("ort-genai", "int4", "unknown")


def test_without_plan_and_load_row_the_identity_is_unknown(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    assert tiny_run.analyse().cells[0].load.backend == "unknown"


def test_load_times_are_medians_over_processes(tiny_run: Any, make_cell: MakeCell) -> None:
    for block, seconds in enumerate((1.0, 2.0, 9.0)):
        tiny_run.load(make_cell().load, block, load_s=seconds)
    (times,) = tiny_run.analyse().loads[0].times
    assert (times.compile_cache, times.processes, times.load_s) == ("unknown", 3, pytest.approx(2.0))


def test_loads_from_a_compile_cache_are_never_averaged_with_those_that_compiled(
    tiny_run: Any, make_cell: MakeCell
) -> None:
    for block, (state, seconds) in enumerate((("hit", 1.0), ("cold", 20.0), ("hit", 3.0), ("hit", 2.0))):
        tiny_run.load(make_cell().load, block, load_s=seconds, compile_cache=state)
    load = tiny_run.analyse().loads[0]
    found = [(times.compile_cache, times.processes, times.load_s) for times in load.times]
    assert (found, load.fresh, load.cached) == ([("cold", 1, 20.0), ("hit", 3, 2.0)], *load.times)


def test_a_load_that_only_a_cache_served_has_no_time_of_compiling(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.load(make_cell().load, 0, load_s=1.0, compile_cache="hit")
    assert tiny_run.analyse().loads[0].fresh is None


def test_the_first_generation_stands_beside_the_same_request_later(tiny_run: Any, make_cell: MakeCell) -> None:
    first, other = make_cell(), make_cell(prompt_tokens=99)
    tiny_run.generation(first, 0, 900, (50, 50), warmup=True)
    for ttft in (40, 60, 50):
        tiny_run.generation(first, 0, ttft, (5, 5))
    tiny_run.generation(other, 0, 800, (7, 7))
    tiny_run.load(first.load, 0, first_generation_s=1.0)
    (times,) = tiny_run.analyse().loads[0].times
    assert (times.first_generation_s, times.steady_s) == (1.0, pytest.approx(0.060))


def test_a_longer_answer_is_no_steady_state_of_the_first_generation(tiny_run: Any, make_cell: MakeCell) -> None:
    cell = make_cell(new_tokens=3)
    tiny_run.planned = [cell]
    tiny_run.generation(cell, 0, 900, (50,), warmup=True, new_tokens=2)
    tiny_run.generation(cell, 0, 40, (5, 5))
    tiny_run.load(cell.load, 0, first_generation_s=0.95)
    (times,) = tiny_run.analyse().loads[0].times
    assert (times.first_request, times.first_generation_s, times.steady_s) == (Request(10, 2, 1), 0.95, None)


@pytest.mark.parametrize("itl_ms", [(), (5,), (5, 5, 5)])
def test_answers_of_another_length_than_planned_are_no_rows_of_a_run(
    tiny_run: Any, make_cell: MakeCell, itl_ms: tuple[float, ...]
) -> None:
    cell = make_cell(new_tokens=3)
    tiny_run.planned = [cell]
    tiny_run.generation(cell, 0, 40, itl_ms, new_tokens=len(itl_ms) + 1)
    with pytest.raises(StoreError, match="its rows are not those that a run writes"):
        tiny_run.analyse()


def test_first_generations_of_different_requests_are_not_put_together(tiny_run: Any, make_cell: MakeCell) -> None:
    """As runs before schema 5 have them: each process began with any of its cells, and its load row names none."""
    short, long = make_cell(prompt_tokens=32), make_cell(prompt_tokens=512)
    for block, (cell, seconds) in enumerate(((long, 2.0), (short, 0.5), (short, 0.7))):
        tiny_run.generation(cell, block, 1000 * seconds, warmup=True)
        tiny_run.load(cell.load, block, first_generation_s=seconds)
    (times,) = tiny_run.analyse().loads[0].times
    found = (times.first_request, times.first_generation_s, times.first_processes, times.processes)
    assert found == (Request(32, 3, 1), pytest.approx(0.6), 2, 3)


def test_loads_are_shown_with_a_first_request_that_they_have_in_common(tiny_run: Any, make_cell: MakeCell) -> None:
    began = {"int4": (512, 512, 32), "int8": (128, 32, 128)}
    for precision, prompts in began.items():
        for block, prompt_tokens in enumerate(prompts):
            cell = make_cell(precision=precision, prompt_tokens=prompt_tokens)
            tiny_run.generation(cell, block, prompt_tokens, warmup=True)
            tiny_run.load(cell.load, block, first_generation_s=prompt_tokens / 1000)
    loads = {load.precision: load.times[0] for load in tiny_run.analyse().loads}
    assert [(loads[name].first_request, loads[name].first_generation_s) for name in began] == [
        (Request(32, 3, 1), 0.032)
    ] * 2


def test_a_load_that_never_began_with_that_request_keeps_its_own(tiny_run: Any, make_cell: MakeCell) -> None:
    for backend, prompt_tokens in (("ort-genai", 32), ("transformers", 32), ("openvino-genai", 128)):
        cell = make_cell(backend=backend, prompt_tokens=prompt_tokens)
        tiny_run.generation(cell, 0, prompt_tokens, warmup=True)
        tiny_run.load(cell.load, 0, first_generation_s=prompt_tokens / 1000)
    times = {load.backend: load.times[0] for load in tiny_run.analyse().loads}
    assert (times["openvino-genai"].first_request, times["openvino-genai"].first_generation_s) == (
        Request(128, 3, 1),
        0.128,
    )


def test_a_prefix_cache_hit_is_no_steady_state_of_the_first_generation(tiny_run: Any, make_cell: MakeCell) -> None:
    cell = replace(make_cell(), ask="again")
    tiny_run.generation(cell, 0, 900, (50, 50), warmup=True, ask="first")
    tiny_run.generation(cell, 0, 9, (5, 5), ask="again")
    tiny_run.load(cell.load, 0, first_generation_s=1.0)
    assert tiny_run.analyse().loads[0].times[0].steady_s is None


def test_what_no_process_measured_is_none(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.load(make_cell().load, 0)
    assert tiny_run.analyse().loads[0].peak_memory_bytes is None


@pytest.mark.parametrize("told", [math.nan, math.inf])
def test_a_time_that_is_no_number_was_not_measured(tiny_run: Any, make_cell: MakeCell, told: float) -> None:
    tiny_run.load(make_cell().load, 0, load_s=told)
    assert tiny_run.analyse().loads[0].times[0].load_s is None


def test_the_largest_peak_stands_beside_the_median(tiny_run: Any, make_cell: MakeCell) -> None:
    for block, peak in enumerate((5, 7, 60)):
        tiny_run.load(make_cell().load, block, peak_memory_bytes=peak)
    load = tiny_run.analyse().loads[0]
    assert (load.peak_memory_bytes, load.peak_memory_max_bytes) == (7, 60)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("verified", "verified"), "verified"),
        (("verified", "reported"), "reported"),
        (("verified", "unknown"), "unknown"),
        (("unknown", "fallback"), "fallback"),
    ],
)
def test_a_load_is_as_good_as_its_weakest_process(
    tiny_run: Any, make_cell: MakeCell, verdicts: tuple[str, ...], expected: str
) -> None:
    for block, verdict in enumerate(verdicts):
        tiny_run.load(make_cell().load, block, device_verdict=verdict)
    assert tiny_run.analyse().loads[0].device_verdict == expected


def test_the_share_is_the_least_of_the_processes_with_the_weakest_verdict(tiny_run: Any, make_cell: MakeCell) -> None:
    told = (("verified", 0.02), ("reported", 0.04), ("reported", 0.03), ("reported", None))
    for block, (verdict, share) in enumerate(told):
        evidence = f"Block {block}."
        tiny_run.load(make_cell().load, block, device_verdict=verdict, device_share=share, device_evidence=evidence)
    (load,) = tiny_run.analyse().loads
    assert (load.device_share, load.device_evidence) == (0.03, "Block 2.")


def test_the_simulated_backend_is_simulated_even_if_no_process_says_so(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.planned = [make_cell("simulated")]
    assert tiny_run.analyse().loads[0].simulated


def test_a_failure_in_each_block_is_one_failure(tiny_run: Any, make_cell: MakeCell) -> None:
    for block in range(3):
        tiny_run.generation(make_cell(), block, None, status="failed", error_message="no", itl_ns=None)
    (failure,) = tiny_run.analyse().failures
    assert failure.blocks == (0, 1, 2)


def test_failures_with_other_reasons_stand_apart(tiny_run: Any, make_cell: MakeCell) -> None:
    for block, reason in enumerate(("no", "never")):
        tiny_run.generation(make_cell(), block, None, status="failed", error_message=reason, itl_ns=None)
    assert {failure.message for failure in tiny_run.analyse().failures} == {"no", "never"}


def test_a_cell_that_failed_in_one_block_is_still_measured(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    tiny_run.generation(make_cell(), 1, None, status="crashed", error_message="died", itl_ns=None)
    assert tiny_run.analyse().failures[0].measured_elsewhere


def test_a_process_that_was_tried_again_is_told_and_costs_no_block(tiny_run: Any, make_cell: MakeCell) -> None:
    cell = make_cell()
    tiny_run.plan = {"blocks": 1}
    tiny_run.load(cell.load, 0, load_id="v/a1", status="crashed", error_message="died")
    tiny_run.load(cell.load, 0, attempt=2)
    tiny_run.generation(cell, 0, 20, (1, 1))
    run = tiny_run.analyse()
    (failure,) = run.failures
    assert (failure.status, failure.message, failure.tried_again) == ("crashed", "died", True)
    assert (run.cells[0].lost, failure.blocks) == ((), (0,))
    assert failed_shapes(failure) == "before a timed generation, so tried once more"


def test_an_invalid_generation_is_told_with_its_reason(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1), invalid_reason="the machine slept")
    (failure,) = tiny_run.analyse().failures
    assert (failure.status, failure.message) == ("invalid", "the machine slept")


def test_a_worker_that_died_tells_its_exit_code(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.load(make_cell().load, 0, status="crashed", exit_code=-9)
    tiny_run.generation(make_cell(), 0, None, status="crashed", error_message="died", itl_ns=None)
    assert tiny_run.analyse().failures[0].exit_code == -9


def test_a_failed_load_without_cells_is_a_failure(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.load(make_cell().load, 0, status="failed", error_message="no such file")
    assert [failure.message for failure in tiny_run.analyse().failures] == ["no such file"]


def test_keys_and_shapes_of_a_failure_belong_together(tiny_run: Any, make_cell: MakeCell) -> None:
    cells = [make_cell(prompt_tokens=n) for n in (512, 32, 128)]
    for cell in cells:
        tiny_run.generation(cell, 0, None, status="failed", error_message="no", itl_ns=None)
        tiny_run.load(cell.load, 0)
    (failure,) = tiny_run.analyse().failures
    by_key = {cell.key: Request(cell.prompt_tokens, 3, 1) for cell in cells}
    assert {cell.cell_key: cell.shape for cell in failure.cells} == by_key
