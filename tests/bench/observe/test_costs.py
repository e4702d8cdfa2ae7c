from __future__ import annotations

from bench.observe.costs import observers
from bench.observe.gauges import Instruments


def test_every_observer_has_a_source_and_a_cost_or_is_null() -> None:
    found = observers(Instruments())
    assert all(one is None or (one["source"] and one["cost_us"] >= 0) for one in found.values())


def test_the_memory_of_a_worker_can_be_read_everywhere() -> None:
    assert observers(Instruments())["memory"] is not None


def test_each_observer_of_the_store_is_named() -> None:
    expected = {"memory", "cpu_time", "gpu_busy", "npu_busy", "device_memory", "energy", "cpu_frequency"}
    assert expected <= observers(Instruments()).keys()
