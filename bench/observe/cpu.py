"""The cores of this machine: which are performance cores, and how many of them are physical."""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_LINUX_CPUS = Path("/sys/devices/system/cpu")
_LINUX_CORE_TYPES = Path("/sys/devices")


@dataclass(frozen=True, slots=True)
class Cores:
    """Physical cores by type.

    Args:
        physical: all physical cores; ``None`` where the system does not tell.
        logical: all hardware threads.
        performance: the physical cores of the fastest type; ``None`` on a machine with one type, or where unknown.
        efficiency: the other physical cores; ``None`` as above.
    """

    physical: int | None
    logical: int
    performance: int | None
    efficiency: int | None

    @property
    def default_threads(self) -> int:
        """Threads for every stack alike: the physical performance cores."""
        return self.performance or self.physical or self.logical


def cores() -> Cores:
    """Count the cores of this machine."""
    if sys.platform == "win32":
        kinds = _windows_kinds()
    else:
        kinds = linux_kinds(_LINUX_CPUS, _LINUX_CORE_TYPES)
    return count_kinds(kinds, psutil.cpu_count(logical=False), psutil.cpu_count() or 1)


def count_kinds(kinds: Iterable[tuple[int, int]], physical: int | None, logical: int) -> Cores:
    """Count physical cores per type.

    Args:
        kinds: per hardware thread its physical core and the class of that core, higher is faster.
        physical: physical cores as the system counts them.
        logical: hardware threads as the system counts them.
    """
    classes = dict(kinds)
    if len(set(classes.values())) < 2:
        return Cores(physical, logical, None, None)
    fastest = max(classes.values())
    performance = sum(1 for kind in classes.values() if kind == fastest)
    return Cores(physical, logical, performance, len(classes) - performance)


def linux_kinds(cpus: Path, core_types: Path) -> list[tuple[int, int]]:
    """Physical core and class of each hardware thread, from the list of fast CPUs that Linux shows as ``cpu_core``."""
    listed = core_types / "cpu_core" / "cpus"
    try:
        fast = set(parse_cpu_list(listed.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return []
    kinds = []
    for folder in cpus.glob("cpu[0-9]*"):
        number = int(folder.name.removeprefix("cpu"))
        try:
            package = int((folder / "topology/physical_package_id").read_text(encoding="ascii"))
            core = int((folder / "topology/core_id").read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        kinds.append((package * 4096 + core, int(number in fast)))
    return kinds


def parse_cpu_list(text: str) -> list[int]:
    """``0-3,8`` as ``[0, 1, 2, 3, 8]``."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def parse_cpu_sets(data: bytes) -> list[tuple[int, int]]:
    """Physical core and efficiency class of each thread, from Windows' SYSTEM_CPU_SET_INFORMATION records.

    Layout: Size u32, Type u32, Id u32, Group u16, LogicalProcessorIndex u8, CoreIndex u8, LastLevelCacheIndex u8,
    NumaNodeIndex u8, EfficiencyClass u8, …; a higher efficiency class is a faster core.
    """
    kinds = []
    offset = 0
    while offset + 20 <= len(data):
        size, kind = struct.unpack_from("<II", data, offset)
        if size < 20:
            break
        if kind == 0:
            group = struct.unpack_from("<H", data, offset + 12)[0]
            core = data[offset + 15]
            kinds.append((group * 4096 + core, data[offset + 18]))
        offset += size
    return kinds


if sys.platform == "win32":

    def _windows_kinds() -> list[tuple[int, int]]:
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        needed = ctypes.c_ulong(0)
        kernel32.GetSystemCpuSetInformation(None, 0, ctypes.byref(needed), None, 0)
        buffer = ctypes.create_string_buffer(needed.value)
        if not kernel32.GetSystemCpuSetInformation(buffer, needed.value, ctypes.byref(needed), None, 0):
            return []
        return parse_cpu_sets(buffer.raw[: needed.value])
