"""Where a level changes: what is found, what is left alone, and how often nothing is taken for something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bench.analyse.change_points import LEAST_RUNS, LEAST_SIDE, ChangePoint, change_points

NOISE = 0.01
"""Of the runs' logarithms: 1 %."""


def noise(runs: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(0, NOISE, runs)


def step(runs: int, at: int, share: float, seed: int = 1) -> Any:
    return noise(runs, seed) + math.log1p(share) * (np.arange(runs) >= at)


def points(logs: Sequence[float]) -> list[tuple[int, float]]:
    return [(run, float(value)) for run, value in enumerate(logs)]


def found(logs: Sequence[float], threshold: float = 0.03) -> tuple[ChangePoint, ...]:
    return change_points({"cell": points(logs)}, threshold)["cell"]


def places(logs: Sequence[float], threshold: float = 0.03) -> list[int]:
    return [one.index for one in found(logs, threshold)]


# -- nothing changed


@pytest.mark.parametrize(
    ("runs", "tails"), [(10, None), (20, None), (20, 3)], ids=["10 runs", "20 runs", "20 runs with heavy tails"]
)
def test_of_series_without_a_change_one_in_twenty_is_called(runs: int, tails: int | None) -> None:
    random = np.random.default_rng(7)
    draws = [random.normal(0, 1, runs) if tails is None else random.standard_t(tails, runs) for _ in range(200)]
    called = sum(bool(found(NOISE * draw, threshold=0)) for draw in draws)
    # The 99.9 % quantile of a binomial count of 200 with 5 %.
    assert called <= 20


def test_of_families_without_a_change_one_in_twenty_has_a_call() -> None:
    random = np.random.default_rng(8)
    called = 0
    for _ in range(100):
        shared = random.normal(0, NOISE, 12)
        family = {str(cell): points(shared + random.normal(0, NOISE, 12)) for cell in range(10)}
        called += any(change_points(family, 0).values())
    # The 99.9 % quantile of a binomial count of 100 with 5 %.
    assert called <= 13


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("at", [0, 1, 10, 17, 19])
def test_a_single_outlier_is_no_change_point(at: int, seed: int) -> None:
    logs = noise(20, seed)
    logs[at] += 0.5
    assert places(logs) == []


@pytest.mark.parametrize("runs", range(LEAST_RUNS))
def test_a_short_series_has_none(runs: int) -> None:
    assert places([0.0] * (runs // 2) + [1.0] * (runs - runs // 2)) == []


def test_equal_values_are_no_change() -> None:
    assert places([math.log(12.3)] * 30) == []


def test_no_series_gives_nothing() -> None:
    assert change_points({}, 0.03) == {}


# -- something changed


def test_one_step_is_found_at_its_place() -> None:
    (one,) = found(step(20, 12, 0.05))
    assert (one.index, one.gradual) == (12, False)


def test_the_size_of_a_step_is_told_as_a_ratio() -> None:
    assert found(step(20, 12, 0.05))[0].ratio == pytest.approx(1.05, abs=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_a_step_of_five_sigma_is_found_within_a_run(seed: int) -> None:
    assert {11, 12, 13}.intersection(places(step(20, 12, 0.05, seed)))


@pytest.mark.parametrize("share", [-0.05, 0.3, -0.6])
def test_either_direction_and_any_size_is_found(share: float) -> None:
    assert places(step(20, 9, share)) == [9]


def test_a_step_is_called_once_three_runs_lie_behind_it() -> None:
    assert [places(step(runs, 15, 0.1)) for runs in (15 + LEAST_SIDE - 1, 15 + LEAST_SIDE)] == [[], [15]]


def test_the_shortest_series_can_show_a_change() -> None:
    assert places(step(LEAST_RUNS, LEAST_RUNS // 2, 0.3)) == [LEAST_RUNS // 2]


def test_a_level_that_went_again_is_two_changes() -> None:
    assert places(step(30, 10, 0.08) - math.log1p(0.08) * (np.arange(30) >= 20)) == [10, 20]


def test_steps_of_a_staircase_are_all_found() -> None:
    assert places(step(40, 12, 0.05) + math.log1p(0.08) * (np.arange(40) >= 26)) == [12, 26]


def test_many_cells_do_not_hide_a_change_of_few_runs() -> None:
    family = {str(cell): points(step(10, 6, 0.3, seed=cell)) for cell in range(40)}
    assert {tuple(one.index for one in calls) for calls in change_points(family, 0.03).values()} == {(6,)}


def test_a_cell_that_did_not_change_is_left_alone_beside_one_that_did() -> None:
    family = {"changed": points(step(20, 9, 0.2, 1)), "same": points(noise(20, 2))}
    assert {name: len(calls) for name, calls in change_points(family, 0.03).items()} == {"changed": 1, "same": 0}


def test_series_of_different_runs_are_judged_together() -> None:
    family = {
        "long": points(step(40, 20, 0.1, 1)),
        "every other": points(step(40, 20, 0.1, 2))[::2],
        "short": points(noise(4)),
    }
    calls = {name: [one.index for one in calls] for name, calls in change_points(family, 0.03).items()}
    assert calls == {"long": [20], "every other": [10], "short": []}


def test_a_change_below_half_the_threshold_is_not_called() -> None:
    logs = step(60, 30, 0.02)
    assert (places(logs, 0.03), places(logs, 0.05)) == ([30], [])


def test_a_slow_drift_is_called_gradual() -> None:
    calls = found(0.5 * noise(40) + np.linspace(0, 0.1, 40))
    assert {one.gradual for one in calls} == {True}


def test_a_step_in_quiet_runs_is_not_gradual() -> None:
    assert [one.gradual for one in found([0.0] * 10 + [0.05] * 10)] == [False]


def test_a_faint_step_may_lie_at_several_places() -> None:
    sharp, faint = (found(step(40, 20, share, seed=3))[0].around for share in (0.3, 0.02))
    assert (sharp, len(faint) > 1) == ((20,), True)


def test_the_same_series_gives_the_same_answer() -> None:
    assert found(step(20, 12, 0.03)) == found(step(20, 12, 0.03))


def test_the_p_value_is_at_most_one_in_twenty() -> None:
    assert all(0 < one.p_value <= 0.05 for one in found(step(20, 12, 0.05)))
