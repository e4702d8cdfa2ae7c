"""Clocks beside the wall's, which may be set: how long the machine has slept, and moments whose distance is true.

Python's ``time.monotonic`` and ``time.perf_counter`` stand still on Linux while the machine sleeps, and run on on
Windows.
"""

import ctypes
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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


def _running_s() -> float:
    """Seconds of a clock that nobody sets and that runs on while the machine sleeps."""
    if sys.platform == "win32":
        return time.monotonic()
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, in UTC by the wall clock."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _running_s: float = field(default_factory=_running_s)

    def now(self) -> datetime:
        """As long after :attr:`at` as it is, wherever the wall clock was set to."""
        return self.at + timedelta(seconds=_running_s() - self._running_s)
