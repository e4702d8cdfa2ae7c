from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.analyse.cell_result import arrival, costs
from bench.analyse.results import MILESTONES, CellResult, Costs
from bench.analyse.run import analyse_run
from bench.analyse.samples import COUNTERS
from bench.plan.cells import Cell
from bench.store.reader import open_run
from bench.store.schema import TABLES
from tests.support.stored_runs import FakeRun

MakeCell = Callable[..., Cell]


def only(tiny_run: Any) -> CellResult:
    (cell,) = tiny_run.analyse().cells
    assert isinstance(cell, CellResult)
    return cell


def test_ttft_is_the_geometric_mean_of_block_medians(tiny_run: Any, make_cell: MakeCell) -> None:
    for ttft_ms in (10, 20, 1000):
        tiny_run.generation(make_cell(), 0, ttft_ms, (1, 1))
    tiny_run.generation(make_cell(), 1, 80, (1, 1))
    assert only(tiny_run).ttft_ms.estimate.value == pytest.approx(40.0)


def test_tpot_is_per_generation_and_then_over_blocks(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 10, (2, 6))
    tiny_run.generation(make_cell(), 1, 10, (8, 10))
    tpot = only(tiny_run).tpot_ms
    assert tpot is not None
    assert tpot.by_block == pytest.approx({0: 4.0, 1: 9.0})


def test_the_whole_answer_is_ttft_and_all_latencies(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 10, (2, 6))
    response = only(tiny_run).response_ms
    assert response is not None
    assert response.estimate.value == pytest.approx(18.0)


def test_prefill_rate_counts_the_batch(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(batch_size=4), 0, 20, (2, 2))
    rate = only(tiny_run).prefill_tokens_per_s
    assert rate is not None
    assert rate.estimate.value == pytest.approx(4 * 10 / 0.020)


def test_decode_rate_counts_the_batch(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(batch_size=4), 0, 20, (2, 2))
    rate = only(tiny_run).decode_tokens_per_s
    assert rate is not None
    assert rate.estimate.value == pytest.approx(4 / 0.002)


def test_an_answer_of_one_token_has_no_tpot(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=1), 0, 20)
    assert only(tiny_run).tpot_ms is None


def test_an_answer_of_one_token_is_whole_at_its_first(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=1), 0, 20)
    response = only(tiny_run).response_ms
    assert response is not None
    assert response.estimate.value == pytest.approx(20.0)


def test_warmups_do_not_count(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 900, (9, 9), warmup=True)
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    assert only(tiny_run).ttft_ms.estimate.value == pytest.approx(20.0)


def test_warmups_are_told(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 900, (9, 9), warmup=True)
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    assert only(tiny_run).warmups == 1


def test_a_cell_has_the_shape_of_what_is_timed_where_its_warm_ups_are_shorter(
    tiny_run: Any, make_cell: MakeCell
) -> None:
    cell = make_cell(new_tokens=4)
    tiny_run.planned = [cell]
    tiny_run.generation(cell, 0, 900, (9,), warmup=True, new_tokens=2)
    tiny_run.generation(cell, 0, 20, (1, 1, 1))
    found = only(tiny_run)
    assert (found.shape.new_tokens, found.generations, found.excluded, found.warmups) == (4, 1, 0, 1)


@pytest.mark.parametrize(
    "columns",
    [
        {"invalid_reason": "the machine slept"},
        {"ttft_ns": 0},
        {"ttft_ns": None},
        {"itl_ns": [1_000_000]},
        {"itl_ns": None},
    ],
    ids=["marked invalid", "no time", "null", "a step is missing", "no steps"],
)
def test_what_is_no_measurement_is_excluded_and_told(
    tiny_run: Any, make_cell: MakeCell, columns: dict[str, Any]
) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    tiny_run.generation(make_cell(), 0, 500, (7, 7), **columns)
    cell = only(tiny_run)
    assert (cell.generations, cell.excluded) == (1, 1)


def test_a_failed_row_does_not_count(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    tiny_run.generation(make_cell(), 1, None, status="failed", itl_ns=None)
    assert only(tiny_run).blocks == 1


def test_latencies_of_zero_give_no_tpot(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 20, (0, 0))
    assert only(tiny_run).tpot_ms is None


def test_rows_of_other_cells_between_do_not_mix(tiny_run: Any, make_cell: MakeCell) -> None:
    short, long = make_cell(new_tokens=2), make_cell(new_tokens=4)
    for block in (0, 1):
        tiny_run.generation(long, block, 30, (5, 5, 5))
        tiny_run.generation(short, block, 20, (2,))
    cells = {cell.new_tokens: cell.tpot_ms.estimate.value for cell in tiny_run.analyse().cells}
    assert cells == pytest.approx({2: 2.0, 4: 5.0})


def test_a_percentile_needs_five_values_beyond_it(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=51), 0, 20, [1.0] * 50)
    itl = only(tiny_run).itl_ms
    assert [itl["p90"] is None, itl["p95"] is None] == [False, True]


def test_percentiles_are_over_all_generations_together(tiny_run: Any, make_cell: MakeCell) -> None:
    for low in (0, 100):
        tiny_run.generation(make_cell(new_tokens=101), 0, 20, [low + k for k in range(1, 101)])
    assert only(tiny_run).itl_ms["p50"] == pytest.approx(100.5)


def test_latency_of_token_k_is_the_median_over_generations(tiny_run: Any, make_cell: MakeCell) -> None:
    for itl in ((1, 10), (2, 20), (6, 60)):
        tiny_run.generation(make_cell(), 0, 20, itl)
    along = only(tiny_run).along
    assert along is not None
    assert along.median == pytest.approx((2.0, 20.0))


@pytest.mark.parametrize("steps", [127, 128, 129, 1000, 1024])
def test_long_answers_are_gathered_into_bins(tiny_run: Any, make_cell: MakeCell, steps: int) -> None:
    tiny_run.generation(make_cell(new_tokens=steps + 1), 0, 20, [1.0] * steps)
    along = only(tiny_run).along
    assert along is not None
    assert 64 < len(along.token) <= 128


def test_a_bin_stands_at_the_centre_of_its_tokens(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=130), 0, 20, range(1, 130))
    along = only(tiny_run).along
    assert along is not None
    assert along.token == pytest.approx(along.median)


def test_the_histogram_holds_every_latency(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=41), 0, 20, [1.1**k for k in range(40)])
    histogram = only(tiny_run).histogram
    assert histogram is not None
    assert sum(histogram.counts) == 40


def test_the_time_of_a_repeat_is_not_that_of_its_first_ask(tiny_run: Any, make_cell: MakeCell) -> None:
    cell = replace(make_cell(), ask="again")
    tiny_run.generation(cell, 0, 100, (9, 9), warmup=True, ask="first")
    tiny_run.generation(cell, 0, 10, (1, 1), ask="again")
    found = only(tiny_run)
    assert (found.ask, round(found.ttft_ms.estimate.value, 6)) == ("again", 10)


def test_what_an_older_version_recorded_was_asked_first(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 10, (1, 1))
    assert only(tiny_run).ask == "first"


def test_every_generation_that_ran_is_kept_in_its_order(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 90, (9, 9), warmup=True)
    tiny_run.generation(make_cell(), 0, 20, (1, 2))
    tiny_run.generation(make_cell(), 0, 30, (3, 3), invalid_reason="the machine slept")
    tiny_run.generation(make_cell(), 1, None, status="failed", itl_ns=None)
    tiny_run.generation(make_cell(), 2, 40, (4, 4))
    found = [(one.block, one.use, one.ttft_ms, one.tpot_ms, one.reason) for one in only(tiny_run).series]
    assert found == [
        (0, "warm-up", 90, 9, None),
        (0, "timed", 20, 1.5, None),
        (0, "excluded", 30, 3, "the machine slept"),
        (2, "timed", 40, 4, None),
    ]


@pytest.mark.parametrize(
    ("columns", "times"),
    [({"ttft_ns": 0}, (None, 7)), ({"ttft_ns": None}, (None, 7)), ({"itl_ns": [1_000_000]}, (500, None))],
    ids=["no time", "null", "a step is missing"],
)
def test_a_time_that_a_record_lacks_is_blank(
    tiny_run: Any, make_cell: MakeCell, columns: dict[str, Any], times: tuple[float | None, float | None]
) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    tiny_run.generation(make_cell(), 0, 500, (7, 7), **columns)
    broken = only(tiny_run).series[1]
    assert (broken.use, (broken.ttft_ms, broken.tpot_ms), broken.reason) == ("excluded", times, None)


def test_an_answer_of_one_token_has_generations_without_tpot(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(new_tokens=1), 0, 20)
    assert [(one.ttft_ms, one.tpot_ms) for one in only(tiny_run).series] == [(20, None)]


def test_request_set_up_is_the_median_of_a_block_and_then_over_blocks(tiny_run: Any, make_cell: MakeCell) -> None:
    for setup_ns in (10**6, 2 * 10**6, 10**9):
        tiny_run.generation(make_cell(), 0, 2000, (1, 1), setup_ns=setup_ns)
    tiny_run.generation(make_cell(), 1, 2000, (1, 1), setup_ns=8 * 10**6)
    setup = only(tiny_run).setup_ms
    assert setup is not None
    assert setup.by_block == pytest.approx({0: 2.0, 1: 8.0})
    assert setup.estimate.value == pytest.approx(4.0)


def test_request_set_up_of_warm_ups_and_of_nulls_is_not_in_it(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1), setup_ns=9 * 10**6, warmup=True)
    tiny_run.generation(make_cell(), 0, 20, (1, 1), setup_ns=3 * 10**6)
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    tiny_run.generation(make_cell(), 1, 20, (1, 1))
    setup = only(tiny_run).setup_ms
    assert setup is not None
    assert setup.by_block == pytest.approx({0: 3.0})


def test_a_stack_that_does_not_tell_its_set_up_has_none(tiny_run: Any, make_cell: MakeCell) -> None:
    tiny_run.generation(make_cell(), 0, 20, (1, 1))
    assert only(tiny_run).setup_ms is None


NAN = math.nan


def read(**counters: list[float]) -> Costs:
    arrays: dict[str, Any] = {name: np.array(values, dtype=float) for name, values in counters.items()}
    return costs(arrays, "RAPL package-0", new_tokens=8)


def test_what_no_counter_was_read_for_is_none() -> None:
    assert read(energy_j=[NAN, NAN], npu_busy_ns=[NAN, NAN]) == Costs()


def test_a_counter_that_stood_still_is_zero() -> None:
    assert read(npu_busy_ns=[0.0, 0.0, 0.0]).npu_busy_ms == 0.0


def test_generations_without_a_reading_do_not_count() -> None:
    assert read(gpu_busy_ns=[NAN, 4e6, 2e6, 9e6]).gpu_busy_ms == 4.0


def test_a_counter_that_went_backwards_does_not_count() -> None:
    assert read(energy_j=[-5.0, 2.0]).energy_j == 2.0


def test_energy_per_token_is_that_of_the_whole_batch() -> None:
    found = read(energy_j=[4.0])
    assert (found.energy_j_per_token, found.energy_source) == (0.5, "RAPL package-0")


def test_counters_are_columns_of_the_store() -> None:
    assert set(COUNTERS) <= set(TABLES["generations"].names)


@pytest.mark.slow
def test_a_stored_run_gives_each_cell_its_costs(tmp_path: Any) -> None:
    counters = {
        "energy_j": 6.4,
        "energy_source": "RAPL package-0",
        "npu_busy_ns": 3_000_000,
        "cpu_frequency_mhz": 3100.0,
    }
    run = FakeRun(prompt_tokens=(32,), counters=counters)
    found = {cell.costs for cell in analyse_run(open_run(run.write(tmp_path))).cells}
    assert found == {Costs(6.4, 6.4 / 64, "RAPL package-0", 3.0, None, None, 3100.0)}


def test_a_run_without_counters_has_no_costs(tmp_path: Any) -> None:
    run = FakeRun(prompt_tokens=(32,)).write(tmp_path)
    assert {cell.costs for cell in analyse_run(open_run(run)).cells} == {Costs()}


def test_the_counted_generations_are_kept_one_by_one(tmp_path: Any) -> None:
    run = FakeRun(prompt_tokens=(32,), blocks=2, repeats=3).write(tmp_path)
    cell = analyse_run(open_run(run)).cells[0]
    assert {key: len(values) for key, values in cell.timed.items()} == {"ttft_ms": 6, "tpot_ms": 6}
    blocks = [sorted(cell.timed["ttft_ms"][start : start + 3])[1] for start in (0, 3)]
    assert np.allclose(sorted(blocks), sorted(cell.ttft_ms.by_block.values()))


def test_a_token_is_there_after_all_the_latencies_before_it() -> None:
    found = arrival(np.array([10.0]), np.array([[1.0, 2.0, 4.0]]))
    assert (found.token, found.median) == ((1, 2, 3, 4), (10, 11, 13, 17))


def test_the_time_to_a_token_is_the_median_over_generations() -> None:
    found = arrival(np.array([10.0, 20.0, 90.0]), np.array([[5.0], [1.0], [1.0]]))
    assert found.median == (20, 21)


def test_an_answer_of_one_token_arrives_with_it() -> None:
    found = arrival(np.array([10.0]), np.empty((1, 0)))
    assert (found.token, found.median) == ((1,), (10,))


def test_of_a_long_answer_some_tokens_are_kept_with_the_last_and_the_milestones() -> None:
    found = arrival(np.array([0.0]), np.ones((1, 2999)))
    assert len(found.token) < 60
    assert {*MILESTONES, 3000} <= set(found.token)


@pytest.mark.parametrize(("token", "time"), [(1, 10), (3, 13), (4, None), (0, None)])
def test_only_a_kept_token_has_a_time(token: int, time: float | None) -> None:
    assert arrival(np.array([10.0]), np.array([[1.0, 2.0]])).at(token) == time
