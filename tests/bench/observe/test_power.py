from __future__ import annotations

import ctypes
import uuid
from pathlib import Path
from typing import Any

import pytest

from bench.observe.power import PowerState, linux_power, power_source, power_state, windows_power

EFFICIENCY = uuid.UUID("961cc777-2547-4f9d-8174-7d86181b8a7a")
SAVER_PLAN = uuid.UUID("a1841308-3541-4fab-bc81-f71556f87b4a")
BALANCED_PLAN = uuid.UUID("381b4222-f694-41f0-9685-ff5bb260df2e")


def linux(tmp_path: Path, **files: str) -> PowerState:
    names = {
        "driver": "scaling_driver",
        "governor": "scaling_governor",
        "preference": "energy_performance_preference",
        "profile": "platform_profile",
    }
    for name, text in files.items():
        (tmp_path / names[name]).write_text(f"{text}\n", encoding="ascii")
    return linux_power("mains", tmp_path / "platform_profile", tmp_path)


def test_a_machine_that_tells_nothing_saves_nothing_that_is_known(tmp_path: Path) -> None:
    assert linux(tmp_path) == PowerState("mains", None, None)


def test_the_mode_has_everything_that_is_told(tmp_path: Path) -> None:
    state = linux(tmp_path, profile="balanced", governor="schedutil")
    assert (state.mode, state.saving) == ("platform profile balanced, governor schedutil", None)


@pytest.mark.parametrize("profile", ["low-power", "quiet", "cool"])
def test_a_saving_platform_profile_saves(tmp_path: Path, profile: str) -> None:
    assert linux(tmp_path, profile=profile).saving == ("platform-profile", profile)


@pytest.mark.parametrize("driver", ["intel_pstate", "amd-pstate-epp"])
def test_powersave_is_the_usual_governor_of_a_cpu_that_chooses_for_itself(tmp_path: Path, driver: str) -> None:
    assert linux(tmp_path, governor="powersave", driver=driver, preference="balance_performance").saving is None


def test_a_cpu_that_prefers_to_save_saves(tmp_path: Path) -> None:
    state = linux(tmp_path, governor="powersave", driver="intel_pstate", preference="balance_power")
    assert state.saving == ("energy-preference", "balance_power")


def test_powersave_of_another_driver_holds_the_clock_down(tmp_path: Path) -> None:
    assert linux(tmp_path, governor="powersave", driver="acpi-cpufreq").saving == ("governor", "acpi-cpufreq")


class Windows:
    """Plays powrprof and kernel32."""

    def __init__(self, *, mode: uuid.UUID | None = None, plan: uuid.UUID = BALANCED_PLAN, saver: bool = False) -> None:
        self.mode, self.plan, self.saver = mode, plan, saver
        self.asked = ""
        self._plan = (ctypes.c_ubyte * 16)(*plan.bytes_le)
        if mode is not None:
            self.PowerGetUserConfiguredACPowerMode = self._read
            self.PowerGetUserConfiguredDCPowerMode = self._read

    def _read(self, room: Any) -> int:
        assert self.mode is not None
        ctypes.memmove(room._obj, self.mode.bytes_le, 16)
        return 0

    def PowerGetActiveScheme(self, root: Any, found: Any) -> int:  # noqa: N802 - Windows' own names
        found._obj.contents = self._plan
        return 0

    def GetSystemPowerStatus(self, status: Any) -> int:  # noqa: N802
        status._obj.saver = int(self.saver)
        return 1

    @property
    def state(self) -> PowerState:
        return windows_power("battery", self, self)


def test_a_windows_of_no_special_mode_saves_nothing() -> None:
    assert Windows(mode=uuid.UUID(int=0)).state == PowerState("battery", "balanced", None)


def test_the_battery_saver_saves() -> None:
    assert Windows(mode=uuid.UUID(int=0), saver=True).state.saving == ("battery-saver", "")


def test_best_power_efficiency_saves() -> None:
    assert Windows(mode=EFFICIENCY).state.saving == ("power-mode", "")


def test_an_older_windows_tells_its_mode_by_another_call() -> None:
    system = Windows()
    system.PowerGetEffectiveOverlayScheme = Windows(mode=EFFICIENCY)._read  # type: ignore[attr-defined]
    assert system.state.saving == ("power-mode", "")


def test_a_windows_without_modes_is_known_by_its_plan() -> None:
    assert Windows(plan=SAVER_PLAN).state.mode == "power saver"


@pytest.mark.parametrize(("plugged", "expected"), [(True, "mains"), (False, "battery"), (None, None)])
def test_the_power_source_is_the_batterys(
    monkeypatch: pytest.MonkeyPatch, plugged: bool | None, expected: str | None
) -> None:
    class Battery:
        power_plugged = plugged

    monkeypatch.setattr("bench.observe.power.psutil.sensors_battery", Battery, raising=False)
    assert power_source() == expected


def test_a_machine_without_a_battery_has_no_power_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.observe.power.psutil.sensors_battery", lambda: None, raising=False)
    assert power_source() is None


def test_this_machine_can_be_asked() -> None:
    assert power_state().source in {None, "mains", "battery"}
