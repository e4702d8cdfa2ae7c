"""Where a level changes: what is found, what is left alone, and how often nothing is taken for something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bench.analyse.change_points import LEAST_RUNS, ChangePoint, change_points
from bench.analyse.run_noise import LEAST_SIDE, Reading

NOISE = 0.01
"""Of the runs' logarithms: 1 %."""


def noise(runs: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(0, NOISE, runs)


def step(runs: int, at: int, share: float, seed: int = 1) -> Any:
    return noise(runs, seed) + math.log1p(share) * (np.arange(runs) >= at)


def points(logs: Sequence[float], within: float = 0.0) -> list[Reading]:
    return [Reading(run, float(value), within) for run, value in enumerate(logs)]


def of_family(family: dict[str, list[Reading]], threshold: float = 0.03) -> dict[str, tuple[ChangePoint, ...]]:
    return change_points({"tpot_ms": family}, threshold)["tpot_ms"]


def found(logs: Sequence[float], threshold: float = 0.03) -> tuple[ChangePoint, ...]:
    return of_family({"cell": points(logs)}, threshold)["cell"]


def places(logs: Sequence[float], threshold: float = 0.03) -> list[int]:
    return [one.index for one in found(logs, threshold)]


# -- nothing changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "tails"), [(10, None), (20, None), (20, 3)], ids=["10 runs", "20 runs", "20 runs with heavy tails"]
)
def test_of_series_without_a_change_one_in_twenty_is_called(runs: int, tails: int | None) -> None:
    random = np.random.default_rng(7)
    draws = [random.normal(0, 1, runs) if tails is None else random.standard_t(tails, runs) for _ in range(200)]
    called = sum(bool(found(NOISE * draw, threshold=0)) for draw in draws)
    # The 99.9 % quantile of a binomial count of 200 with 5 %.
    assert called <= 20


@pytest.mark.slow
def test_of_families_without_a_change_one_in_twenty_has_a_call() -> None:
    random = np.random.default_rng(8)
    called = 0
    for _ in range(100):
        shared = random.normal(0, NOISE, 12)
        family = {str(cell): points(shared + random.normal(0, NOISE, 12)) for cell in range(10)}
        called += any(of_family(family, 0).values())
    # The 99.9 % quantile of a binomial count of 100 with 5 %.
    assert called <= 13


def autoregression(random: Any, runs: int, series: int, phi: float) -> Any:
    """[runs, series] of variance 1."""
    drawn = random.normal(0, 1, (runs, series))
    for run in range(1, runs):
        drawn[run] = phi * drawn[run - 1] + math.sqrt(1 - phi**2) * drawn[run]
    return drawn


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.2, 0.4])
@pytest.mark.parametrize("runs", [10, 20, 50])
def test_runs_that_are_like_the_one_before_are_no_change(runs: int, phi: float) -> None:
    logs = NOISE * autoregression(np.random.default_rng(9), runs, 200, phi)
    called = sum(bool(found(logs[:, one], threshold=0)) for one in range(200))
    # The 99.9 % quantile of a binomial count of 200 with 5 %.
    assert called <= 20


@pytest.mark.slow
def test_a_long_wandering_series_is_rarely_called() -> None:
    logs = NOISE * autoregression(np.random.default_rng(9), 50, 60, 0.8)
    # Two thirds of them have a call where phi is taken to be 0.4 whatever the runs show.
    assert sum(bool(found(logs[:, one], threshold=0)) for one in range(60)) <= 20


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.4])
def test_a_mood_that_all_cells_share_is_no_change(phi: float) -> None:
    random = np.random.default_rng(10)
    called = 0
    for _ in range(60):
        moods = 0.03 * autoregression(random, 12, 2, phi)
        groups = {
            metric: {
                str(cell): points(logs)
                for cell, logs in enumerate((moods[:, [place]] + random.normal(0, NOISE, (12, 21))).T)
            }
            for place, metric in enumerate(("ttft_ms", "tpot_ms"))
        }
        called += any(any(one.values()) for one in change_points(groups, 0).values())
    # The 99.9 % quantile of a binomial count of 60 with 5 %.
    assert called <= 9


@pytest.mark.slow
def test_ten_quick_and_then_ten_thorough_runs_are_no_change() -> None:
    random = np.random.default_rng(11)
    within: Any = 0.03**2 / np.array([3] * 10 + [20] * 10)
    called = 0
    for _ in range(200):
        logs: Any = random.normal(0, np.sqrt(within))
        cell = [
            Reading(run, float(log), float(variance))
            for run, (log, variance) in enumerate(zip(logs, within, strict=True))
        ]
        called += bool(of_family({"cell": cell}, 0)["cell"])
    # The 99.9 % quantile of a binomial count of 200 with 5 %.
    assert called <= 20


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
    assert of_family({}, 0.03) == {}


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
    assert {tuple(one.index for one in calls) for calls in of_family(family, 0.03).values()} == {(6,)}


def test_a_cell_that_did_not_change_is_left_alone_beside_one_that_did() -> None:
    family = {"changed": points(step(20, 9, 0.2, 1)), "same": points(noise(20, 2))}
    assert {name: len(calls) for name, calls in of_family(family, 0.03).items()} == {"changed": 1, "same": 0}


def moody(runs: int, cells: int, seed: int, spread: float = 0.06) -> Any:
    """[runs, cells] cells that differ by 1 % where whole runs differ by more."""
    random = np.random.default_rng(seed)
    return random.normal(0, spread, (runs, 1)) + random.normal(0, NOISE, (runs, cells))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_change_of_one_cell_is_found_below_what_all_cells_share(seed: int) -> None:
    logs = moody(40, 9, seed)
    logs[20:, 3] += math.log(1.06)
    calls = of_family({str(cell): points(logs[:, cell]) for cell in range(9)})
    assert [name for name, changes in calls.items() if changes] == ["3"]
    # Alone the cell shows nothing.
    assert places(logs[:, 3]) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_change_of_the_whole_machine_is_one_of_every_cell(seed: int) -> None:
    logs = moody(20, 9, seed, 0.01)
    logs[12:] += math.log(1.1)
    calls = of_family({str(cell): points(logs[:, cell]) for cell in range(9)})
    assert {tuple(one.index for one in changes) for changes in calls.values()} == {(12,)}


@pytest.mark.parametrize("changed", [2, 3, 4, 6])
def test_cells_that_did_not_change_are_left_alone_however_many_did(changed: int) -> None:
    logs = moody(20, 6, 1, 0.01)
    logs[12:, :changed] += math.log(1.2)
    calls = of_family({str(cell): points(logs[:, cell]) for cell in range(6)})
    assert [name for name, changes in calls.items() if changes] == [str(cell) for cell in range(changed)]


def test_a_metric_has_its_own_mood() -> None:
    logs = moody(20, 6, 1, 0.01)
    slowed = logs + math.log(1.2) * (np.arange(20) >= 12)[:, None]
    groups = {
        metric: {str(cell): points(series) for cell, series in enumerate(of_metric.T)}
        for metric, of_metric in {"ttft_ms": slowed, "tpot_ms": logs}.items()
    }
    found_in = {metric: sum(map(bool, calls.values())) for metric, calls in change_points(groups, 0.03).items()}
    assert found_in == {"ttft_ms": 6, "tpot_ms": 0}


def test_a_run_of_more_blocks_counts_more() -> None:
    """A step that runs of many blocks show is not hidden by runs of few that scatter around it."""
    random = np.random.default_rng(2)
    within: Any = 0.06**2 / np.array([1, 20] * 10)
    logs: Any = random.normal(0, np.sqrt(within)) + math.log(1.06) * (np.arange(20) >= 10)
    told = [
        Reading(run, float(log), float(variance)) for run, (log, variance) in enumerate(zip(logs, within, strict=True))
    ]
    assert [bool(of_family({"cell": one})["cell"]) for one in (told, points(logs))] == [True, False]


def test_series_of_different_runs_are_judged_together() -> None:
    family = {
        "long": points(step(40, 20, 0.1, 1)),
        "every other": points(step(40, 20, 0.1, 2))[::2],
        "short": points(noise(4)),
    }
    calls = {name: [one.index for one in calls] for name, calls in of_family(family, 0.03).items()}
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
    sharp, faint = (found(step(40, 20, share, seed=10))[0].around for share in (0.3, 0.02))
    assert (sharp, len(faint) > 1) == ((20,), True)


def test_the_same_series_gives_the_same_answer() -> None:
    assert found(step(20, 12, 0.03)) == found(step(20, 12, 0.03))


def test_the_p_value_is_at_most_one_in_twenty() -> None:
    assert all(0 < one.p_value <= 0.05 for one in found(step(20, 12, 0.05)))
