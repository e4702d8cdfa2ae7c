"""What the system itself knows of accelerators: those that it lists, those without a driver, those it keeps from us."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backends.speed_variables import speed_variables
from bench.observe.accelerators import NPU_NAMES, AcceleratorFacts, gpus, npus, pci_id
from bench.observe.machine import cpu_name

_PCI = Path("/sys/bus/pci/devices")
CHOOSERS = {
    "CUDA": ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    "XPU": ("ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR"),
    "GPU": ("ZE_AFFINITY_MASK",),
    "VULKAN": ("GGML_VK_VISIBLE_DEVICES",),
}
"""Family of GPUs -> the variables that choose which of them a stack sees."""
_DEVICE_FILES = ("accel/accel*", "dri/renderD*")


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """Accelerators as the system has them.

    Args:
        gpus: name, PCI id and driver of each GPU.
        npus: the same of each NPU.
        undriven_npus: names of NPUs on the PCI bus that no kernel driver has taken.
        locked: device files that this user may not open, e.g. ``/dev/accel/accel0`` -> the group that may.
        chosen: variable -> value, of those that choose which devices a stack sees.
    """

    windows: bool
    cpu: str | None = None
    gpus: Sequence[AcceleratorFacts] = ()
    npus: Sequence[AcceleratorFacts] = ()
    undriven_npus: Sequence[str] = ()
    locked: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)


def system_facts() -> SystemFacts:
    """Look at this machine; on Windows no folder has what is not driven, or locked."""
    return SystemFacts(
        windows=sys.platform == "win32",
        cpu=cpu_name(),
        gpus=gpus(),
        npus=npus(),
        undriven_npus=undriven_npus(_PCI),
        locked=locked(Path("/dev")),
        chosen=_chosen(),
    )


def _chosen() -> dict[str, str]:
    names = {name for names in CHOOSERS.values() for name in names}
    return {name: value for name, value in speed_variables(os.environ).items() if name in names}


def undriven_npus(bus: Path) -> tuple[str, ...]:
    """Intel NPUs below a PCI bus of Linux that no driver is bound to."""
    found = ((entry, NPU_NAMES.get(pci_id(entry) or "")) for entry in sorted(bus.glob("*")))
    return tuple(name for entry, name in found if name is not None and not (entry / "driver").exists())


def locked(devices: Path) -> dict[str, str]:
    """The files of GPUs and NPUs below ``/dev`` that this user may not read and write, each with its group."""
    files = (file for pattern in _DEVICE_FILES for file in sorted(devices.glob(pattern)))
    return {str(file): _group_of(file) for file in files if not os.access(file, os.R_OK | os.W_OK)}


def _group_of(file: Path) -> str:
    if sys.platform == "win32":
        return "unknown"
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        try:
            return file.group()
        except (KeyError, OSError):
            # A container may not know the groups of its host by name.
            return "unknown"
