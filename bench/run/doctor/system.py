"""What the system itself knows of accelerators: those that it lists, those without a driver, those it keeps from us."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.observe.accelerators import NPU_NAMES, AcceleratorFacts, gpus, npus, pci_id
from bench.observe.machine import cpu_name

_PCI = Path("/sys/bus/pci/devices")
_DEVICE_FILES = ("accel/accel*", "dri/renderD*")


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """Accelerators as the system has them.

    Args:
        windows: whether this is Windows; Linux otherwise.
        cpu: the processor's name.
        gpus: name, PCI id and driver of each GPU.
        npus: the same of each NPU.
        undriven_npus: names of NPUs on the PCI bus that no kernel driver has taken.
        locked: device files that this user may not open, e.g. ``/dev/accel/accel0``.
    """

    windows: bool
    cpu: str | None = None
    gpus: Sequence[AcceleratorFacts] = ()
    npus: Sequence[AcceleratorFacts] = ()
    undriven_npus: Sequence[str] = ()
    locked: Sequence[str] = ()


def system_facts() -> SystemFacts:
    """Look at this machine."""
    if sys.platform == "win32":
        return SystemFacts(windows=True, cpu=cpu_name(), gpus=gpus(), npus=npus())
    return SystemFacts(
        windows=False,
        cpu=cpu_name(),
        gpus=gpus(),
        npus=npus(),
        undriven_npus=undriven_npus(_PCI),
        locked=locked(Path("/dev")),
    )


def undriven_npus(bus: Path) -> tuple[str, ...]:
    """Intel NPUs below a PCI bus of Linux that no driver is bound to."""
    found = ((entry, NPU_NAMES.get(pci_id(entry) or "")) for entry in sorted(bus.glob("*")))
    return tuple(name for entry, name in found if name is not None and not (entry / "driver").exists())


def locked(devices: Path) -> tuple[str, ...]:
    """The files of GPUs and NPUs below ``/dev`` that this user may not read and write."""
    files = (file for pattern in _DEVICE_FILES for file in sorted(devices.glob(pattern)))
    return tuple(str(file) for file in files if not os.access(file, os.R_OK | os.W_OK))
