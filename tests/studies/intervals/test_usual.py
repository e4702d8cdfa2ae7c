"""What the usual ways would have concluded on the same runs."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest

from studies.intervals.settings import QUIET, RESTLESS, Counts, Setting
from studies.intervals.usual import WAYS, Usual, usual, usual_tables

pytestmark = pytest.mark.slow


def latencies(*cells: float) -> Any:
    """Ten blocks of five generations of four tokens, with a little noise."""
    drawn = np.random.default_rng(1)
    return np.array(cells)[:, None, None, None] * drawn.normal(1, 0.001, (len(cells), 10, 5, 4))


@pytest.fixture(scope="module")
def restless() -> dict[str, Usual]:
    return {one.way: one for one in usual("restless", RESTLESS, 20, 1)}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_calls_what_takes_twice_as_long(way: str) -> None:
    assert WAYS[way](latencies(2, 1), latencies(1, 1))[0] == 1


@pytest.mark.parametrize("way", [name for name in WAYS if not name.startswith("compare-fail")])
def test_each_way_but_a_gate_calls_what_takes_half_as_long(way: str) -> None:
    assert WAYS[way](latencies(1, 1), latencies(2, 1))[0] == -1


@pytest.mark.parametrize("way", [name for name in WAYS if name.startswith("compare-fail")])
def test_a_gate_takes_no_notice_of_what_takes_half_as_long(way: str) -> None:
    assert WAYS[way](latencies(1, 1), latencies(2, 1))[0] == 0


def test_a_t_test_over_tokens_calls_most_of_what_is_identical(restless: dict[str, Usual]) -> None:
    assert statistics.fmean(restless["Student's t over tokens"].cells) > 0.5


def test_compare_calls_little_of_what_is_identical(restless: dict[str, Usual]) -> None:
    assert statistics.fmean(restless["compare"].cells) <= 0.05


def test_on_a_quiet_machine_this_projects_ways_find_what_means_of_three_miss() -> None:
    found = {one.way: one.found.value for one in usual("quiet", QUIET, 40, 1)}

    assert min(found["compare"], found["ab"]) > found["mean of three runs, > 5 %"]


def test_the_table_has_each_way_on_each_noise() -> None:
    (table,) = usual_tables(Setting(Counts(comparisons=2)))

    assert len(table.rows) == 5 * (len(WAYS) + 2)
