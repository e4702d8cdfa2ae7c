"""A verdict is only given where the interval lies on one side of the goal."""

from __future__ import annotations

import pytest

from bench.analyse.interval import Estimate
from studies.overhead.figures import mean_interval, verdict


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.998, 1.002, "within the goal"),
        (1.006, 1.020, "outside the goal"),
        (0.950, 0.990, "outside the goal"),
        (0.990, 1.010, "cannot tell"),
        (1.001, 1.006, "cannot tell"),
        (None, None, "cannot tell"),
    ],
)
def test_the_interval_decides(low: float | None, high: float | None, said: str) -> None:
    assert verdict(Estimate(1.0, low, high, 40), 0.005) == said


def test_the_interval_of_a_mean_is_students() -> None:
    # t(0.975, 4) = 2.776, standard error = sqrt(2.5 / 5)
    assert mean_interval([1, 2, 3, 4, 5]) == pytest.approx((3, 3 - 1.9632, 3 + 1.9632), abs=1e-3)


def test_equal_values_have_an_interval_without_width() -> None:
    assert mean_interval([0, 0, 0]) == (0, 0, 0)
