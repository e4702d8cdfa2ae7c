"""What is read around each generation of one worker beside busy time: energy, clock, sleep, device memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bench.observe.conditions import ConditionReader, Conditions
from bench.observe.device_memory import DeviceMemory, device_memory_of
from bench.observe.energy import EnergyMeter, find_energy_meter
from bench.observe.frequency import Clock, clock_of
from bench.observe.sleep import SLEPT_S, slept_s

SUSPENDED = "the machine was suspended"
"""Why a generation does not count during which the machine slept: the only reason for which one is left out."""


@dataclass(frozen=True, slots=True)
class Gauged:
    """What was read around one generation; ``None`` where the machine has no such counter.

    Args:
        energy_j: energy between the readings, in joules.
        energy_source: which counter that is, and what it covers.
        cpu_frequency_mhz: clock of the CPUs that the worker may use.
        slept_s: how long the machine slept in between.
    """

    energy_j: float | None = None
    energy_source: str | None = None
    cpu_frequency_mhz: float | None = None
    slept_s: float | None = None

    @property
    def invalid_reason(self) -> str | None:
        """Why the generation does not count."""
        return SUSPENDED if self.slept_s is not None and self.slept_s >= SLEPT_S else None


class Instruments:
    """What one run reads with; made once, because some counters are costly to open."""

    def __init__(self) -> None:
        self.energy = find_energy_meter()
        self.conditions = ConditionReader()

    def gauges(self, pid: int, device: str, cpus: Collection[int] | None) -> Gauges:
        """Gauges for a worker.

        Args:
            pid: its process.
            device: as asked for.
            cpus: the logical CPUs that it may use; ``None`` for all.
        """
        return Gauges(pid, self.conditions, self.energy.meter, clock_of(cpus), device_memory_of(pid, device))


class Gauges:
    """The gauges of one worker, from the moment that its model is loaded.

    Args:
        pid: its process.
        conditions: reads the machine's conditions.
        meter: reads energy; ``None`` where there is none.
        clock: reads the CPUs' clock.
        memory: reads device memory.
    """

    def __init__(
        self, pid: int, conditions: ConditionReader, meter: EnergyMeter | None, clock: Clock, memory: DeviceMemory
    ) -> None:
        self._pid = pid
        self._conditions = conditions
        self._meter = meter
        self._clock = clock
        self._memory = memory
        self._joules: float | None = None
        self._slept: float | None = None
        self.device_memory_bytes: int | None = None
        self.before = conditions.read(pid)

    def begin(self) -> None:
        """Read just before a timed region; energy last, nearest to it."""
        self._clock.begin()
        self._slept = slept_s()
        self._joules = self._meter.read_j() if self._meter else None

    def end(self) -> Gauged:
        """Read just after it; energy first."""
        joules = self._meter.read_j() if self._meter else None
        slept = slept_s()
        frequency = self._clock.end_mhz()
        used = None if joules is None or self._joules is None else joules - self._joules
        return Gauged(
            energy_j=used,
            energy_source=self._meter.source if self._meter and used is not None else None,
            cpu_frequency_mhz=frequency,
            slept_s=None if slept is None or self._slept is None else slept - self._slept,
        )

    def look_at_memory(self) -> None:
        """Read the device memory, between generations; the most is kept."""
        held = self._memory.read_bytes()
        if held is not None:
            self.device_memory_bytes = max(held, self.device_memory_bytes or 0)

    def close(self) -> Conditions:
        """The conditions at the end, while the worker is still there; then let go."""
        after = self._conditions.read(self._pid)
        self._clock.close()
        self._memory.close()
        return after
