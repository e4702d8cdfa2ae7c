"""GPUs and NPUs as the system lists them, with their drivers. Whether a stack can use one, the stack says."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from backends.spec import Hardware

_DRM = Path("/sys/class/drm")
_ACCEL = Path("/sys/class/accel")
_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_NPU_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{f01a9d53-3ff6-48d2-9f97-c8a7004be10c}"

NPU_NAMES = {
    "8086:7d1d": "Intel NPU (Meteor Lake)",
    "8086:ad1d": "Intel NPU (Arrow Lake)",
    "8086:643e": "Intel NPU (Lunar Lake)",
    "8086:b03e": "Intel NPU (Panther Lake)",
    "8086:fd3e": "Intel NPU (Wildcat Lake)",
    "8086:d71d": "Intel NPU (Nova Lake)",
}
_VENDORS = {"8086": "Intel", "10de": "NVIDIA", "1002": "AMD"}

_DRIVER_VALUES = ("DriverDesc", "DriverVersion", "MatchingDeviceId")
"""What Windows keeps of a driver: the device's name, its own version, and which device it was installed for."""

AcceleratorFacts = dict[str, str | None]


def gpus() -> list[AcceleratorFacts]:
    """GPUs: name, PCI id, driver."""
    if sys.platform == "win32":
        return _from_registry(_DISPLAY_CLASS)
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return from_sysfs(_DRM, "card*", "GPU")


def npus() -> list[AcceleratorFacts]:
    """NPUs: name, PCI id, driver."""
    if sys.platform == "win32":
        return _from_registry(_NPU_CLASS)
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return from_sysfs(_ACCEL, "accel*", "NPU")


def hardware(
    found_gpus: Sequence[AcceleratorFacts], found_npus: Sequence[AcceleratorFacts], *, windows: bool
) -> frozenset[Hardware]:
    """What the system lists, as far as the default devices of a sweep depend on it.

    Args:
        found_gpus: from :func:`gpus`.
        found_npus: from :func:`npus`.
        windows: whether every GPU can be had through DirectX 12.
    """
    kinds: set[Hardware] = set()
    for gpu in found_gpus:
        vendor = f"{gpu['pci_id'] or ''} {gpu['name'] or ''}".lower()
        # What Microsoft makes is software: the basic display, that of a remote session, that of a virtual machine.
        if "microsoft" in vendor:
            continue
        if windows:
            kinds.add("directx-gpu")
        if vendor.startswith("8086") or "intel" in vendor:
            kinds.add("intel-gpu")
        if vendor.startswith("10de") or "nvidia" in vendor:
            kinds.add("nvidia-gpu")
    # Other makers have NPUs too, which Intel's stacks cannot use.
    if any("intel" in str(npu["name"]).lower() for npu in found_npus):
        kinds.add("intel-npu")
    return frozenset(kinds)


def from_sysfs(folder: Path, pattern: str, kind: str) -> list[AcceleratorFacts]:
    """Devices of a Linux device class, e.g. ``/sys/class/drm/card0``; connectors (``card0-DP-1``) are not devices."""
    found = []
    for entry in sorted(folder.glob(pattern)):
        if "-" in entry.name:
            continue
        pci = pci_id(entry / "device")
        if pci is None:
            continue
        vendor = pci.partition(":")[0]
        driver = (entry / "device/driver").resolve()
        version = _text(driver / "module/version")
        name = NPU_NAMES.get(pci, f"{_VENDORS.get(vendor, vendor)} {kind}")
        known = driver.name if driver.exists() else None
        found.append({"name": name, "pci_id": pci, "driver": f"{known} {version}" if known and version else known})
    return found


def pci_id(folder: Path) -> str | None:
    """``vendor:device`` of a PCI device's folder in sysfs, as in ``8086:643e``; ``None`` of anything else."""
    vendor, device = _hex(folder / "vendor"), _hex(folder / "device")
    return None if vendor is None or device is None else f"{vendor}:{device}"


def pci_id_of(hardware_id: str) -> str | None:
    """The same out of what Windows calls a device: its maker follows ``VEN_``, its own number ``DEV_``."""
    found = re.search(r"ven_([0-9a-f]{4})&dev_([0-9a-f]{4})", hardware_id.lower())
    return f"{found[1]}:{found[2]}" if found else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _hex(path: Path) -> str | None:
    text = _text(path)
    return text.removeprefix("0x").lower() if text else None


if sys.platform == "win32":
    import winreg

    def _from_registry(key: str) -> list[AcceleratorFacts]:
        found: list[AcceleratorFacts] = []
        for number in range(64):
            try:
                with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, f"{key}\\{number:04d}") as opened:
                    name, driver, device = (_value(opened, value) for value in _DRIVER_VALUES)
            except OSError:
                continue
            if name is not None:
                found.append({"name": name, "pci_id": pci_id_of(device or ""), "driver": driver})
        return found

    def _value(opened: winreg.HKEYType, name: str) -> str | None:
        try:
            return str(winreg.QueryValueEx(opened, name)[0])
        except OSError:
            return None
