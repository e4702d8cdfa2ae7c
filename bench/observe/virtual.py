"""Whether the machine is a virtual one."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.observe.sysfs import text_of
from bench.observe.windows import registry_value

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
