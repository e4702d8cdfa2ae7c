"""Identical software is rarely called different, but for what a single pair of runs cannot know."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest

from studies.intervals.agreement import Agreement, Scenario, agreement_tables, agreements, scenarios
from studies.intervals.settings import HALF_CORRELATED, QUIET, TAILS, Counts, Setting

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def between() -> dict[str, Agreement]:
    """With 2 % between runs."""
    noise = replace(QUIET, run_spread=0.02)
    return {one.way: one for one in agreements(Scenario("2 %", noise, 7, 7), 30, 1)}


def test_on_a_quiet_machine_no_way_calls_a_cell_in_twenty() -> None:
    found = agreements(Scenario("quiet", QUIET), 30, 1)

    assert all(statistics.fmean(one.cells) <= 0.05 for one in found)


def test_neighbours_that_are_correlated_by_a_half_do_not_make_two_runs_differ() -> None:
    ((name, noise),) = HALF_CORRELATED.items()
    found = {one.way: one for one in agreements(Scenario(name, noise), 60, 1)}

    assert all(statistics.fmean(one.cells) <= 0.05 for one in found.values())


def test_two_runs_alone_call_what_differs_between_runs(between: dict[str, Agreement]) -> None:
    assert statistics.fmean(between["compare"].cells) > 0.2


@pytest.mark.parametrize("way", ["ab", "gate, 5 runs", "gate, 12 runs", "compare, 10 earlier runs known"])
def test_ways_that_know_what_differs_between_runs_do_not_call_it(between: dict[str, Agreement], way: str) -> None:
    assert statistics.fmean(between[way].cells) <= 0.05


def test_a_block_that_is_held_up_now_and_then_does_not_fail_a_gate() -> None:
    found = {one.way: one for one in agreements(Scenario("tails", TAILS), 40, 1)}

    assert [found[f"gate, {count} runs"].any_slower.hits for count in (5, 12)] == [0, 0]


def test_a_gate_is_counted_by_what_is_slower_too(between: dict[str, Agreement]) -> None:
    assert all(one.any_slower.hits <= one.any_call.hits for one in between.values())


def test_the_table_has_a_row_for_each_noise_and_way() -> None:
    setting = Setting(Counts(comparisons=2))
    (table,) = agreement_tables(setting)

    assert len(table.rows) == 5 * len(scenarios(setting))
