"""Memory of a worker by the system's counters, and whether it is about to run out."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.observe.limits import UsableMemory, swap, usable_memory
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


def kept_free(total_bytes: int) -> int:
    """What is left to the harness and the system, in bytes."""
    return max(_FLOOR_BYTES, round(total_bytes * _FLOOR_SHARE))


def shortage(available_bytes: int, total_bytes: int) -> str | None:
    """Why memory is about to run out, or ``None`` while it is not."""
    if available_bytes >= kept_free(total_bytes):
        return None
    left = f"{available_bytes / 1024**2:.0f} MB of {total_bytes / 1024**2:.0f} MB left"
    return f"{left}; close other programs or use a smaller model"


def cap_of(memory: UsableMemory, free_swap_bytes: int) -> int:
    """The most memory that a worker or converter may take: all that could be had now, but for what is kept free.

    Swap is part of it, since what is reserved and never touched counts too, unless there is a limit on this process,
    of which the machine's swap is no part.
    """
    swap = free_swap_bytes if memory.total_bytes == memory.machine_bytes else 0
    return max(0, memory.available_bytes + swap - kept_free(memory.total_bytes))


def memory_cap() -> int:
    """:func:`cap_of` what this process and its workers may use, now."""
    found = swap()
    return cap_of(usable_memory(), 0 if found is None else found.free)


_REFUSED = re.compile(
    r"bad.alloc|out.of.memory|MemoryError|(can't|cannot|could not|failed to|unable to) allocate|not enough memory"
    r"|insufficient memory|memory allocation of \d+ bytes failed|paging file is too small|can't start new thread"
    r"|resource temporarily unavailable",
    re.IGNORECASE,
)
"""How stacks, converters and the languages that they are written in say that memory was refused to them."""


def refused_by_cap(message: str, cap_bytes: int) -> str | None:
    """What to add to an error of a process with a cap, where it says that memory was refused; else ``None``."""
    if not _REFUSED.search(message):
        return None
    return (
        f"memory cap: it may take {cap_bytes / 1e9:.1f} GB, so that the machine does not run out of memory; close "
        "other programs, or use a smaller model or precision"
    )


def starving() -> str | None:
    """:func:`shortage` of what this process and its workers may use, now."""
    memory = usable_memory()
    return shortage(memory.available_bytes, memory.total_bytes)
