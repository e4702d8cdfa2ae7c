from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from bench.observe.thermal import Throttles, cpu_temperature_c, hottest
from tests.bench.observe.pdh_stand_in import Pdh

LIMIT = r"\Processor Information(_Total)\% Performance Limit"


def sensor(current: float) -> SimpleNamespace:
    return SimpleNamespace(current=current)


def test_the_hottest_sensor_of_the_cpu_counts() -> None:
    assert hottest({"nvme": [sensor(90)], "coretemp": [sensor(61), sensor(72)], "acpitz": [sensor(80)]}) == 72


def test_sensors_of_other_things_are_not_the_cpus() -> None:
    assert hottest({"nvme": [sensor(90)]}) is None


def test_this_machines_temperature_is_one_or_none() -> None:
    temperature = cpu_temperature_c()
    assert temperature is None or -50 < temperature < 150


def test_throttling_of_cores_and_packages_is_added_up(tmp_path: Path) -> None:
    for cpu, kind, count in ((0, "core", 3), (0, "package", 1), (1, "core", 2)):
        folder = tmp_path / f"cpu{cpu}/thermal_throttle"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}_throttle_count").write_text(f"{count}\n", encoding="ascii")
    assert Throttles(tmp_path, Pdh({})).count() == 6


def test_windows_tells_the_limit(tmp_path: Path) -> None:
    assert Throttles(tmp_path, Pdh({LIMIT: {"_Total": 70}})).limit_percent() == 70.0


def test_a_machine_that_does_not_tell_is_not_measured(tmp_path: Path) -> None:
    throttles = Throttles(tmp_path, Pdh({}))
    assert (throttles.count(), throttles.limit_percent()) == (None, None)
