"""Memory of a worker by the system's counters, and whether it is about to run out."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.observe.limits import usable_memory
from bench.observe.sysfs import text_of

_FLOOR_BYTES = 256 * 1024**2
_FLOOR_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory of one process, in bytes.

    Args:
        peak_bytes: the most that was ever resident, by the system's own counter (VmHWM, PeakWorkingSetSize).
        private_bytes: what is this process's alone now, without pages shared with others.
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
        status = text_of(Path(f"/proc/{pid}/status"))
        return MemoryUse(parse_high_water_mark(status), process.memory_full_info().uss)
    except (psutil.Error, OSError):
        return MemoryUse(None, None)


def parse_high_water_mark(status: str) -> int | None:
    """VmHWM in the text of ``/proc/<pid>/status``, in bytes."""
    found = re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


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
