"""Recorded latencies are compared with those given, step by step."""

from __future__ import annotations

import pytest

from studies.overhead.schedule import Deviation, median_deviation_us, said


def test_the_median_step_counts_whichever_way_it_is_off() -> None:
    assert median_deviation_us([1_000, 5_000, 9_000], [2_000, 5_000, 1_000]) == 1.0


def test_steps_are_not_compared_with_the_wrong_ones() -> None:
    with pytest.raises(ValueError, match="shorter"):
        median_deviation_us([1_000, 2_000], [1_000])


def test_a_line_says_figure_interval_and_goal() -> None:
    (line,) = said(Deviation((1.0, 1.2, 1.1)))

    assert "1.10 us (0.85 to 1.35, 3 generations of 64 steps; goal 5 us)  within the goal" in line
