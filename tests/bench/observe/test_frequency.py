from __future__ import annotations

from pathlib import Path

import pytest

from bench.observe.frequency import LinuxClock, WindowsClock, clock_of, cpuinfo_mhz
from tests.bench.observe.pdh_stand_in import Pdh

CPUINFO = "processor\t: 0\ncpu MHz\t\t: 2000.0\n\nprocessor\t: 1\ncpu MHz\t\t: 3000.0\n"
PERFORMANCE = r"\Processor Information(_Total)\% Processor Performance"


def scaling(folder: Path, *kilohertz: int) -> None:
    for number, value in enumerate(kilohertz):
        cpu = folder / f"cpu{number}" / "cpufreq"
        cpu.mkdir(parents=True, exist_ok=True)
        (cpu / "scaling_cur_freq").write_text(f"{value}\n", encoding="ascii")


def test_the_clock_is_the_mean_of_both_readings_and_of_the_cpus(tmp_path: Path) -> None:
    scaling(tmp_path, 1_000_000, 2_000_000)
    clock = LinuxClock(None, tmp_path, tmp_path / "none")
    clock.begin()
    scaling(tmp_path, 3_000_000, 4_000_000)
    assert clock.end_mhz() == 2500.0


def test_only_the_cpus_that_the_process_may_use_count(tmp_path: Path) -> None:
    scaling(tmp_path, 1_000_000, 2_000_000)
    clock = LinuxClock([1], tmp_path, tmp_path / "none")
    clock.begin()
    assert clock.end_mhz() == 2000.0


def test_without_frequency_scaling_the_clock_is_that_of_cpuinfo(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(CPUINFO, encoding="ascii")
    clock = LinuxClock([0], tmp_path, tmp_path / "cpuinfo")
    clock.begin()
    assert (clock.end_mhz(), str(clock.source).startswith("cpu MHz of /proc/cpuinfo")) == (2000.0, True)


def test_a_machine_that_does_not_tell_has_no_clock(tmp_path: Path) -> None:
    clock = LinuxClock(None, tmp_path, tmp_path / "none")
    clock.begin()
    assert (clock.end_mhz(), clock.source) == (None, None)


def test_a_clock_without_a_first_reading_is_not_measured(tmp_path: Path) -> None:
    scaling(tmp_path, 1_000_000)
    assert LinuxClock(None, tmp_path, tmp_path / "none").end_mhz() is None


@pytest.mark.parametrize(("cpus", "expected"), [(None, 2500.0), ([1], 3000.0), ([7], None)])
def test_cpuinfo_is_read_by_cpu(cpus: list[int] | None, expected: float | None) -> None:
    assert cpuinfo_mhz(CPUINFO, cpus) == expected


def test_windows_tells_a_share_of_the_base_clock() -> None:
    clock = WindowsClock(Pdh({PERFORMANCE: {"_Total": 150.0}}), 2000.0)
    clock.begin()
    assert clock.end_mhz() == 3000.0


def test_a_share_that_windows_has_not_yet_is_not_measured() -> None:
    clock = WindowsClock(Pdh({PERFORMANCE: {"_Total": -1.0}}), 2000.0)
    clock.begin()
    assert clock.end_mhz() is None


def test_a_windows_without_the_counter_has_no_clock() -> None:
    clock = WindowsClock(Pdh({}), 2000.0)
    clock.begin()
    assert (clock.end_mhz(), clock.source) == (None, None)


def test_the_query_is_closed() -> None:
    pdh = Pdh({PERFORMANCE: {"_Total": 100.0}})
    WindowsClock(pdh, 2000.0).close()
    assert pdh.closed


def test_this_machine_can_be_asked() -> None:
    clock = clock_of(None)
    clock.begin()
    megahertz = clock.end_mhz()
    clock.close()
    assert megahertz is None or megahertz > 0
