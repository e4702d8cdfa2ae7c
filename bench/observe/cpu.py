"""The cores of this machine: performance and efficiency cores, physical and logical ones, usable ones."""

import ctypes
import struct
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.observe.sysfs import count_of, text_of
from bench.observe.windows import library

_LINUX_CPUS = Path("/sys/devices/system/cpu")
_LINUX_CORE_TYPES = Path("/sys/devices")

Kinds = Mapping[int, tuple[int, int]]
"""Logical CPU -> its physical core and the class of that core; a higher class is faster."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Counts of physical cores, logical CPUs, and physical cores of the fastest type and of the others.

    ``None`` where the system does not show them; the last two also on a machine with one type of core.
    """

    physical: int | None
    logical: int
    performance: int | None
    efficiency: int | None

    @property
    def default_threads(self) -> int:
        """Threads for every stack alike: the physical performance cores."""
        return self.performance or self.physical or self.logical


def cores(cpus: Collection[int] | None = None) -> Cores:
    """The cores of this machine, or of the logical CPUs ``cpus`` alone."""
    kinds = _windows_kinds() if sys.platform == "win32" else linux_kinds(_LINUX_CPUS, _LINUX_CORE_TYPES)
    whole = count_kinds(kinds, psutil.cpu_count(logical=False), psutil.cpu_count() or 1)
    return whole if cpus is None else kept_to(cpus, whole, kinds)


def count_kinds(kinds: Kinds, physical: int | None, logical: int) -> Cores:
    """Count physical cores per type; ``physical`` and ``logical`` are the system's own counts."""
    classes = dict(kinds.values())
    if len(set(classes.values())) < 2:
        return Cores(physical, logical, None, None)
    fastest = max(classes.values())
    performance = sum(1 for kind in classes.values() if kind == fastest)
    return Cores(physical, logical, performance, len(classes) - performance)


def kept_to(cpus: Collection[int], whole: Cores, kinds: Kinds) -> Cores:
    """The cores of the logical CPUs ``cpus`` of a machine with the cores ``whole``.

    Where the kind of one of ``cpus`` is not known, there are at most as many cores as ``cpus``.
    """
    if len(cpus) >= whole.logical:
        return whole
    mine = {cpu: kinds[cpu] for cpu in cpus if cpu in kinds}
    if len(mine) < len(cpus):
        return Cores(min(whole.physical or len(cpus), len(cpus)), len(cpus), None, None)
    return count_kinds(mine, len({core for core, _ in mine.values()}), len(cpus))


def linux_kinds(cpus: Path, core_types: Path) -> dict[int, tuple[int, int]]:
    """Physical core and class of each logical CPU; fast ones are those that Linux lists as ``cpu_core``, if any."""
    listed = text_of(core_types / "cpu_core" / "cpus")
    fast = set(parse_cpu_list(listed)) if listed else set()
    kinds = {}
    for folder in cpus.glob("cpu[0-9]*"):
        number = int(folder.name.removeprefix("cpu"))
        package, core = (count_of(folder / "topology" / name) for name in ("physical_package_id", "core_id"))
        if package is not None and core is not None:
            kinds[number] = (package * 4096 + core, int(number in fast))
    return kinds


def parse_cpu_list(text: str) -> list[int]:
    """``0-3,8`` as ``[0, 1, 2, 3, 8]``."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def cpu_list(numbers: Collection[int]) -> str:
    """``[0, 1, 2, 3, 8]`` as ``0-3,8``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def parse_cpu_sets(data: bytes) -> dict[int, tuple[int, int]]:
    """Physical core and efficiency class of each logical CPU, from Windows' SYSTEM_CPU_SET_INFORMATION records.

    The CPUs, up to 64 in a group, are numbered across groups; an affinity mask is one of group 0.

    Layout: Size u32, Type u32, Id u32, Group u16, LogicalProcessorIndex u8, CoreIndex u8, LastLevelCacheIndex u8,
    NumaNodeIndex u8, EfficiencyClass u8, …; a higher efficiency class is a faster core.
    """
    kinds = {}
    offset = 0
    while offset + 20 <= len(data):
        size, kind = struct.unpack_from("<II", data, offset)
        if size < 20:
            break
        if kind == 0:
            group = struct.unpack_from("<H", data, offset + 12)[0]
            number, core = data[offset + 14], data[offset + 15]
            kinds[group * 64 + number] = (group * 4096 + core, data[offset + 18])
        offset += size
    return kinds


def _windows_kinds() -> dict[int, tuple[int, int]]:
    kernel32 = library("kernel32")
    needed = ctypes.c_ulong(0)
    kernel32.GetSystemCpuSetInformation(None, 0, ctypes.byref(needed), None, 0)
    buffer = ctypes.create_string_buffer(needed.value)
    if not kernel32.GetSystemCpuSetInformation(buffer, needed.value, ctypes.byref(needed), None, 0):
        return {}
    return parse_cpu_sets(buffer.raw[: needed.value])
