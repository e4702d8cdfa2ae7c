"""How long the machine has slept: a clock that runs on while it sleeps, less one that stands still.

Linux has CLOCK_BOOTTIME and CLOCK_MONOTONIC, Windows QueryInterruptTime and QueryUnbiasedInterruptTime. Python's own
``time.monotonic`` and ``time.perf_counter`` stand still on Linux and run on on Windows, so neither tells alone.
"""

from __future__ import annotations

import ctypes
import sys
import time
from typing import Any

SLEPT_S = 0.5
"""From where on two readings say that the machine slept in between: the clocks of Windows tick in up to 16 ms."""

if sys.platform == "win32":
    _kernelbase: Any = ctypes.WinDLL("kernelbase")

    def slept_s() -> float | None:
        """Seconds that the machine has slept since its start; ``None`` where it does not tell."""
        return windows_slept_s(_kernelbase)

else:

    def slept_s() -> float | None:
        """Seconds that the machine has slept since its start; ``None`` where it does not tell."""
        if not hasattr(time, "CLOCK_BOOTTIME"):
            return None
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
