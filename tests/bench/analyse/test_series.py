from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.analyse.series import (
    alike_neighbours,
    block_medians,
    drift,
    modes,
    outlying_blocks,
    outlying_generations,
    trend,
)

Judge = Callable[[Any, Any], Any]

JUDGES: dict[str, Judge] = {
    "drift": lambda blocks, values: drift(block_medians(blocks, values)),
    "trend": trend,
    "modes": lambda blocks, values: modes(block_medians(blocks, values)),
    "blocks": lambda blocks, values: outlying_blocks(block_medians(blocks, values)),
    "generations": outlying_generations,
}


def by_block(*medians: float) -> dict[int, float]:
    return dict(enumerate(medians))


@pytest.mark.slow
@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
@pytest.mark.parametrize("count", [3, 6, 10, 20])
@pytest.mark.parametrize("spread", [0.02, 0.08])
def test_log_normal_series_are_called_in_less_than_two_of_a_hundred_cases(
    judge: Judge, count: int, spread: float
) -> None:
    random = np.random.default_rng(count)
    blocks: Any = np.repeat(np.arange(count), 3)
    called = 0
    for _ in range(300):
        processes: Any = np.repeat(random.normal(0, spread, count), 3)
        called += bool(judge(blocks, np.exp(processes + random.normal(0, 0.03, 3 * count))))
    # 12 of 300 are the 99 % point of a true rate of 2 %.
    assert called < 13


def test_a_drift_has_its_size_over_the_whole_run() -> None:
    found = drift(by_block(*np.geomspace(40, 60, 8)))
    assert found is not None
    assert found.ratio == pytest.approx(1.5)


def test_a_run_that_gets_faster_has_a_ratio_below_one() -> None:
    found = drift(by_block(*np.geomspace(60, 40, 8)))
    assert found is not None
    assert found.ratio < 1


def test_a_drift_of_two_percent_is_left_alone() -> None:
    assert drift(by_block(*np.geomspace(100, 102, 12))) is None


def test_a_bad_block_makes_no_drift() -> None:
    assert drift(by_block(40, 41, 40.5, 40.2, 90, 40.7, 40.3, 40.6)) is None


def test_a_missing_block_is_no_gap_in_time() -> None:
    found = drift({0: 40, 1: 42, 3: 46, 4: 48, 5: 50, 7: 54})
    assert found is not None
    assert found.ratio == pytest.approx(54 / 40, rel=0.05)


def test_a_trend_is_the_change_over_one_process() -> None:
    blocks: Any = np.repeat(np.arange(4), 3)
    found = trend(blocks, np.array([50, 45, 40, 51, 45, 40.5, 50, 44.5, 40, 50.5, 45, 40.2]))
    assert found is not None
    assert found.ratio == pytest.approx(0.8, abs=0.01)


def test_two_generations_a_block_have_no_trend() -> None:
    assert trend(np.repeat(np.arange(6), 2), np.tile([50.0, 40.0], 6)) is None


def test_two_modes_have_their_means_and_blocks() -> None:
    found = modes(by_block(10, 13, 10.1, 10, 13.1, 9.9, 13, 10))
    assert found is not None
    assert (found.high_blocks, round(found.low, 1), round(found.high, 1)) == ((1, 4, 6), 10.0, 13.0)


def test_modes_that_lie_close_are_left_alone() -> None:
    assert modes(by_block(10, 10.3, 10.01, 10, 10.31, 9.99, 10.3, 10)) is None


def test_a_single_slow_block_is_no_mode() -> None:
    assert modes(by_block(10, 10.1, 9.9, 10, 14, 10, 10.1, 9.9)) is None


def test_an_outlier_has_its_effect() -> None:
    (found,) = outlying_blocks(by_block(10, 10.1, 9.9, 10, 20, 10, 10.1, 9.9))
    assert (found.block, round(found.ratio, 1), round(found.without, 1)) == (4, 2.0, 10.0)
    assert found.estimate == pytest.approx(10.9, abs=0.05)


def test_a_block_ten_percent_off_is_no_outlier() -> None:
    assert outlying_blocks(by_block(10, 10.01, 9.99, 10, 11, 10, 10.01, 9.99)) == []


def test_a_quick_block_is_an_outlier_too() -> None:
    assert [one.block for one in outlying_blocks(by_block(10, 10.1, 9.9, 5, 10, 10, 10.1, 9.9))] == [3]


def test_a_generation_is_held_against_its_own_block() -> None:
    blocks: Any = np.repeat(np.arange(3), 3)
    (found,) = outlying_generations(blocks, np.array([10, 10.1, 9.9, 20, 20.2, 40, 10, 10.1, 9.9]))
    assert (found.block, found.ordinal) == (1, 2)


def test_values_that_are_all_the_same_are_no_division_by_zero() -> None:
    blocks: Any = np.repeat(np.arange(8), 3)
    assert not any(judge(blocks, np.full(24, 5.0)) for judge in JUDGES.values())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_value_says_nothing(count: int) -> None:
    blocks: Any = np.arange(count)
    assert not any(judge(blocks, np.arange(1.0, count + 1)) for judge in JUDGES.values())


# -- neighbours


def test_neighbours_are_correlated_over_all_series_together() -> None:
    # Two levels, five blocks each: the series are one another's mirror image, and correlate with the next block alike.
    up, down = by_block(*[40.0] * 5, *[44.0] * 5), by_block(*[44.0] * 5, *[40.0] * 5)
    found = alike_neighbours([up, down])
    assert found is not None
    # Of nine pairs of neighbours eight are equal and one is opposite: 8/10 - 1/10.
    assert found.correlation == pytest.approx(0.7)
    assert found.blocks == 10
    # Two of the 252 ways to place five of ten values leave one change.
    assert found.p_value == pytest.approx(2 / 252, abs=0.003)


def test_blocks_that_alternate_are_not_alike() -> None:
    assert alike_neighbours([by_block(*[40.0, 44.0] * 10)]) is None


@pytest.mark.parametrize("series", [[], [by_block(*range(40, 45))], [by_block(*[40.0] * 10)]])
def test_too_few_blocks_or_none_that_vary_tell_nothing_of_neighbours(series: list[dict[int, float]]) -> None:
    assert alike_neighbours(series) is None


def test_a_block_that_one_series_lacks_is_left_out_of_it_alone() -> None:
    whole = by_block(*np.geomspace(40, 60, 12))
    lacking = {block: value for block, value in whole.items() if block != 5}
    found = alike_neighbours([whole, lacking])
    assert found is not None
    assert found.p_value < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("count", [6, 10, 20])
def test_p_values_of_modes_and_outliers_are_those_of_series_with_heavy_tails(count: int) -> None:
    random = np.random.default_rng(count)
    below = {"modes": 0, "blocks": 0}
    for _ in range(2000):
        medians = by_block(*np.exp(0.3 * random.standard_t(5, count)))
        split, outliers = modes(medians), outlying_blocks(medians)
        below["modes"] += split is not None and split.p_value <= 0.004
        below["blocks"] += any((one.p_value or 1) <= 0.004 for one in outliers)
    # 8 are expected of each; 17 are beyond the 99.7 % point.
    assert all(found <= 17 for found in below.values())
    assert sum(below.values()) >= 4
