"""Energy in joules, by the CPU's own counters: RAPL on Linux, the Energy Meter Interface on Windows.

They cover a whole package and every process on it. RAPL is a model inside the CPU, refreshed about every millisecond
(Intel SDM, volume 3, 15.10; kernel documentation, "Power Capping Framework").
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from bench.observe.sysfs import count_of, text_of

_POWERCAP = Path("/sys/class/powercap")
_JOULES_PER_KWH = 3.6e6
ALLOW_RAPL = "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
"""Lets every user read RAPL until the next start of the system."""
INSTALL_EMI = "$env:AIPC_BENCH_EXTRAS = 'energy'"
"""Set in PowerShell before a run: brings the library that reads the Energy Meter Interface into the harness's venv."""


@dataclass(frozen=True, slots=True)
class FoundMeter:
    """The machine's meter, or what prevents reading it, if that can be changed.

    ``problem`` is a key of :data:`bench.findings.MESSAGES`, ``remedy`` what to type.
    """

    meter: EnergyMeter | None
    problem: str | None = None
    remedy: str | None = None


def find_energy_meter() -> FoundMeter:
    """The meter of this machine."""
    return find_emi() if sys.platform == "win32" else find_rapl(_POWERCAP)


def find_rapl(folder: Path) -> FoundMeter:
    """The package domains below ``/sys/class/powercap``.

    The domain ``psys``, the whole platform on some laptops, contains the packages and is never added to them; it is
    used where there is no package.
    """
    domains = {zone: text_of(zone / "name") for zone in sorted(folder.glob("intel-rapl:*"))}
    packages = [zone for zone, name in domains.items() if name.startswith("package-")]
    chosen = packages or [zone for zone, name in domains.items() if name == "psys"]
    if not chosen:
        return FoundMeter(None)
    if any(count_of(zone / "energy_uj") is None for zone in chosen):
        return FoundMeter(None, "rapl", ALLOW_RAPL)
    names = ", ".join(domains[zone] for zone in chosen)
    covers = "whole package" if packages else "whole platform"
    beside = "; psys, the whole platform, is not added" if packages and "psys" in domains.values() else ""
    return FoundMeter(RaplMeter(chosen, f"RAPL {names}: {covers}, all processes{beside}"))


class RaplMeter:
    """Domains of RAPL, added up; each counter restarts from 0 at its ``max_energy_range_uj``."""

    def __init__(self, zones: list[Path], source: str) -> None:
        self.source = source
        self._ranges = {zone: count_of(zone / "max_energy_range_uj") for zone in zones}
        self._last: dict[Path, int | None] = {zone: count_of(zone / "energy_uj") for zone in zones}
        self._total_uj = 0

    def read_j(self) -> float | None:
        """Joules since the meter was made."""
        for zone, before in self._last.items():
            now = count_of(zone / "energy_uj")
            if now is None or before is None:
                return None
            full = self._ranges[zone]
            # The range is the largest value that the counter takes (powercap: it wraps from there to 0).
            wrapped = 0 if now >= before else (full + 1 if full is not None else before)
            self._total_uj += now - before + wrapped
            self._last[zone] = now
        return self._total_uj / 1e6


def find_emi(library: Any = None) -> FoundMeter:
    """The Energy Meter Interface of Windows 11, through ``codecarbon.core.windows_emi`` where that is installed."""
    try:
        meter = (library or importlib.import_module("codecarbon.core.windows_emi")).WindowsEMI()
        meter.start()
    except ImportError:
        return FoundMeter(None, "energy-meter", INSTALL_EMI)
    except (OSError, SystemError, ValueError):
        return FoundMeter(None)
    return FoundMeter(EmiMeter(meter))


class EmiMeter:
    """Package channels of the Energy Meter Interface, added up.

    ``meter``: a started ``WindowsEMI`` of codecarbon, which returns the energy per channel since the call before.
    """

    source = "Energy Meter Interface, by codecarbon: CPU packages, all processes"

    def __init__(self, meter: Any) -> None:
        self._meter = meter
        self._total_j = 0.0

    def read_j(self) -> float | None:
        """Joules since the meter was made; ``None`` where no channel answers."""
        try:
            # The duration is for its power values, which are not used.
            details = self._meter.get_cpu_details(SimpleNamespace(seconds=0.0))
        except OSError:
            return None
        energies = [value for name, value in details.items() if "Energy" in name]
        if not energies:
            return None
        self._total_j += sum(energies) * _JOULES_PER_KWH
        return self._total_j


class EnergyMeter(Protocol):
    """Joules that only go up; ``source`` says which counter, and what it covers."""

    @property
    def source(self) -> str:
        """Which counter, and what it covers."""

    def read_j(self) -> float | None:
        """Joules since some moment; ``None`` where the counter does not answer."""


class SumOfMeters:
    """Meters of different parts of the machine, added up."""

    def __init__(self, meters: Sequence[EnergyMeter]) -> None:
        self._meters = meters
        self.source = " + ".join(meter.source for meter in meters)

    def read_j(self) -> float | None:
        """Joules of all parts; ``None`` where one does not answer."""
        read = [meter.read_j() for meter in self._meters]
        known = [joules for joules in read if joules is not None]
        return sum(known) if len(known) == len(read) else None
