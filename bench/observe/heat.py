"""The CPU's temperature, and how often or how far it was throttled."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.observe.pdh import PdhQuery
from bench.observe.sysfs import counts_of

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


@dataclass(frozen=True, slots=True)
class Held:
    """How the CPU was throttled.

    Args:
        throttles: how often since the start of the system, cores and packages added up (Linux).
        limit_percent: the share of its full speed to which it is limited now (Windows).
    """

    throttles: int | None = None
    limit_percent: float | None = None


class HeldBack(PdhQuery):
    """Reads :class:`Held`."""

    _LIMIT = r"\Processor Information(_Total)\% Performance Limit"

    def __init__(self, cpus: Path = _CPUS, pdh: Any = None) -> None:
        super().__init__(self._LIMIT, pdh=pdh)
        self._files = sorted(cpus.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))

    def read(self) -> Held:
        """Read it now."""
        counts = counts_of(self._files)
        limits = self.raw(self._LIMIT).values() if self.collect() else ()
        return Held(sum(counts) if counts else None, float(min(limits)) if limits else None)
