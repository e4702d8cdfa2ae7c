"""Where the power comes from, and whether the machine is set to save it."""

from __future__ import annotations

import ctypes
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.observe.machine import power_source
from bench.observe.sysfs import text_of

_PROFILE = Path("/sys/firmware/acpi/platform_profile")
_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")

_SAVING_PROFILES = ("low-power", "quiet", "cool")
_SAVING_PREFERENCES = ("power", "balance_power")
_SELF_GOVERNING = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
"""Drivers under which "powersave" is the usual governor: the CPU chooses its clock, by its energy preference."""

_POWER_SAVER = uuid.UUID("a1841308-3541-4fab-bc81-f71556f87b4a")
_BEST_EFFICIENCY = uuid.UUID("961cc777-2547-4f9d-8174-7d86181b8a7a")
_BEST_PERFORMANCE = uuid.UUID("ded574b5-45a0-4f42-8737-46345c09c238")


@dataclass(frozen=True, slots=True)
class PowerState:
    """Power at a moment.

    Args:
        source: ``mains`` or ``battery``; ``None`` on a machine without a battery.
        mode: what the machine is set to, in the system's words; ``None`` where it does not tell.
        saving: what costs speed: a key of :data:`bench.findings.MESSAGES` and the value of the setting; ``None`` where
            nothing is known to.
    """

    source: str | None = None
    mode: str | None = None
    saving: tuple[str, str] | None = None


def power_state() -> PowerState:
    """The power of this machine, now."""
    source = power_source()
    if sys.platform == "win32":
        return windows_power(source, ctypes.WinDLL("powrprof"), ctypes.WinDLL("kernel32"))
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return linux_power(source, _PROFILE, _CPUFREQ)


def linux_power(source: str | None, profile: Path, cpufreq: Path) -> PowerState:
    """Power from the platform profile and the first CPU's frequency scaling.

    Args:
        source: see :class:`PowerState`.
        profile: the file ``platform_profile``.
        cpufreq: the folder ``cpufreq`` of a CPU.
    """
    platform, governor = text_of(profile), text_of(cpufreq / "scaling_governor")
    driver, preference = text_of(cpufreq / "scaling_driver"), text_of(cpufreq / "energy_performance_preference")
    told = {"platform profile": platform, "governor": governor, "energy preference": preference}
    mode = ", ".join(f"{name} {value}" for name, value in told.items() if value) or None
    return PowerState(source, mode, _saving(platform, governor, driver, preference))


def _saving(platform: str, governor: str, driver: str, preference: str) -> tuple[str, str] | None:
    if platform in _SAVING_PROFILES:
        return "platform-profile", platform
    if preference in _SAVING_PREFERENCES:
        return "energy-preference", preference
    if governor == "powersave" and driver not in _SELF_GOVERNING:
        return "governor", driver or "?"
    return None


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
    """Power from the battery saver, the power mode of Windows 11 and the power plan.

    Args:
        source: see :class:`PowerState`.
        powrprof: the library, or what answers like it.
        kernel32: likewise.
    """
    status = _Status()
    saver = bool(kernel32.GetSystemPowerStatus(ctypes.byref(status))) and status.saver == 1
    mode, plan = _user_mode(powrprof, on_battery=source == "battery"), _active_plan(powrprof)
    named = {
        _BEST_EFFICIENCY: "best power efficiency",
        uuid.UUID(int=0): "balanced",
        _BEST_PERFORMANCE: "best performance",
    }
    name = named.get(mode) if mode else None
    if saver:
        return PowerState(source, "battery saver", ("battery-saver", ""))
    if mode == _BEST_EFFICIENCY:
        return PowerState(source, name, ("power-mode", ""))
    if plan == _POWER_SAVER:
        return PowerState(source, "power saver", ("power-plan", ""))
    return PowerState(source, name)


def _user_mode(powrprof: Any, *, on_battery: bool) -> uuid.UUID | None:
    newer = "PowerGetUserConfiguredDCPowerMode" if on_battery else "PowerGetUserConfiguredACPowerMode"
    # Older builds of Windows 11 have the same under the name of overlays.
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
    _free(found)
    return plan


def _free(pointer: Any) -> None:
    if sys.platform == "win32":
        kernel32 = ctypes.WinDLL("kernel32")
        kernel32.LocalFree.argtypes = [ctypes.c_void_p]
        kernel32.LocalFree(pointer)
