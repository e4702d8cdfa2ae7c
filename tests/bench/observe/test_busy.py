from __future__ import annotations

import pytest

from bench.observe.busy import Busy, EngineTime, Reading


def test_nanoseconds_are_the_difference() -> None:
    before = Reading(0, {"0/render": EngineTime(100)}, {"1": EngineTime(10)})
    now = Reading(1000, {"0/render": EngineTime(350)}, {"1": EngineTime(60)})
    assert now.since(before) == Busy(250, 50, 1000, {"0": 250}, {"1": 50})


def test_cycles_are_a_share_of_the_time_between() -> None:
    before, now = Reading(0, {"ccs": EngineTime(250, 4000)}), Reading(8000, {"ccs": EngineTime(1250, 8000)})
    assert now.since(before).gpu_ns == 2000


def test_an_engine_that_was_not_there_began_from_nothing() -> None:
    before, now = Reading(0, {"copy": EngineTime(1)}), Reading(9, {"copy": EngineTime(1), "render": EngineTime(40)})
    assert now.since(before).gpu_ns == 40


@pytest.mark.parametrize("earlier", [Reading(0), Reading(0, None, None)])
def test_what_was_not_counted_before_is_not_known(earlier: Reading) -> None:
    assert Reading(9, {"render": EngineTime(40)}, {"npu": EngineTime(5)}).since(earlier) == Busy(elapsed_ns=9)


def test_a_clock_that_stood_still_is_no_division_by_zero() -> None:
    before, now = Reading(0, {"ccs": EngineTime(1, 5)}), Reading(9, {"ccs": EngineTime(2, 5)})
    assert now.since(before).gpu_ns == 0


@pytest.mark.parametrize("ran", [-1, 21_000])
def test_a_counter_that_does_what_time_cannot_is_not_believed(ran: int) -> None:
    before = Reading(0, {"0/neural": EngineTime(5_000), "0/copy": EngineTime(0)}, {"1": EngineTime(5_000)})
    now = Reading(1_000, {"0/neural": EngineTime(5_000 + ran), "0/copy": EngineTime(9)}, {"1": EngineTime(5_000 + ran)})
    assert now.since(before) == Busy(None, None, 1_000, {"0": None}, {"1": None})


def test_each_adapter_has_its_own_time_and_the_sum_is_that_of_all() -> None:
    before = Reading(0, {"0/render": EngineTime(0), "1/render": EngineTime(5), "1/copy": EngineTime(0)})
    now = Reading(100, {"0/render": EngineTime(0), "1/render": EngineTime(45), "1/copy": EngineTime(10)})
    assert (now.since(before).gpus, now.since(before).gpu_ns) == ({"0": 0, "1": 50}, 50)


def test_an_adapter_that_is_not_believed_leaves_the_other_its_time_and_no_sum() -> None:
    before = Reading(0, {"0/neural": EngineTime(9), "1/render": EngineTime(0)})
    now = Reading(100, {"0/neural": EngineTime(0), "1/render": EngineTime(40)})
    assert (now.since(before).gpus, now.since(before).gpu_ns) == ({"0": None, "1": 40}, None)


def test_an_adapter_without_a_counter_is_there_all_the_same() -> None:
    before = Reading(0, {"0/render": EngineTime(0)})
    now = Reading(100, {"0/render": EngineTime(40)}, gpus=frozenset({"0", "1"}))
    assert (now.since(before).gpus, now.since(before).gpu_ns) == ({"0": 40, "1": None}, 40)


def test_accounting_that_comes_late_is_believed() -> None:
    before, now = Reading(0, {"render": EngineTime(0)}), Reading(1_000, {"render": EngineTime(14_000)})
    assert now.since(before).gpu_ns == 14_000
