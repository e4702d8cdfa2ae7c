"""The noise: each level multiplies by a factor of its own, and what cannot be is refused."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from random import Random

import pytest

from backends.noise import Noise, log_deviation


@pytest.mark.parametrize("level", ["run", "process", "generation", "step"])
def test_a_machine_without_noise_changes_nothing(level: str) -> None:
    assert getattr(Noise(), level)(Random(1)) == 1


@pytest.mark.parametrize(
    ("noise", "draw"),
    [
        (Noise(run_spread=0.1), Noise.run),
        (Noise(process_spread=0.1), Noise.process),
        (Noise(generation_spread=0.1), Noise.generation),
        (Noise(spread=0.1), Noise.step),
    ],
)
def test_a_level_has_the_spread_that_it_is_given(noise: Noise, draw: Callable[[Noise, Random], float]) -> None:
    drawn = Random(1)
    logs = [math.log(draw(noise, drawn)) for _ in range(20_000)]

    assert statistics.stdev(logs) == pytest.approx(log_deviation(0.1), rel=0.03)


def test_a_share_of_the_processes_is_in_the_slow_mode() -> None:
    drawn, noise = Random(1), Noise(slow_share=0.25, slow_factor=2.0)
    factors = [noise.process(drawn) for _ in range(20_000)]

    assert set(factors) == {1.0, 2.0}
    assert factors.count(2.0) / 20_000 == pytest.approx(0.25, abs=0.01)


def test_a_share_of_the_steps_is_held_up() -> None:
    drawn, noise = Random(1), Noise(tail_share=0.1, tail_factor=3.0)
    factors = [noise.step(drawn) for _ in range(20_000)]

    assert set(factors) == {1.0, 3.0}
    assert factors.count(3.0) / 20_000 == pytest.approx(0.1, abs=0.01)


@pytest.mark.slow
def test_moments_have_the_spread_and_the_correlation_that_they_are_given() -> None:
    noise = Noise(correlated_spread=0.1, correlation_time_s=40.0)
    logs = [[math.log(noise.moment(1e9 + time_s, str(seed))) for time_s in (0, 20, 40)] for seed in range(3000)]
    first, half, whole = zip(*logs, strict=True)

    assert statistics.stdev(first) == pytest.approx(log_deviation(0.1), rel=0.04)
    assert statistics.correlation(first, half) == pytest.approx(math.exp(-0.5), abs=0.03)
    assert statistics.correlation(first, whole) == pytest.approx(math.exp(-1), abs=0.04)


def test_a_moment_is_the_same_for_every_process_of_a_run_and_another_in_another_run() -> None:
    noise = Noise(correlated_spread=0.1)

    assert noise.moment(1e9, "run") == noise.moment(1e9, "run") != noise.moment(1e9, "other")


def test_drift_rises_and_falls_by_what_it_is_given() -> None:
    noise = Noise(drift=0.05, drift_period_s=100.0)

    assert [noise.at(time_s) for time_s in (0, 25, 75)] == pytest.approx([1, 1.05, 1 / 1.05])


@pytest.mark.parametrize(
    "asked",
    [
        {"spread": -0.1},
        {"spread": math.nan},
        {"tail_share": 1.5},
        {"slow_factor": 0.0},
        {"drift_period_s": 0.0},
        {"correlation_time_s": 0.0},
        {"process_spread": math.inf},
    ],
)
def test_a_number_that_cannot_be_is_named(asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(asked))):
        Noise(**asked)
