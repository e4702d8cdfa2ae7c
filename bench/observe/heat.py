"""How hot the CPU is, and how often or how far it was held back for it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.observe.pdh import PdhQuery
from bench.observe.sysfs import count_of

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
    """The hottest reading of the best kind of CPU sensor there is.

    Args:
        sensors: chip -> its readings, as psutil has them.
    """
    for chip in _CHIPS:
        readings = [float(sensor.current) for sensor in sensors.get(chip, ()) if sensor.current]
        if readings:
            return max(readings)
    return None


@dataclass(frozen=True, slots=True)
class Held:
    """How the CPU was held back.

    Args:
        throttles: how often since the start of the system, cores and packages added up (Linux).
        limit_percent: to how much of its full speed it is limited now (Windows); 100 is not at all.
    """

    throttles: int | None = None
    limit_percent: float | None = None


class HeldBack:
    """Reads :class:`Held`.

    Args:
        cpus: ``/sys/devices/system/cpu``.
        pdh: the library of Windows, or what answers like it.
    """

    _LIMIT = r"\Processor Information(_Total)\% Performance Limit"

    def __init__(self, cpus: Path = _CPUS, pdh: Any = None) -> None:
        self._files = sorted(cpus.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))
        self._query = PdhQuery({"limit": self._LIMIT}, pdh)

    def read(self) -> Held:
        """Read it now."""
        counts = [count for file in self._files if (count := count_of(file)) is not None]
        limits = self._query.raw("limit").values() if self._query.collect() else ()
        return Held(sum(counts) if counts else None, float(min(limits)) if limits else None)
