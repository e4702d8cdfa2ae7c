"""What is read around each generation of a worker: busy time, clock, sleep, energy; and device memory in between."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, field

from bench.observe.busy import Busy, Reading
from bench.observe.clocks import SLEPT_S, slept_s
from bench.observe.energy_meter import EnergyMeter, SumOfMeters, find_energy_meter
from bench.observe.linux_counters import LinuxCounters
from bench.observe.machine_conditions import ConditionReader, Conditions
from bench.observe.nvidia import NvidiaGpus
from bench.observe.windows_counters import WindowsCounters

Counters = LinuxCounters | WindowsCounters

SUSPENDED = "the machine was suspended"
"""The only reason for which a generation does not count."""


@dataclass(frozen=True, slots=True)
class Gauged:
    """What was read around one generation; ``None`` where the machine has no such counter.

    Args:
        energy_source: which counter that is, and what it covers.
        cpu_frequency_mhz: clock of the CPUs that the worker may use.
        slept_s: how long the machine slept.
    """

    busy: Busy = field(default_factory=Busy)
    energy_j: float | None = None
    energy_source: str | None = None
    cpu_frequency_mhz: float | None = None
    slept_s: float | None = None

    @property
    def invalid_reason(self) -> str | None:
        """Why the generation does not count."""
        return SUSPENDED if self.slept_s is not None and self.slept_s >= SLEPT_S else None


def counters_of(pid: int, device: str, cpus: Collection[int] | None, nvidia: NvidiaGpus | None = None) -> Counters:
    """This system's counters for the worker ``pid`` on ``device``, on the logical CPUs ``cpus`` (``None``: all)."""
    return WindowsCounters(pid) if sys.platform == "win32" else LinuxCounters(pid, device, cpus, nvidia=nvidia)


class Instruments:
    """What a run reads with; made once, because some counters are slow to open."""

    def __init__(self) -> None:
        self.energy = find_energy_meter()
        self.nvidia = NvidiaGpus()
        self.conditions = ConditionReader()

    def meter(self, device: str) -> EnergyMeter | None:
        """What counts the energy of a load on ``device``: CPU packages, with the boards of NVIDIA's GPUs if any.

        The boards are added for loads on the CPU too, so that devices compare. Where no package is counted, the boards
        alone are the energy of a load on one of them.
        """
        cpu, boards = self.energy.meter, self.nvidia if self.nvidia.read_j() is not None else None
        if cpu is not None and boards is not None:
            return SumOfMeters((cpu, boards))
        return cpu or (boards if device.partition(".")[0] == "CUDA" else None)

    def gauges(self, pid: int, device: str, cpus: Collection[int] | None) -> Gauges:
        """The gauges of a worker, as for :func:`counters_of`."""
        return Gauges(pid, self.conditions, self.meter(device), counters_of(pid, device, cpus, self.nvidia))


class Gauges:
    """The gauges of one worker, from when its model is loaded."""

    def __init__(self, pid: int, conditions: ConditionReader, meter: EnergyMeter | None, counters: Counters) -> None:
        self._pid = pid
        self._conditions = conditions
        self._meter = meter
        self._counters = counters
        self._busy = Reading(0)
        self._joules: float | None = None
        self._slept: float | None = None
        self.device_memory_bytes: int | None = None
        self.gauged = Gauged()
        self.before = conditions.read(pid)

    def begin(self) -> None:
        """Read just before a timed region; energy last, nearest to it."""
        self._busy = self._counters.busy()
        self._counters.begin_clock()
        self._slept = slept_s()
        self._joules = self._meter.read_j() if self._meter else None

    def end(self) -> None:
        """Read just after it; energy first."""
        joules = self._meter.read_j() if self._meter else None
        slept = slept_s()
        frequency = self._counters.clock_mhz()
        busy = self._counters.busy().since(self._busy)
        used = None if joules is None or self._joules is None else joules - self._joules
        self.gauged = Gauged(
            busy=busy,
            energy_j=used,
            energy_source=self._meter.source if self._meter and used is not None else None,
            cpu_frequency_mhz=frequency,
            slept_s=None if slept is None or self._slept is None else slept - self._slept,
        )

    def read_device_memory(self) -> None:
        """Read the device memory, between generations; the maximum is kept."""
        held = self._counters.device_memory_bytes()
        if held is not None:
            self.device_memory_bytes = max(held, self.device_memory_bytes or 0)

    def close(self) -> Conditions:
        """Close the counters; returns the conditions at the end, while the worker still runs."""
        after = self._conditions.read(self._pid)
        self._counters.close()
        return after
