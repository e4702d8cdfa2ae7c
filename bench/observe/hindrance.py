"""What holds this process and its workers back: low priority, a tracer, an emulated CPU, a virtual machine."""

import ctypes
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.observe.cgroup import own_groups
from bench.observe.sysfs import text_of
from bench.observe.windows import library, registry_value

_PROC = Path("/proc")
_ARM64 = 0xAA64
"""IMAGE_FILE_MACHINE_ARM64."""


@dataclass(frozen=True, slots=True)
class Hindrances:
    """How the system runs this process, which its workers inherit.

    Args:
        niceness: of Linux, above 0; ``None`` where it is not.
        priority_class: of Windows, ``below normal`` or ``idle``; ``None`` for others.
        policy: Linux's ``SCHED_IDLE`` or ``SCHED_BATCH``.
        weight: of the control group for the CPU, as a share of the usual one, below 1.
        tracer: the program that traces this process, such as ``strace`` or ``gdb``.
        emulated: the kind of CPU that this Python was built for, where another one runs it.
    """

    niceness: int | None = None
    priority_class: str | None = None
    policy: str | None = None
    weight: float | None = None
    tracer: str | None = None
    emulated: str | None = None


def hindrances() -> Hindrances:
    """Those of this process, now."""
    if sys.platform == "win32":
        return Hindrances(priority_class=low_class(int(psutil.Process().nice())), emulated=_emulated())
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        nice, weight = os.getpriority(os.PRIO_PROCESS, 0), own_groups().cpu_weight()
        policies = {os.SCHED_IDLE: "SCHED_IDLE", os.SCHED_BATCH: "SCHED_BATCH"}
        return Hindrances(
            niceness=nice if nice > 0 else None,
            policy=policies.get(os.sched_getscheduler(0)),
            weight=weight if weight is not None and weight < 1 else None,
            tracer=tracer_of(_PROC),
        )


def tracer_of(proc: Path) -> str | None:
    """The name of the program that traces the process ``self`` below ``/proc``."""
    found = re.search(r"^TracerPid:\s+([1-9]\d*)$", text_of(proc / "self" / "status"), re.MULTILINE)
    return None if found is None else text_of(proc / found[1] / "comm") or "unknown"


def low_class(priority_class: int) -> str | None:
    """The name of a priority class of Windows that others go before."""
    return {0x40: "idle", 0x4000: "below normal"}.get(priority_class)


def _emulated() -> str | None:
    """Whether Windows on ARM translates this process's instructions.

    IsWow64Process2 tells the machine's own kind of CPU to a process that is built for another one, too.
    """
    kernel32 = library("kernel32")
    if not hasattr(kernel32, "IsWow64Process2"):
        return None
    kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    own, native = ctypes.c_ushort(0), ctypes.c_ushort(0)
    process = ctypes.c_void_p(kernel32.GetCurrentProcess())
    if not kernel32.IsWow64Process2(process, ctypes.byref(own), ctypes.byref(native)):
        return None
    return emulated_build(native.value, sys.version)


def emulated_build(native: int, build: str) -> str | None:
    """The kind of CPU that a Python with the version string ``build`` was built for, if ``native`` is another kind."""
    found = re.search(r"\((AMD64|Intel)\)\]$", build)
    return found[1] if found and native == _ARM64 else None


_DMI = Path("/sys/class/dmi/id")
_CPUINFO = Path("/proc/cpuinfo")
_BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"
_PRODUCTS = ("virtual machine", "virtualbox", "vmware", "kvm", "qemu", "bochs", "hvm domu", "parallels")


def hypervisor() -> str | None:
    """The hypervisor that the machine runs on; ``None`` where none is known."""
    if sys.platform == "win32":
        # The CPU's own flag is set on hardware too, where Windows itself runs on Hyper-V.
        return virtual_product(registry_value(_BIOS, "SystemProductName") or "")
    return linux_hypervisor(_DMI, _CPUINFO)


def linux_hypervisor(dmi: Path, cpuinfo: Path) -> str | None:
    """The product's name if it is that of a hypervisor; else whether the CPU has the flag ``hypervisor``."""
    if (product := virtual_product(text_of(dmi / "product_name"))) is not None:
        return product
    flags = (line for line in text_of(cpuinfo).splitlines() if line.startswith("flags"))
    return "/proc/cpuinfo: hypervisor" if "hypervisor" in next(flags, "").split() else None


def virtual_product(name: str) -> str | None:
    """``name`` if it is that of a hypervisor."""
    return name.strip() if any(product in name.lower() for product in _PRODUCTS) else None
