"""The counters of busy time that this system has, for one process."""

from __future__ import annotations

import sys
from typing import Protocol

from bench.observe.busy import Reading
from bench.observe.busy_linux import LinuxCounters
from bench.observe.busy_windows import WindowsCounters


class BusyCounters(Protocol):
    """The counters as they stand for one worker."""

    def read(self) -> Reading:
        """Read all counters now. Cheap enough for either end of a timed region."""
        ...

    def close(self) -> None:
        """Let go of what the system lent."""
        ...


def busy_counters(pid: int) -> BusyCounters:
    """The counters of this system for the process ``pid``."""
    return WindowsCounters(pid) if sys.platform == "win32" else LinuxCounters(pid)
