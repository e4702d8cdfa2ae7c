from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from bench.observe import reading_costs, windows_counters
from bench.observe.energy_meter import FoundMeter
from bench.observe.gauges import Instruments
from bench.observe.nvidia import NvidiaGpus
from bench.observe.reading_costs import observers
from bench.observe.windows_counters import WindowsCounters
from tests.bench.observe.pdh_stand_in import Pdh
from tests.support.nvml import FakeNvml


class Counting:
    """A meter that counts how often it is read."""

    source = "a counter of joules"

    def __init__(self) -> None:
        self.readings = 0

    def read_j(self) -> float:
        self.readings += 1
        return float(self.readings)


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    """Each counter is read twice, and not until its median can be told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading_costs, "_READINGS", 2)
        yield


@pytest.fixture(scope="module")
def here() -> Mapping[str, Mapping[str, Any] | None]:
    """The observers of this machine."""
    return observers(Instruments())


@pytest.mark.parametrize("name", ["memory", "cpu_time", "conditions"])
def test_what_every_system_counts_is_read_and_has_a_cost(
    here: Mapping[str, Mapping[str, Any] | None], name: str
) -> None:
    one = here[name]
    assert one is not None
    assert one["source"]
    assert one["cost_us"] > 0


def test_a_counter_that_the_machine_lacks_is_null() -> None:
    instruments = Instruments()
    instruments.energy = FoundMeter(None)
    instruments.nvidia = NvidiaGpus(FakeNvml())
    assert observers(instruments)["energy"] is None


def test_a_counter_that_the_machine_has_is_read() -> None:
    instruments = Instruments()
    meter = Counting()
    instruments.energy = FoundMeter(meter)
    instruments.nvidia = NvidiaGpus(FakeNvml())
    one = observers(instruments)["energy"]
    assert one is not None
    assert (one["source"], meter.readings) == ("a counter of joules", 2)


DEVICES = ("gpu_busy", "npu_busy", "device_memory")
PDH = (
    r"\GPU Engine(*)\Running Time",
    r"\GPU Process Memory(*)\Dedicated Usage",
    r"\GPU Process Memory(*)\Shared Usage",
)
NPU = {"name": "Intel(R) AI Boost"}
NO_NPU = [True, False, True]


@pytest.mark.parametrize(
    ("counters", "npus", "there"),
    [
        ((), [NPU], [False] * 3),
        (PDH, [], NO_NPU),
        (PDH, [NPU], [True] * 3),
        (PDH[:1], [NPU], [True, True, False]),
    ],
)
def test_a_device_of_windows_is_observed_where_there_is_one_and_a_counter_of_it(
    monkeypatch: pytest.MonkeyPatch, counters: Sequence[str], npus: list[dict[str, str]], there: list[bool]
) -> None:
    pdh = Pdh({path: {} for path in counters})
    monkeypatch.setattr(reading_costs, "counters_of", lambda pid, *_: WindowsCounters(pid, pdh))
    monkeypatch.setattr(reading_costs, "gpus", lambda: ["one"])
    monkeypatch.setattr(windows_counters, "npus", lambda: npus)
    instruments = Instruments()
    instruments.nvidia = NvidiaGpus(FakeNvml())
    found = observers(instruments)
    assert [found[name] is not None for name in DEVICES] == there


def test_each_observer_of_the_store_is_named(here: Mapping[str, Mapping[str, Any] | None]) -> None:
    expected = {"memory", "cpu_time", "gpu_busy", "npu_busy", "device_memory", "energy", "cpu_frequency"}
    assert expected <= here.keys()
