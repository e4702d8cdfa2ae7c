"""Where the power comes from, and whether the machine is set to save it."""

import ctypes
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.observe.sysfs import text_of
from bench.observe.windows import library

_PROFILE = Path("/sys/firmware/acpi/platform_profile")
_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")

_SAVING_PROFILES = ("low-power", "quiet", "cool")
_SAVING_PREFERENCES = ("power", "balance_power")
_SELF_GOVERNING = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
"""Drivers whose usual governor is "powersave": the CPU chooses its clock, by its energy preference."""

_POWER_SAVER = uuid.UUID("a1841308-3541-4fab-bc81-f71556f87b4a")
_BEST_EFFICIENCY = uuid.UUID("961cc777-2547-4f9d-8174-7d86181b8a7a")
_MODES = {
    _BEST_EFFICIENCY: "best power efficiency",
    uuid.UUID(int=0): "balanced",
    uuid.UUID("ded574b5-45a0-4f42-8737-46345c09c238"): "best performance",
}


@dataclass(frozen=True, slots=True)
class PowerState:
    """Power at a moment.

    Args:
        source: ``mains`` or ``battery``; ``None`` on a machine without a battery.
        mode: power settings in the system's words; ``None`` where it has none.
        saving: the one that costs speed, a key of :data:`bench.findings.MESSAGES`, and its value; ``None`` if none is
            known to.
    """

    source: str | None = None
    mode: str | None = None
    saving: tuple[str, str] | None = None


def power_state() -> PowerState:
    """The power of this machine, now."""
    if sys.platform == "win32":
        return windows_power(power_source(), library("powrprof"), library("kernel32"))
    return linux_power(power_source(), _PROFILE, _CPUFREQ)


def power_source() -> str | None:
    """``mains`` or ``battery``; ``None`` on a machine without a battery."""
    battery = psutil.sensors_battery()
    if battery is None or battery.power_plugged is None:
        return None
    return "mains" if battery.power_plugged else "battery"


def linux_power(source: str | None, profile: Path, cpufreq: Path) -> PowerState:
    """Power from the file ``platform_profile`` and the folder ``cpufreq`` of the first CPU."""
    platform, governor = text_of(profile), text_of(cpufreq / "scaling_governor")
    driver, preference = text_of(cpufreq / "scaling_driver"), text_of(cpufreq / "energy_performance_preference")
    settings = {"platform profile": platform, "governor": governor, "energy preference": preference}
    mode = ", ".join(f"{name} {value}" for name, value in settings.items() if value) or None
    saving = None
    if platform in _SAVING_PROFILES:
        saving = "platform-profile", platform
    elif preference in _SAVING_PREFERENCES:
        saving = "energy-preference", preference
    elif governor == "powersave" and driver not in _SELF_GOVERNING:
        saving = "governor", driver or "?"
    return PowerState(source, mode, saving)


class _Status(ctypes.Structure):
    """SYSTEM_POWER_STATUS."""

    _fields_ = (
        ("line", ctypes.c_ubyte),
        ("battery", ctypes.c_ubyte),
        ("percent", ctypes.c_ubyte),
        ("saver", ctypes.c_ubyte),
        ("life", ctypes.c_uint32),
        ("full_life", ctypes.c_uint32),
    )


def windows_power(source: str | None, powrprof: Any, kernel32: Any) -> PowerState:
    """Power from the battery saver, the power mode of Windows 11 and the power plan."""
    status = _Status()
    if kernel32.GetSystemPowerStatus(ctypes.byref(status)) and status.saver == 1:
        return PowerState(source, "battery saver", ("battery-saver", ""))
    mode = _user_mode(powrprof, on_battery=source == "battery")
    name = _MODES.get(mode) if mode else None
    if mode == _BEST_EFFICIENCY:
        return PowerState(source, name, ("power-mode", ""))
    if _active_plan(powrprof) == _POWER_SAVER:
        return PowerState(source, "power saver", ("power-plan", ""))
    return PowerState(source, name)


def _user_mode(powrprof: Any, *, on_battery: bool) -> uuid.UUID | None:
    newer = "PowerGetUserConfiguredDCPowerMode" if on_battery else "PowerGetUserConfiguredACPowerMode"
    # Older builds of Windows 11 call them overlays.
    for name in (newer, "PowerGetEffectiveOverlayScheme"):
        read, room = getattr(powrprof, name, None), (ctypes.c_ubyte * 16)()
        if read is not None and not read(ctypes.byref(room)):
            return uuid.UUID(bytes_le=bytes(room))
    return None


def _active_plan(powrprof: Any) -> uuid.UUID | None:
    found = ctypes.POINTER(ctypes.c_ubyte * 16)()
    if powrprof.PowerGetActiveScheme(None, ctypes.byref(found)) or not found:
        return None
    plan = uuid.UUID(bytes_le=bytes(found.contents))
    if (kernel32 := library("kernel32")) is not None:
        kernel32.LocalFree.argtypes = [ctypes.c_void_p]
        kernel32.LocalFree(found)
    return plan
