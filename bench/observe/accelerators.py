"""GPUs and NPUs as the system lists them, with their drivers. Whether a stack can use one, the stack says."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backends.spec import Hardware
from bench.observe.nvidia import NvidiaGpus
from bench.observe.sysfs import text_of
from bench.observe.windows import registry_keys, registry_value

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
_GPUS: Mapping[str, Hardware] = {"Intel": "intel-gpu", "NVIDIA": "nvidia-gpu", "AMD": "amd-gpu"}

_DRIVER_VALUES = ("DriverDesc", "DriverVersion", "MatchingDeviceId")

AcceleratorFacts = dict[str, str | None]
"""``name``, ``pci_id`` and ``driver``."""


def gpus() -> list[AcceleratorFacts]:
    """The GPUs."""
    return _from_registry(_DISPLAY_CLASS) if sys.platform == "win32" else linux_gpus(_DRM, NvidiaGpus())


def linux_gpus(drm: Path, nvidia: NvidiaGpus) -> list[AcceleratorFacts]:
    """The GPUs of DRM, and those of NVIDIA's driver as it names them: without its part for displays DRM has none."""
    driver = nvidia.driver() if nvidia.gpus else None
    shown = f"nvidia {driver}" if driver else None
    named: list[AcceleratorFacts] = [
        {"name": gpu.name, "pci_id": gpu.pci_id, "driver": shown} for gpu in nvidia.gpus.values()
    ]
    known = {gpu["pci_id"] for gpu in named}
    return [gpu for gpu in from_sysfs(drm, "card*", "GPU") if gpu["pci_id"] not in known] + named


def npus() -> list[AcceleratorFacts]:
    """The NPUs."""
    return _from_registry(_NPU_CLASS) if sys.platform == "win32" else from_sysfs(_ACCEL, "accel*", "NPU")


def hardware(
    found_gpus: Sequence[AcceleratorFacts], found_npus: Sequence[AcceleratorFacts], *, windows: bool
) -> frozenset[Hardware]:
    """The hardware on which the default devices of a sweep depend; on Windows every GPU is used by DirectX 12 too."""
    kinds: set[Hardware] = set()
    for gpu in found_gpus:
        vendor = f"{gpu['pci_id'] or ''} {gpu['name'] or ''}".lower()
        # Software: the basic display, a remote session's, a virtual machine's.
        if "microsoft" in vendor:
            continue
        if windows:
            kinds.add("directx-gpu")
        for number, maker in _VENDORS.items():
            if vendor.startswith(number) or maker.lower() in vendor:
                kinds.add(_GPUS[maker])
    # Intel's stacks cannot use the NPUs of others.
    if any("intel" in str(npu["name"]).lower() for npu in found_npus):
        kinds.add("intel-npu")
    return frozenset(kinds)


def from_sysfs(folder: Path, pattern: str, kind: str) -> list[AcceleratorFacts]:
    """Devices of a Linux device class, e.g. ``/sys/class/drm/card0``; connectors (``card0-DP-1``) are not devices."""
    found: list[AcceleratorFacts] = []
    for entry in sorted(folder.glob(pattern)):
        pci = pci_id(entry / "device")
        if "-" in entry.name or pci is None:
            continue
        vendor = pci.partition(":")[0]
        driver = (entry / "device/driver").resolve()
        version = text_of(driver / "module/version")
        name = NPU_NAMES.get(pci, f"{_VENDORS.get(vendor, vendor)} {kind}")
        shown = f"{driver.name} {version}".strip() if driver.exists() else None
        found.append({"name": name, "pci_id": pci, "driver": shown})
    return found


def pci_id(folder: Path) -> str | None:
    """``vendor:device`` of a PCI device's folder in sysfs, as in ``8086:643e``; ``None`` of anything else."""
    vendor, device = (text_of(folder / name).removeprefix("0x").lower() for name in ("vendor", "device"))
    return f"{vendor}:{device}" if vendor and device else None


def _from_registry(key: str) -> list[AcceleratorFacts]:
    found: list[AcceleratorFacts] = []
    for installed in registry_keys(key):
        name, driver, device = (registry_value(installed, value) for value in _DRIVER_VALUES)
        if name is not None:
            found.append({"name": name, "pci_id": pci_id_of(device or ""), "driver": driver})
    return found


def pci_id_of(hardware_id: str) -> str | None:
    """The same from a hardware id of Windows, which has the vendor after ``VEN_`` and the device after ``DEV_``."""
    found = re.search(r"ven_([0-9a-f]{4})&dev_([0-9a-f]{4})", hardware_id.lower())
    return f"{found[1]}:{found[2]}" if found else None
