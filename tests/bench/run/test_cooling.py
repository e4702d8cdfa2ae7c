"""Pauses before visits, with a sensor and a clock that stand in for those of the machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.errors import UsageError
from bench.plan.options import Options
from bench.run import cooling
from bench.run.cooling import Cooling

MakeOptions = Callable[..., Options]


class Laptop:
    """A CPU that cools by a degree a second; its clock moves by what is slept."""

    def __init__(self) -> None:
        self.temperature_c: float | None = 50.0
        self.now_s = 0.0
        self.breaks_at_s: float | None = None

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        if self.temperature_c is not None:
            self.temperature_c -= seconds
        if self.breaks_at_s is not None and self.now_s >= self.breaks_at_s:
            self.temperature_c = None

    def read(self) -> float | None:
        return self.temperature_c


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> Laptop:
    made = Laptop()
    monkeypatch.setattr(cooling, "time", made)
    monkeypatch.setattr(cooling, "cpu_temperature_c", made.read)
    return made


@pytest.fixture
def cooler(laptop: Laptop, make_options: MakeOptions) -> Callable[..., Cooling]:
    def make(*arguments: str, stopping: Callable[[], bool] = lambda: False) -> Cooling:
        return Cooling(make_options("--backend", "simulated", *arguments), stopping)

    return make


def test_a_visit_begins_when_the_cpu_is_near_its_temperature_at_the_start(
    laptop: Laptop, cooler: Callable[..., Cooling]
) -> None:
    made = cooler("--cooldown-c", "3")
    laptop.temperature_c = 80.0
    assert (made.wait(first=False), laptop.now_s) == (", after 27 s of cooling to 53 °C", 27.0)


def test_the_first_visit_waits_for_a_machine_that_has_converted_a_model(
    laptop: Laptop, cooler: Callable[..., Cooling]
) -> None:
    made = cooler("--cooldown-c", "3", "--cooldown-s", "10")
    laptop.temperature_c = 63.0
    assert made.wait(first=True) == ", after 10 s of cooling to 53 °C"


def test_a_cool_machine_does_not_wait(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    assert (cooler("--cooldown-c", "3").wait(first=False), laptop.now_s) == (", after 0 s of cooling to 50 °C", 0.0)


def test_it_waits_so_long_at_most(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3", "--cooldown-max-s", "7.5")
    laptop.temperature_c = 80.0
    assert (made.wait(first=False), laptop.now_s) == (", after 8 s of cooling: still 72 °C, not 53 °C", 7.5)


def test_five_minutes_are_the_most_by_default(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3")
    laptop.temperature_c = 1000.0
    made.wait(first=False)
    assert laptop.now_s == 300.0


def test_the_fixed_pause_comes_before_and_counts_for_itself(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3", "--cooldown-s", "20")
    laptop.temperature_c = 80.0
    assert (made.wait(first=False), laptop.now_s) == (", after 7 s of cooling to 53 °C", 27.0)


def test_the_fixed_pause_is_between_visits_and_needs_no_sensor(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    laptop.temperature_c = None
    made = cooler("--cooldown-s", "20")
    assert (made.wait(first=True), laptop.now_s) == ("", 0.0)
    assert (made.wait(first=False), laptop.now_s) == ("", 20.0)


def test_a_machine_without_a_sensor_is_refused_with_the_remedy(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    laptop.temperature_c = None
    with pytest.raises(UsageError, match=r"--cooldown-c: .* cannot be read on this machine; .* --cooldown-s 30$"):
        cooler("--cooldown-c", "3")


def test_a_sensor_that_is_lost_ends_the_wait(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3")
    laptop.temperature_c, laptop.breaks_at_s = 80.0, 5.0
    assert made.wait(first=False) == ", after 5 s of cooling: the CPU's temperature can no longer be read"


def test_a_request_to_stop_ends_the_wait(laptop: Laptop, cooler: Callable[..., Cooling]) -> None:
    made = cooler("--cooldown-c", "3", stopping=lambda: laptop.now_s >= 4)
    laptop.temperature_c = 80.0
    made.wait(first=False)
    assert laptop.now_s == 4.0
