"""The machine as run.json has it: from an allow-list, without the names of host and user."""

import hashlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.observe.accelerators import gpus, npus
from bench.observe.limits import Limits, limits
from bench.observe.power import power_source
from bench.observe.sysfs import text_of
from bench.observe.windows import registry_value

MACHINE_ID = "AIPC_BENCH_MACHINE_ID"
"""In the place of the system's own id, for machines whose disks are copies of one."""
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_CPUINFO = Path("/proc/cpuinfo")
_PROFILE = Path("/sys/firmware/acpi/platform_profile")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_SALT = b"aipc-bench machine"
_FIRST_BUILD_OF_11 = 22000
_KERNEL_OPTIONS = frozenset(
    (
        *("amd_pstate", "cpuidle.off", "idle", "intel_idle.max_cstate", "intel_pstate", "processor.max_cstate"),
        *("isolcpus", "maxcpus", "nohz_full", "nosmt", "nr_cpus", "numa", "rcu_nocbs"),
        *("hugepages", "hugepagesz", "mem", "transparent_hugepage"),
        *("l1tf", "mds", "mitigations", "nopti", "nospectre_v2", "pti", "retbleed", "spectre_v2"),
    )
)
"""Options of the kernel's command line that are recorded; of others not even the name is."""


def machine_facts() -> dict[str, Any]:
    """What the numbers of a run depend on: CPU, memory, system, devices with their drivers, power."""
    usable = limits()
    return {
        **hardware(usable),
        "usable": usable.record(),
        "os": f"{platform.system()} {_distribution()}".strip(),
        "kernel": platform.version() if sys.platform == "win32" else platform.release(),
        "power_source": power_source(),
        "power_mode": _power_mode(),
        "governor": text_of(_GOVERNOR) or None,
        "settings": settings(),
        "gpus": gpus(),
        "npus": npus(),
    }


def hardware(usable: Limits) -> dict[str, Any]:
    """What a machine is known by beside its id: its CPU, and its memory."""
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
    }


def machine_id() -> str:
    """A salted digest of the system's own id: the same on every run of a machine, and says nothing about it.

    ``unknown`` where the system has none, as in many containers: addresses of a network and names change.
    """
    guid = registry_value(r"SOFTWARE\Microsoft\Cryptography", "MachineGuid")
    # systemd's word in an image that has not been started yet.
    found = (one for file in _MACHINE_IDS if (one := text_of(file)) != "uninitialized")
    own = os.environ.get(MACHINE_ID, "").strip() or next(filter(None, found), None) or guid
    if not own:
        return "unknown"
    return hashlib.sha256(_SALT + own.encode("utf-8")).hexdigest()[:16]


def cpu_name() -> str | None:
    """The CPU's product name."""
    if sys.platform == "win32":
        name = registry_value(r"HARDWARE\DESCRIPTION\System\CentralProcessor\0", "ProcessorNameString")
    else:
        found = re.search(r"^model name\s*:(.*)$", text_of(_CPUINFO), re.MULTILINE)
        name = found[1] if found else platform.processor()
    return name.strip() or None if name else None


def _power_mode() -> str | None:
    if sys.platform != "win32":
        return text_of(_PROFILE) or None
    try:
        shown = subprocess.run(["powercfg", "/getactivescheme"], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return plan_name(shown.stdout)


def plan_name(printed: bytes, code_page: str = "oem") -> str | None:
    """The name, in parentheses, of the power plan that ``powercfg`` prints in UTF-8 or in the console's code page."""
    try:
        text = printed.decode("utf-8")
    except UnicodeDecodeError:
        text = printed.decode(code_page, "replace")
    return text.strip().rpartition("(")[2].rstrip(")") or None


def windows_release(release: str, build: int) -> str:
    """The release of Windows by its build: some versions of Python call Windows 11 a 10."""
    return "11" if release == "10" and build >= _FIRST_BUILD_OF_11 else release


def _distribution() -> str:
    if sys.platform == "win32":
        return windows_release(platform.release(), sys.getwindowsversion().build)
    else:  # noqa: RET505 - mypy checks one platform at a time
        try:
            return platform.freedesktop_os_release().get("PRETTY_NAME", "")
        except OSError:
            return platform.release()


def settings(root: Path = Path("/")) -> dict[str, str | None]:
    """Settings of Linux that change how fast it computes; ``None`` where they are not shown, as on Windows."""
    cpus = root / "sys/devices/system/cpu"
    huge_pages = re.search(r"\[(\w+)\]", text_of(root / "sys/kernel/mm/transparent_hugepage/enabled"))
    options = (part for part in text_of(root / "proc/cmdline").split() if part.partition("=")[0] in _KERNEL_OPTIONS)
    # intel_pstate has a file for off, other drivers one for on.
    no_turbo, boost = text_of(cpus / "intel_pstate/no_turbo"), text_of(cpus / "cpufreq/boost")
    return {
        "huge_pages": huge_pages[1] if huge_pages else None,
        "smt": {"1": "on", "0": "off"}.get(text_of(cpus / "smt/active")),
        "turbo": {"0": "on", "1": "off"}.get(no_turbo) or {"1": "on", "0": "off"}.get(boost),
        "energy_preference": text_of(cpus / "cpu0/cpufreq/energy_performance_preference") or None,
        "numa_nodes": text_of(root / "sys/devices/system/node/online") or None,
        "kernel_options": " ".join(options) or None,
    }
