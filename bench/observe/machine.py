"""The machine as it is written into run.json: from an allow-list, without names."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import psutil

from bench.observe.accelerators import gpus, npus
from bench.observe.limits import limits
from bench.observe.settings import settings

_SALT = b"aipc-bench machine"
_FIRST_BUILD_OF_11 = 22000


def machine_facts() -> dict[str, Any]:
    """What the numbers of a run depend on: CPU, memory, system, devices with their drivers, power."""
    usable = limits()
    counted = usable.machine
    return {
        "cpu": {
            "name": cpu_name(),
            "architecture": platform.machine(),
            "physical_cores": counted.physical,
            "logical_cores": counted.logical,
            "performance_cores": counted.performance,
            "efficiency_cores": counted.efficiency,
        },
        "memory_bytes": usable.machine_memory_bytes,
        "usable": usable.record(),
        "os": f"{platform.system()} {_distribution()}".strip(),
        "kernel": platform.version() if sys.platform == "win32" else platform.release(),
        "power_source": power_source(),
        "power_mode": _power_mode(),
        "governor": _first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "settings": settings(),
        "gpus": gpus(),
        "npus": npus(),
    }


def machine_id() -> str:
    """The same on every run of a machine, and tells nothing about it: a salted digest of the system's own id."""
    own = _first_line("/etc/machine-id") or _windows_machine_guid() or f"{uuid.getnode():012x}"
    return hashlib.sha256(_SALT + own.encode("utf-8")).hexdigest()[:16]


def cpu_name() -> str | None:
    """The CPU's product name."""
    if sys.platform == "win32":
        return windows_registry(r"HARDWARE\DESCRIPTION\System\CentralProcessor\0", "ProcessorNameString")
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None


def power_source() -> str | None:
    """``mains`` or ``battery``; ``None`` on a machine without a battery."""
    battery = psutil.sensors_battery()
    if battery is None or battery.power_plugged is None:
        return None
    return "mains" if battery.power_plugged else "battery"


def _power_mode() -> str | None:
    if sys.platform != "win32":
        return _first_line("/sys/firmware/acpi/platform_profile")
    try:
        shown = subprocess.run(["powercfg", "/getactivescheme"], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return plan_name(shown.stdout)


def plan_name(printed: bytes, code_page: str = "oem") -> str | None:
    """The name of the power plan in what ``powercfg`` prints, in the user's language.

    Args:
        printed: a sentence with the plan's GUID, and its name in parentheses.
        code_page: of the console, where that is not UTF-8.
    """
    try:
        text = printed.decode("utf-8")
    except UnicodeDecodeError:
        text = printed.decode(code_page, "replace")
    return text.strip().rpartition("(")[2].rstrip(")") or None


def windows_release(release: str, build: int) -> str:
    """Windows' number by its build: to some versions of Python Windows 11 is a 10."""
    return "11" if release == "10" and build >= _FIRST_BUILD_OF_11 else release


def _distribution() -> str:
    if sys.platform == "win32":
        return windows_release(platform.release(), sys.getwindowsversion().build)
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        try:
            return platform.freedesktop_os_release().get("PRETTY_NAME", "")
        except OSError:
            return platform.release()


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()[0].strip() or None
    except (OSError, IndexError, UnicodeDecodeError):
        return None


def _windows_machine_guid() -> str | None:
    return windows_registry(r"SOFTWARE\Microsoft\Cryptography", "MachineGuid") if sys.platform == "win32" else None


def windows_registry(key: str, name: str) -> str | None:
    """A text below ``HKEY_LOCAL_MACHINE``; ``None`` where there is none, and on other systems."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415 - exists on Windows only

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                return str(winreg.QueryValueEx(opened, name)[0]).strip() or None
        except OSError:
            return None
    else:
        return None
