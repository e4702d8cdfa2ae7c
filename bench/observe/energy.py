"""Energy in joules, by the counters that the CPU itself keeps: RAPL on Linux, the Energy Meter Interface on Windows.

They count a whole package with all that runs on it, not a process. RAPL is a model of the CPU's own, refreshed about
every millisecond (Intel SDM, volume 3, 15.10; kernel documentation, "Power Capping Framework").
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.observe.sysfs import count_of, text_of

_POWERCAP = Path("/sys/class/powercap")
_JOULES_PER_KWH = 3.6e6
ALLOW_RAPL = "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
"""Lets every user read RAPL until the next start of the system."""
INSTALL_EMI = "$env:AIPC_BENCH_EXTRAS = 'energy'"
"""Set in PowerShell before a run: brings the library that reads the Energy Meter Interface into the harness's venv."""


class EnergyMeter(Protocol):
    """Joules that only go up. ``source`` names the counter and what it covers."""

    @property
    def source(self) -> str:
        """Which counter, and what it covers."""
        ...

    def read_j(self) -> float | None:
        """Joules since the meter was made; ``None`` where the counter cannot be read any more."""
        ...


@dataclass(frozen=True, slots=True)
class FoundMeter:
    """The machine's meter, or why there is none that this user can read.

    Args:
        meter: ``None`` if there is none.
        problem: key of :data:`bench.findings.MESSAGES`: what keeps it from being read, where that can be changed.
        remedy: what to type.
    """

    meter: EnergyMeter | None
    problem: str | None = None
    remedy: str | None = None


def find_energy_meter() -> FoundMeter:
    """The meter of this machine."""
    return find_emi() if sys.platform == "win32" else find_rapl(_POWERCAP)


def find_rapl(folder: Path) -> FoundMeter:
    """The package domains below ``/sys/class/powercap``.

    The domain ``psys``, the whole platform on some laptops, holds the packages and is never added to them; it stands
    alone where there is no package.
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
    """Domains of RAPL, added up; each counter starts again from 0 at its ``max_energy_range_uj``.

    Args:
        zones: folders of the domains.
        source: see :class:`EnergyMeter`.
    """

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
    """The Energy Meter Interface of Windows 11, through codecarbon where it is installed.

    Args:
        library: the module ``codecarbon.core.windows_emi``, or what answers like it.
    """
    if library is None:
        try:
            library = importlib.import_module("codecarbon.core.windows_emi")
        except ImportError:
            return FoundMeter(None, "energy-meter", INSTALL_EMI)
    try:
        meter = library.WindowsEMI()
        meter.start()
    except (OSError, SystemError, ValueError):
        return FoundMeter(None)
    return FoundMeter(EmiMeter(meter))


class _SincePrevious(Protocol):
    """What is used of codecarbon's ``WindowsEMI``: energy per channel since the call before."""

    def get_cpu_details(self, duration: Any) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True)
class _NoTime:
    """The time to divide by where the meter itself does not tell any; power is not used here."""

    seconds: float = 0.0


class EmiMeter:
    """Package channels of the Energy Meter Interface, added up.

    Args:
        meter: a started ``WindowsEMI``.
    """

    source = "Energy Meter Interface, by codecarbon: CPU packages, all processes"

    def __init__(self, meter: _SincePrevious) -> None:
        self._meter = meter
        self._total_j = 0.0

    def read_j(self) -> float | None:
        """Joules since the meter was made; ``None`` where no channel answers."""
        try:
            details = self._meter.get_cpu_details(_NoTime())
        except OSError:
            return None
        energies = [value for name, value in details.items() if "Energy" in name]
        if not energies:
            return None
        self._total_j += sum(energies) * _JOULES_PER_KWH
        return self._total_j
