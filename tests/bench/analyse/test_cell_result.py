from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.analyse.results import CellResult
from bench.plan.cells import Cell

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
