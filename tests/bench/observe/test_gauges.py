from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bench.observe import gauges as module
from bench.observe.busy import Busy, EngineTime, Reading
from bench.observe.busy_counters import busy_counters
from bench.observe.conditions import ConditionReader
from bench.observe.gauges import SUSPENDED, Gauged, Gauges, Instruments


class Meter:
    source = "a meter"

    def __init__(self, *joules: float | None) -> None:
        self._joules: Iterator[float | None] = iter(joules)

    def read_j(self) -> float | None:
        return next(self._joules)


class Clock:
    source = "a clock"
    closed = False

    def begin(self) -> None:
        pass

    def end_mhz(self) -> float | None:
        return 3000.0

    def close(self) -> None:
        self.closed = True


class Memory:
    def __init__(self, *held: int | None) -> None:
        self._held = iter(held)
        self.closed = False

    def read_bytes(self) -> int | None:
        return next(self._held)

    def close(self) -> None:
        self.closed = True


def gauges(meter: Meter | None = None, memory: Memory | None = None, clock: Clock | None = None) -> Gauges:
    return Gauges(
        os.getpid(), ConditionReader(), meter, busy_counters(os.getpid()), clock or Clock(), memory or Memory()
    )


def around(one: Gauges) -> Gauged:
    one.begin()
    return one.end()


def test_energy_is_the_difference_with_its_source() -> None:
    found = around(gauges(Meter(10.0, 12.5)))
    assert (found.energy_j, found.energy_source, found.cpu_frequency_mhz) == (2.5, "a meter", 3000.0)


def test_busy_time_is_that_between_the_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    one = gauges()
    readings = iter([Reading(10, npu={"0": EngineTime(2)}), Reading(30, npu={"0": EngineTime(9)})])
    monkeypatch.setattr(one._busy, "read", lambda: next(readings))
    assert around(one).busy == Busy(None, 7, 20, {}, {"0": 7})


@pytest.mark.parametrize("meter", [None, Meter(1.0, None), Meter(None, 1.0)])
def test_energy_that_cannot_be_read_has_no_source_either(meter: Meter | None) -> None:
    found = around(gauges(meter))
    assert (found.energy_j, found.energy_source) == (None, None)


def test_a_generation_during_which_the_machine_slept_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = iter((100.0, 160.0))
    monkeypatch.setattr(module, "slept_s", lambda: next(slept))
    assert around(gauges()).invalid_reason == SUSPENDED


@pytest.mark.parametrize("slept_s", [None, 0.0, 0.03])
def test_a_generation_without_sleep_counts(slept_s: float | None) -> None:
    assert Gauged(slept_s=slept_s).invalid_reason is None


def test_the_most_device_memory_is_kept() -> None:
    one = gauges(memory=Memory(5, 9, None, 7))
    for _ in range(4):
        one.read_device_memory()
    assert one.device_memory_bytes == 9


def test_device_memory_that_no_counter_tells_is_not_measured() -> None:
    one = gauges(memory=Memory(None))
    one.read_device_memory()
    assert one.device_memory_bytes is None


def test_closing_lets_go_and_tells_the_conditions() -> None:
    clock, memory = Clock(), Memory()
    after = gauges(memory=memory, clock=clock).close()
    assert (clock.closed, memory.closed, after.memory_bytes > 0) == (True, True, True)


def test_a_runs_instruments_make_gauges_of_this_machine() -> None:
    one = Instruments().gauges(os.getpid(), "CPU", None)
    found = around(one)
    one.close()
    assert found.invalid_reason is None
