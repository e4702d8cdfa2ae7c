from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bench.analyse.adaptive import Adaptive, Medians, Rule, narrow_enough

RULE = Rule(target=0.05, least_blocks=8)
STEADY = [100.0, 101.0, 99.0, 100.0, 101.0, 99.0, 100.0, 100.0]
WILD = [100.0, 140.0, 70.0, 120.0, 90.0, 60.0, 150.0, 110.0]


def medians(ttft: Sequence[float], tpot: Sequence[float] = ()) -> Medians:
    return Medians(dict(enumerate(ttft)), dict(enumerate(tpot)))


def run(series: dict[str, Sequence[float]], rule: Rule = RULE, **settings: Any) -> tuple[Adaptive, dict[str, int]]:
    """Play a run; how many blocks each cell was measured in."""
    adaptive = Adaptive(rule, series, **settings)
    measured = dict.fromkeys(series, 0)
    for block in range(max(map(len, series.values()))):
        for key, values in series.items():
            if adaptive.skip_reason(key, block) is None:
                measured[key] += 1
                adaptive.add(key, block, [values[block]], [])
    return adaptive, measured


def test_steady_blocks_are_narrow_enough() -> None:
    assert narrow_enough(medians(STEADY, STEADY), RULE)


@pytest.mark.parametrize(("ttft", "tpot"), [(WILD, STEADY), (STEADY, WILD)])
def test_both_metrics_have_to_be_narrow_enough(ttft: list[float], tpot: list[float]) -> None:
    assert not narrow_enough(medians(ttft, tpot), RULE)


def test_one_new_token_is_judged_by_its_first_token_alone() -> None:
    assert narrow_enough(medians(STEADY), RULE)


def test_fewer_than_the_least_blocks_are_never_enough() -> None:
    assert not narrow_enough(medians(STEADY[:7]), RULE)


def test_a_cell_whose_blocks_failed_in_part_needs_as_many_good_ones() -> None:
    assert not narrow_enough(Medians({block: 100.0 for block in range(10) if block % 3}), RULE)


def test_blocks_that_do_not_differ_at_all_are_enough() -> None:
    assert narrow_enough(medians([5.0] * 8), RULE)


def test_half_the_interval_is_what_counts() -> None:
    # Eight blocks of ln m = +- s: s * sqrt(8 / 7) / sqrt(8) * t(7) = ln 1.05 at the limit.
    limit = 0.04879 / 2.364624 * 7**0.5
    ends = [[2.718281828 ** (sign * limit * wide) for sign in (1, -1) * 4] for wide in (0.99, 1.01)]
    assert [narrow_enough(medians(values), RULE) for values in ends] == [True, False]


def test_a_settled_cell_is_spared_and_the_other_goes_on() -> None:
    adaptive, measured = run({"steady": [*STEADY, *STEADY], "wild": [*WILD, *WILD]})
    assert (measured, adaptive.skip_reason("steady", 16)) == ({"steady": 8, "wild": 16}, "target reached")


def test_a_cell_is_judged_between_blocks_alone() -> None:
    adaptive = Adaptive(RULE, ["a"])
    for block, value in enumerate(STEADY):
        adaptive.skip_reason("a", block)
        adaptive.add("a", block, [value], [])
    assert (adaptive.skip_reason("a", 7), adaptive.skip_reason("a", 8)) == (None, "target reached")


def test_a_cell_without_any_number_is_given_up_after_the_least_blocks() -> None:
    adaptive = Adaptive(RULE, ["broken"])
    assert [adaptive.skip_reason("broken", block) for block in (7, 8)] == [None, "no number in any block so far"]


def test_nothing_is_begun_after_the_time_is_spent() -> None:
    ticks = iter([0.0, 1.0, 59.0, 60.0])
    adaptive = Adaptive(Rule(0.05, 8, max_time_s=60), ["a"], clock=lambda: next(ticks))
    assert [adaptive.skip_reason("a", 0) for _ in range(3)] == [None, None, "time is spent"]


def test_time_that_was_spent_before_counts() -> None:
    adaptive = Adaptive(Rule(0.05, 8, max_time_s=100), ["a"], clock=lambda: 0.0)
    adaptive.spend(99)
    assert adaptive.skip_reason("a", 0) is None
    adaptive.spend(1)
    assert adaptive.skip_reason("a", 0) == "time is spent"


def test_a_block_counts_by_its_median() -> None:
    adaptive = Adaptive(RULE, ["a"])
    for block in range(8):
        adaptive.skip_reason("a", block)
        adaptive.add("a", block, [100.0, 100.0 + block % 2, 900.0 * (block + 1)], [])
    assert adaptive.skip_reason("a", 8) == "target reached"


def test_a_run_whose_cells_all_settled_was_ended_by_the_target() -> None:
    adaptive, _ = run({"a": STEADY, "b": STEADY})
    assert adaptive.record(whole=True) == {
        "target": 0.05,
        "ended_by": "target",
        "blocks": 8,
        "cells": 2,
        "reached": 2,
        "not_reached": [],
    }


def test_a_run_that_used_up_its_blocks_names_what_did_not_settle() -> None:
    adaptive, _ = run({"a": STEADY, "b": WILD})
    record = adaptive.record(whole=True)
    assert (record["ended_by"], record["reached"], record["not_reached"]) == ("max-blocks", 1, ["b"])


def test_a_run_that_used_up_its_time_says_so() -> None:
    adaptive, _ = run({"a": WILD}, Rule(0.05, 8, max_time_s=3), clock=iter([0.0, *range(20)]).__next__)
    assert adaptive.record(whole=True)["ended_by"] == "max-time"


def test_a_run_that_was_stopped_was_ended_by_none_of_them() -> None:
    adaptive, _ = run({"a": WILD[:3]})
    assert adaptive.record(whole=False)["ended_by"] is None


def test_what_has_no_number_did_not_reach_the_target_and_does_not_keep_the_run_going() -> None:
    adaptive = Adaptive(RULE, ["a", "broken"])
    for block, value in enumerate(STEADY):
        adaptive.skip_reason("a", block)
        adaptive.add("a", block, [value], [])
    record = adaptive.record(whole=True)
    assert (record["ended_by"], record["not_reached"]) == ("target", ["broken"])


def test_a_cell_waits_for_the_one_that_it_is_compared_with() -> None:
    adaptive = Adaptive(RULE, ["a", "b"], twins=[["a", "b"]])
    for block in range(RULE.least_blocks):
        adaptive.add("a", block, [10.0 + 0.01 * block], [])
        adaptive.add("b", block, [10.0 * (1 + block)], [])
    assert adaptive.skip_reason("a", RULE.least_blocks) is None
