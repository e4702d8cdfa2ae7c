"""The CPU's temperature, and how often or how far it was throttled."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.observe.sysfs import counts_of
from bench.observe.windows_counters import PdhQuery

_CPUS = Path("/sys/devices/system/cpu")
_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "acpitz")
"""Sensors of CPUs as Linux names them, the best first."""


def cpu_temperature_c() -> float | None:
    """The hottest CPU sensor, in degrees Celsius; ``None`` where none can be read, as on Windows."""
    if sys.platform == "win32":
        return None
    try:
        return hottest(psutil.sensors_temperatures())
    except (OSError, AttributeError, ValueError):
        return None


def hottest(sensors: Mapping[str, Sequence[Any]]) -> float | None:
    """The hottest reading of the best kind of CPU sensor among psutil's."""
    for chip in _CHIPS:
        readings = [float(sensor.current) for sensor in sensors.get(chip, ()) if sensor.current]
        if readings:
            return max(readings)
    return None


class Throttles(PdhQuery):
    """How the CPU is throttled; ``None`` where the system does not show it."""

    _LIMIT = r"\Processor Information(_Total)\% Performance Limit"

    def __init__(self, cpus: Path = _CPUS, pdh: Any = None) -> None:
        super().__init__(self._LIMIT, pdh=pdh)
        self._files = sorted(cpus.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))

    def count(self) -> int | None:
        """How often since the start of the system, cores and packages added up (Linux)."""
        counts = counts_of(self._files)
        return sum(counts) if counts else None

    def limit_percent(self) -> float | None:
        """The share of its full speed to which it is limited now (Windows)."""
        limits = self.raw(self._LIMIT).values() if self.collect() else ()
        return float(min(limits)) if limits else None
