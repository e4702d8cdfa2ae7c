from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from bench.observe import gauges as module
from bench.observe.busy import Busy, EngineTime, Reading
from bench.observe.gauges import SUSPENDED, Gauged, Gauges, Instruments, counters_of
from bench.observe.machine_conditions import ConditionReader


class Meter:
    source = "a meter"

    def __init__(self, *joules: float | None) -> None:
        self._joules: Iterator[float | None] = iter(joules)

    def read_j(self) -> float | None:
        return next(self._joules)


class Stub:
    """The counters of a machine that has a clock and device memory, and no busy time."""

    clock_source = "a clock"
    closed = False

    def __init__(self, *held: int | None) -> None:
        self._held = iter(held)

    def busy(self) -> Reading:
        return Reading(0)

    def begin_clock(self) -> None:
        pass

    def clock_mhz(self) -> float | None:
        return 3000.0

    def device_memory_bytes(self) -> int | None:
        return next(self._held)

    def close(self) -> None:
        self.closed = True


def gauges(meter: Meter | None = None, counters: Stub | None = None) -> Gauges:
    return Gauges(os.getpid(), ConditionReader(), meter, counters or Stub())  # type: ignore[arg-type]


def around(one: Gauges) -> Gauged:
    one.begin()
    one.end()
    return one.gauged


def test_energy_is_the_difference_with_its_source() -> None:
    found = around(gauges(Meter(10.0, 12.5)))
    assert (found.energy_j, found.energy_source, found.cpu_frequency_mhz) == (2.5, "a meter", 3000.0)


def test_busy_time_is_that_between_the_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Reading(10, npu={"0": EngineTime(2)}), Reading(30, npu={"0": EngineTime(9)})])
    monkeypatch.setattr(Stub, "busy", lambda _: next(readings))
    assert around(gauges()).busy == Busy(None, 7, 20, {}, {"0": 7})


@pytest.mark.parametrize("meter", [None, Meter(1.0, None), Meter(None, 1.0)])
def test_energy_that_cannot_be_read_has_no_source_either(meter: Meter | None) -> None:
    found = around(gauges(meter))
    assert (found.energy_j, found.energy_source) == (None, None)


@pytest.mark.fault("suspend")
def test_a_generation_during_which_the_machine_slept_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = iter((100.0, 160.0))
    monkeypatch.setattr(module, "slept_s", lambda: next(slept))
    assert around(gauges()).invalid_reason == SUSPENDED


@pytest.mark.parametrize("slept_s", [None, 0.0, 0.03])
def test_a_generation_without_sleep_counts(slept_s: float | None) -> None:
    assert Gauged(slept_s=slept_s).invalid_reason is None


def test_the_most_device_memory_is_kept() -> None:
    one = gauges(counters=Stub(5, 9, None, 7))
    for _ in range(4):
        one.read_device_memory()
    assert one.device_memory_bytes == 9


def test_device_memory_that_no_counter_tells_is_not_measured() -> None:
    one = gauges(counters=Stub(None))
    one.read_device_memory()
    assert one.device_memory_bytes is None


def test_closing_lets_go_and_tells_the_conditions() -> None:
    counters = Stub()
    after = gauges(counters=counters).close()
    assert (counters.closed, after.memory_bytes > 0) == (True, True)


def test_a_runs_instruments_make_gauges_of_this_machine() -> None:
    one = Instruments().gauges(os.getpid(), "CPU", None)
    found = around(one)
    one.close()
    assert found.invalid_reason is None


def test_this_system_counts_for_this_process() -> None:
    with closing(counters_of(os.getpid(), "GPU", None)) as counters:
        before = counters.busy()
        counters.begin_clock()
        busy, megahertz, held = counters.busy().since(before), counters.clock_mhz(), counters.device_memory_bytes()
    assert busy.npu_ns is None or busy.npu_ns >= 0
    assert megahertz is None or megahertz > 0
    assert held is None or held >= 0
