"""The counters of busy time that this system has, for one process."""

from __future__ import annotations

import sys

from bench.observe.busy_linux import LinuxCounters
from bench.observe.busy_windows import WindowsCounters

BusyCounters = LinuxCounters | WindowsCounters


def busy_counters(pid: int) -> BusyCounters:
    """The counters of this system for the process ``pid``."""
    return WindowsCounters(pid) if sys.platform == "win32" else LinuxCounters(pid)
