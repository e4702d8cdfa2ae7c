"""Memory that a process holds on a GPU, or that the NPU holds, by the driver's own counters."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from backends.spec import hardware_of
from bench.observe.busy_linux import fdinfo_clients
from bench.observe.pdh import PdhQuery
from bench.observe.sysfs import counts_of, texts_of

_PROC = Path("/proc")
_NPU_DRIVER = Path("/sys/bus/pci/drivers/intel_vpu")
_PATHS = (r"\GPU Process Memory(*)\Dedicated Usage", r"\GPU Process Memory(*)\Shared Usage")
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


class DeviceMemory(Protocol):
    """Reads the device memory of one process."""

    def read_bytes(self) -> int | None:
        """Bytes held now; ``None`` without a counter."""

    def close(self) -> None:
        """Release the counters."""


def device_memory_of(pid: int, device: str) -> DeviceMemory:
    """The memory that process ``pid`` holds on ``device``, a name such as ``GPU``."""
    return WindowsDeviceMemory(pid) if sys.platform == "win32" else LinuxDeviceMemory(pid, device)


class LinuxDeviceMemory:
    """``drm-resident-*`` of the process, or the NPU's ``npu_memory_utilization`` (kernel 6.15) for a load on it.

    The NPU's counter covers the whole device.
    """

    def __init__(self, pid: int, device: str, proc: Path = _PROC, npu_driver: Path = _NPU_DRIVER) -> None:
        self._descriptors = proc / str(pid) / "fdinfo"
        on_npu = hardware_of(device) == "NPU"
        self._npu_files = sorted(npu_driver.glob("*/npu_memory_utilization")) if on_npu else []

    def read_bytes(self) -> int | None:
        """Bytes held now."""
        if self._npu_files:
            counts = counts_of(self._npu_files)
            return sum(counts) if counts else None
        return gpu_memory_bytes(texts_of(self._descriptors))

    def close(self) -> None:
        """Nothing is held open."""


def gpu_memory_bytes(texts: Iterable[str]) -> int | None:
    """Resident memory over all GPU clients of a process and all regions; ``None`` if no client has a counter.

    ``drm-resident-<region>`` (i915, xe, newer amdgpu) or the older ``drm-memory-<region>`` of the kernel's
    ``drm-usage-stats``. Several open files of one client count once.
    """
    held = [found for fields in fdinfo_clients(texts).values() if (found := _resident(fields)) is not None]
    return sum(held) if held else None


def _resident(fields: Mapping[str, str]) -> int | None:
    for prefix in ("drm-resident-", "drm-memory-"):
        sizes = [_size(value) for name, value in fields.items() if name.startswith(prefix)]
        known = [size for size in sizes if size is not None]
        if known:
            return sum(known)
    return None


def _size(value: str) -> int | None:
    number, _, unit = value.strip().partition(" ")
    if not number.isdigit() or unit.strip() not in _UNITS:
        return None
    return int(number) * _UNITS[unit.strip()]


class WindowsDeviceMemory(PdhQuery):
    """``GPU Process Memory``: dedicated and shared bytes of the process, on GPUs and NPUs alike, as Task Manager adds.

    ``Local Usage`` is not added: on an integrated GPU it is the shared memory once more.
    """

    def __init__(self, pid: int, pdh: Any = None) -> None:
        super().__init__(*_PATHS, pdh=pdh)
        self._prefix = f"pid_{pid}_luid_"

    def read_bytes(self) -> int | None:
        """Bytes held now."""
        if not self.collect():
            return None
        instances = (item for path in _PATHS for item in self.raw(path).items())
        held = [value for name, value in instances if name.lower().startswith(self._prefix)]
        return sum(held) if held else None
