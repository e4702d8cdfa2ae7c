from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.observe.energy_meter import ALLOW_RAPL, EmiMeter, find_emi, find_energy_meter, find_rapl

MakeZone = Callable[..., Path]


@pytest.fixture
def zone(tmp_path: Path) -> MakeZone:
    """Makes a domain below a powercap folder."""

    def make(zone: str, name: str, energy_uj: int | None = 1_000_000, range_uj: int = 262_143_328_850) -> Path:
        folder = tmp_path / zone
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n", encoding="ascii")
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n", encoding="ascii")
        if energy_uj is not None:
            (folder / "energy_uj").write_text(f"{energy_uj}\n", encoding="ascii")
        return folder / "energy_uj"

    return make


def test_a_machine_without_rapl_has_no_meter_and_no_problem(tmp_path: Path) -> None:
    found = find_rapl(tmp_path)
    assert (found.meter, found.problem) == (None, None)


def test_energy_is_the_difference_in_joules(tmp_path: Path, zone: MakeZone) -> None:
    counter = zone("intel-rapl:0", "package-0", 1_000_000)
    meter = find_rapl(tmp_path).meter
    assert meter is not None
    counter.write_text("3500000", encoding="ascii")
    assert meter.read_j() == 2.5


def test_a_counter_that_starts_again_goes_on(tmp_path: Path, zone: MakeZone) -> None:
    counter = zone("intel-rapl:0", "package-0", 9_000_000, range_uj=9_999_999)
    meter = find_rapl(tmp_path).meter
    assert meter is not None
    counter.write_text("500000", encoding="ascii")
    assert meter.read_j() == 1.5


def test_packages_are_added_up_and_their_parts_are_not(tmp_path: Path, zone: MakeZone) -> None:
    counters = [zone("intel-rapl:0", "package-0"), zone("intel-rapl:1", "package-1"), zone("intel-rapl:0:0", "core")]
    meter = find_rapl(tmp_path).meter
    assert meter is not None
    for counter in counters:
        counter.write_text("2000000", encoding="ascii")
    assert meter.read_j() == 2.0


def test_the_source_says_what_is_covered(tmp_path: Path, zone: MakeZone) -> None:
    zone("intel-rapl:0", "package-0")
    meter = find_rapl(tmp_path).meter
    assert meter is not None
    assert meter.source == "RAPL package-0: whole package, all processes"


def test_psys_holds_the_packages_and_is_not_added(tmp_path: Path, zone: MakeZone) -> None:
    zone("intel-rapl:0", "package-0")
    psys = zone("intel-rapl:1", "psys")
    meter = find_rapl(tmp_path).meter
    assert meter is not None
    psys.write_text("9000000", encoding="ascii")
    assert (meter.read_j(), "psys" in meter.source) == (0.0, True)


def test_psys_alone_is_better_than_nothing(tmp_path: Path, zone: MakeZone) -> None:
    zone("intel-rapl:0", "psys")
    meter = find_rapl(tmp_path).meter
    assert meter is not None
    assert meter.source == "RAPL psys: whole platform, all processes"


def test_counters_for_root_alone_are_a_problem_with_a_remedy(tmp_path: Path, zone: MakeZone) -> None:
    zone("intel-rapl:0", "package-0", None)
    found = find_rapl(tmp_path)
    assert (found.meter, found.remedy) == (None, ALLOW_RAPL)


def test_a_counter_that_vanishes_is_not_measured(tmp_path: Path, zone: MakeZone) -> None:
    counter = zone("intel-rapl:0", "package-0")
    meter = find_rapl(tmp_path).meter
    assert meter is not None
    counter.unlink()
    assert meter.read_j() is None


def test_this_machine_can_be_asked() -> None:
    found = find_energy_meter()
    assert found.meter is None or found.problem is None


# -- Windows


class Emi:
    """Plays codecarbon's module and its meter: 1 mWh per call on each of two channels."""

    def __init__(self, channels: int = 2, error: Exception | None = None) -> None:
        self.channels = channels
        self.error = error

    def WindowsEMI(self) -> Emi:  # noqa: N802 - codecarbon's own name
        if self.error is not None:
            raise self.error
        return self

    def start(self) -> None:
        pass

    def get_cpu_details(self, duration: Any) -> dict[str, float]:
        energies = {f"Processor Energy Delta_{number}(kWh)": 1e-6 for number in range(self.channels)}
        return energies | {name.replace("Energy", "Power"): 15.0 for name in energies}


def test_channels_are_added_up_over_calls() -> None:
    meter = find_emi(Emi()).meter
    assert meter is not None
    assert [meter.read_j(), meter.read_j()] == pytest.approx([7.2, 14.4])


def test_no_channel_is_no_energy() -> None:
    assert EmiMeter(Emi(channels=0)).read_j() is None


@pytest.mark.parametrize("error", [FileNotFoundError("no meter"), SystemError("another system")])
def test_a_windows_without_a_meter_has_none(error: Exception) -> None:
    found = find_emi(Emi(error=error))
    assert (found.meter, found.problem) == (None, None)


def test_without_the_library_the_remedy_names_the_extra() -> None:
    assert "$env:AIPC_BENCH_EXTRAS = 'energy'" in str(find_emi().remedy)
