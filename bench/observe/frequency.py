"""The CPU's clock around a timed region."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

import psutil

from bench.observe.pdh import PdhQuery
from bench.observe.sysfs import count_of, counts_of, text_of

_CPUS = Path("/sys/devices/system/cpu")
_CPUINFO = Path("/proc/cpuinfo")


class Clock(Protocol):
    """Reads the clock of a timed region. ``source`` is ``None`` on a machine that does not show it."""

    @property
    def source(self) -> str | None:
        """Where the number comes from."""

    def begin(self) -> None:
        """Read just before the region."""

    def end_mhz(self) -> float | None:
        """Read just after the region: its clock in MHz."""

    def close(self) -> None:
        """Release the counters."""


def clock_of(cpus: Collection[int] | None) -> Clock:
    """The clock of the logical CPUs ``cpus``; of all where ``None``."""
    return WindowsClock() if sys.platform == "win32" else LinuxClock(cpus)


class LinuxClock:
    """The mean of ``scaling_cur_freq`` over the CPUs, or of /proc/cpuinfo, and over both readings.

    psutil prefers /proc/cpuinfo, and reads each CPU's limits too, which takes three times as long.
    """

    def __init__(self, cpus: Collection[int] | None, folder: Path = _CPUS, cpuinfo: Path = _CPUINFO) -> None:
        self._cpus = cpus
        self._cpuinfo = cpuinfo
        folders = folder.glob("cpu[0-9]*") if cpus is None else (folder / f"cpu{number}" for number in cpus)
        files = (cpu / "cpufreq/scaling_cur_freq" for cpu in folders)
        self._files = [file for file in files if count_of(file) is not None]
        self._before: float | None = None
        name = "scaling_cur_freq" if self._files else "cpu MHz of /proc/cpuinfo"
        known = bool(self._files) or self._now() is not None
        self.source = f"{name}, mean of the CPUs that the process may use" if known else None

    def begin(self) -> None:
        """Read just before the region."""
        self._before = self._now()

    def end_mhz(self) -> float | None:
        """The mean of the readings before and after the region."""
        now = self._now()
        return None if now is None or self._before is None else (self._before + now) / 2

    def close(self) -> None:
        """Nothing is held open."""

    def _now(self) -> float | None:
        if self._files:
            read = counts_of(self._files)
            return sum(read) / len(read) / 1000 if read else None
        return cpuinfo_mhz(text_of(self._cpuinfo), self._cpus)


def cpuinfo_mhz(text: str, cpus: Collection[int] | None) -> float | None:
    """The mean clock in the text of ``/proc/cpuinfo``, in MHz."""
    found = []
    number = -1
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "processor" and value.strip().isdigit():
            number = int(value)
        elif name.strip() == "cpu MHz" and (cpus is None or number in cpus):
            found.append(float(value))
    return sum(found) / len(found) if found else None


class WindowsClock(PdhQuery):
    """The CPUs' mean speed in the region, relative to their base clock, times that."""

    _PERFORMANCE = r"\Processor Information(_Total)\% Processor Performance"

    def __init__(self, pdh: Any = None, base_mhz: float | None = None) -> None:
        super().__init__(self._PERFORMANCE, pdh=pdh)
        self._base_mhz = base_mhz if base_mhz is not None else _base_mhz()
        known = self.has_counters and self._base_mhz is not None
        self.source = "% Processor Performance x base clock, mean of all CPUs in the region" if known else None

    def begin(self) -> None:
        """Begin the region: the counter is a mean since the collection before."""
        self.collect()

    def end_mhz(self) -> float | None:
        """The mean over the region."""
        if self._base_mhz is None or not self.collect():
            return None
        percent = list(self.formatted(self._PERFORMANCE).values())
        return percent[0] / 100 * self._base_mhz if percent else None


def _base_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, RuntimeError):
        return None
    return frequency.max or None if frequency else None
