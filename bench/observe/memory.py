"""Memory of a worker as the system counts it, and how much is left to it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.observe.limits import usable_memory

_FLOOR_BYTES = 256 * 1024**2
_FLOOR_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory of one process, in bytes; ``None`` where the system does not tell.

    Args:
        peak_bytes: the most that was ever resident, from the system's own peak counter (VmHWM, PeakWorkingSetSize).
        private_bytes: what belongs to this process alone now: pages shared with others are not in it.
    """

    peak_bytes: int | None
    private_bytes: int | None


def memory_of(pid: int) -> MemoryUse:
    """Read the memory counters of process ``pid``; both ``None`` once it is gone."""
    try:
        process = psutil.Process(pid)
        if sys.platform == "win32":
            info = process.memory_info()
            return MemoryUse(info.peak_wset, info.private)
        return MemoryUse(_high_water_mark(pid), process.memory_full_info().uss)
    except (psutil.Error, OSError):
        return MemoryUse(None, None)


def parse_high_water_mark(status: str) -> int | None:
    """VmHWM out of the text of ``/proc/<pid>/status``, in bytes."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _high_water_mark(pid: int) -> int | None:
    return parse_high_water_mark(Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace"))


def shortage(available_bytes: int, total_bytes: int) -> str | None:
    """Why memory is about to run out, or ``None`` while it is not."""
    floor = max(_FLOOR_BYTES, round(total_bytes * _FLOOR_SHARE))
    if available_bytes >= floor:
        return None
    left = f"{available_bytes / 1024**2:.0f} MB of {total_bytes / 1024**2:.0f} MB left"
    return f"{left}; close other programs or use a smaller model"


def starving() -> str | None:
    """:func:`shortage` of what this process and its workers may use, now."""
    memory = usable_memory()
    return shortage(memory.available_bytes, memory.total_bytes)
