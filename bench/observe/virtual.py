"""Whether the machine is a virtual one, as far as that is cheap to know."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.observe.machine import windows_registry
from bench.observe.sysfs import text_of

_DMI = Path("/sys/class/dmi/id")
_CPUINFO = Path("/proc/cpuinfo")
_BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"
_PRODUCTS = ("virtual machine", "virtualbox", "vmware", "kvm", "qemu", "bochs", "hvm domu", "parallels")


def hypervisor() -> str | None:
    """What the machine runs on; ``None`` on hardware, or where nothing tells."""
    if sys.platform == "win32":
        # The CPU's own flag is set on hardware too, where Windows itself runs on Hyper-V.
        return virtual_product(windows_registry(_BIOS, "SystemProductName") or "")
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return linux_hypervisor(_DMI, _CPUINFO)


def linux_hypervisor(dmi: Path, cpuinfo: Path) -> str | None:
    """The product's name if it is one of a hypervisor; else the CPU's flag ``hypervisor``."""
    named = virtual_product(text_of(dmi / "product_name"))
    if named is not None:
        return named
    flags = (line for line in text_of(cpuinfo).splitlines() if line.startswith("flags"))
    return "/proc/cpuinfo: hypervisor" if "hypervisor" in next(flags, "").split() else None


def virtual_product(name: str) -> str | None:
    """``name`` if a hypervisor goes by it."""
    return name if any(product in name.lower() for product in _PRODUCTS) else None
