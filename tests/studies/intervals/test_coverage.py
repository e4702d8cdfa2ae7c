"""The intervals hold the truth as often as they claim, and those over pooled generations do not."""

from __future__ import annotations

import pytest

from studies.intervals.coverage import LEAST_BLOCKS, MOST_BLOCKS, coverage_tables, covered, covered_adaptively
from studies.intervals.settings import BETWEEN_RUNS, CORRELATED, ONE_LOAD, QUIET, RESTLESS, SLOW_MODE, Counts, Setting

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("blocks", [3, 10, 20])
def test_intervals_over_blocks_hold_the_truth_in_95_of_100_runs(blocks: int) -> None:
    assert 0.945 <= covered("quiet", QUIET, blocks, 3000, 1).share.value <= 0.985


@pytest.mark.parametrize("blocks", [3, 10, 20])
def test_they_do_in_nine_of_ten_runs_whose_neighbouring_blocks_are_correlated_by_a_half(blocks: int) -> None:
    noise = CORRELATED["blocks correlated by 0.5"]

    assert 0.885 <= covered("half", noise, blocks, 3000, 1).share.value <= 0.94


def test_blocks_of_a_load_alone_lie_closer_together_than_those_of_a_sweep() -> None:
    ((name, noise),) = ONE_LOAD.items()
    alone, in_a_sweep = (covered(named, noise, 10, 3000, 1).share for named in (name, "in a sweep"))

    assert alone.high < in_a_sweep.low


def test_stopping_costs_little_where_neighbours_are_correlated_by_a_half() -> None:
    noise = CORRELATED["blocks correlated by 0.5"]
    (found,) = covered_adaptively("half", noise, (0.05,), 1000, 1)

    assert 0.84 <= found.coverage.share.value <= 0.92


def test_intervals_over_pooled_generations_do_not() -> None:
    found = covered("restless", RESTLESS, 3, 1000, 1).pooled

    assert found is not None
    assert found.value < 0.8


def test_a_slow_mode_costs_short_runs_their_coverage() -> None:
    assert covered("slow", SLOW_MODE, 3, 1000, 1).share.value < 0.9


def test_a_run_stops_as_soon_as_its_interval_is_narrow_enough() -> None:
    wide, narrow = covered_adaptively("quiet", QUIET, (0.5, 0.01), 100, 1)

    assert wide.coverage.blocks == LEAST_BLOCKS < narrow.coverage.blocks < MOST_BLOCKS


def test_a_run_that_never_gets_there_ends_at_the_most_blocks() -> None:
    (found,) = covered_adaptively("restless", RESTLESS, (0.001,), 20, 1)

    assert (found.coverage.blocks, found.reached.hits) == (MOST_BLOCKS, 0)


def test_the_figures_do_not_depend_on_how_many_processes_share_the_work() -> None:
    alone, together = (coverage_tables(Setting(Counts(coverage=8), jobs=jobs))[0] for jobs in (1, 2))

    assert alone == together


def test_blocks_do_not_hold_what_differs_between_runs() -> None:
    (noise,) = BETWEEN_RUNS.values()

    assert covered("between", noise, 10, 1000, 1).share.value < 0.8
