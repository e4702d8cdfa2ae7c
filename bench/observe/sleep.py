"""How long the machine has slept: a clock that runs on while it sleeps, less one that stands still.

Python's ``time.monotonic`` and ``time.perf_counter`` stand still on Linux and run on on Windows.
"""

from __future__ import annotations

import ctypes
import sys
import time
from typing import Any

from bench.observe.windows import library

SLEPT_S = 0.5
"""The least difference of two readings that counts as sleep: Windows' clocks tick in up to 16 ms."""

_KERNELBASE = library("kernelbase")


def slept_s() -> float | None:
    """Seconds that the machine has slept since its start; ``None`` where the system does not show it."""
    if sys.platform == "win32":
        return windows_slept_s(_KERNELBASE)
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def windows_slept_s(library: Any) -> float | None:
    """The same from ``kernelbase``, whose clocks count in units of 100 ns."""
    running, awake = ctypes.c_uint64(0), ctypes.c_uint64(0)
    try:
        library.QueryInterruptTime(ctypes.byref(running))
        library.QueryUnbiasedInterruptTime(ctypes.byref(awake))
    except AttributeError:
        return None
    return (running.value - awake.value) / 1e7
