"""The conditions under which something is measured, as they are at a moment; two of them tell what happened between."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.observe.heat import Held, HeldBack, cpu_temperature_c
from bench.observe.power import PowerState, power_state
from bench.observe.sleep import slept_s

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU time since the start of the system, in seconds, all CPUs added up.

    Args:
        capacity_s: what there was to be had, idle time included.
        busy_s: what was used, by whomever.
        own_s: what this program and the worker used; of those that were alive at both moments.
        stolen_s: what a hypervisor gave to others; ``None`` where the system does not count it.
    """

    capacity_s: float
    busy_s: float
    own_s: float
    stolen_s: float | None = None

    def since(self, earlier: CpuTime) -> CpuTime:
        """What was added since ``earlier``."""
        stolen = None
        if self.stolen_s is not None and earlier.stolen_s is not None:
            stolen = self.stolen_s - earlier.stolen_s
        return CpuTime(
            self.capacity_s - earlier.capacity_s, self.busy_s - earlier.busy_s, self.own_s - earlier.own_s, stolen
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """The machine at a moment; ``None`` where it does not tell.

    Args:
        wall_s: the time of day, which people and time servers set.
        awake_s: a clock that stands still while the machine sleeps.
        slept_s: how long it has slept since its start.
        cpu: CPU time.
        memory_bytes: all there is.
        available_bytes: what programs can have without swapping.
        swap_used_bytes: what lies on disk now.
        swapped_bytes: what went to disk and came from it since the start of the system.
        page_faults: how often the worker waited for the disk, since its start.
        temperature_c: hottest CPU sensor.
        held: how the CPU was held back.
        power: source and mode.
    """

    wall_s: float
    awake_s: float
    slept_s: float | None
    cpu: CpuTime
    memory_bytes: int
    available_bytes: int
    swap_used_bytes: int | None = None
    swapped_bytes: int | None = None
    page_faults: int | None = None
    temperature_c: float | None = None
    held: Held = field(default_factory=Held)
    power: PowerState = field(default_factory=PowerState)


@dataclass(frozen=True, slots=True)
class Watched:
    """The machine around what one worker measured: just after its model was loaded, and just before it was ended.

    Args:
        load_id: of the worker's row.
        block: in which block.
        before: the first reading.
        after: the last.
    """

    load_id: str
    block: int
    before: Conditions
    after: Conditions


class ConditionReader:
    """Reads :class:`Conditions`; one for a whole run."""

    def __init__(self) -> None:
        self._held_back = HeldBack()
        self._self = psutil.Process()

    def read(self, worker: int | None = None) -> Conditions:
        """The conditions now.

        Args:
            worker: the process whose work is this program's own.
        """
        memory = psutil.virtual_memory()
        used, swapped = _swap()
        slept = slept_s()
        own = [self._self, *(_process(worker) if worker is not None else ())]
        return Conditions(
            wall_s=time.time(),
            awake_s=time.monotonic() - (slept or 0.0) if sys.platform == "win32" else time.monotonic(),
            slept_s=slept,
            cpu=_cpu_time(own),
            memory_bytes=memory.total,
            available_bytes=memory.available,
            swap_used_bytes=used,
            swapped_bytes=swapped,
            page_faults=major_faults(_PROC, worker) if worker is not None else None,
            temperature_c=cpu_temperature_c(),
            held=self._held_back.read(),
            power=power_state(),
        )


def others_share(first: Conditions, last: Conditions) -> float | None:
    """The share of all CPUs that programs used which are not ours; ``None`` of a time too short to tell.

    Both Linux and Windows count CPU time in ticks of about a hundredth of a second.
    """
    used = last.cpu.since(first.cpu)
    if used.capacity_s <= 0 or last.awake_s - first.awake_s < 0.5:
        return None
    return max(0.0, used.busy_s - used.own_s) / used.capacity_s


def _cpu_time(own: Iterable[psutil.Process]) -> CpuTime:
    times = psutil.cpu_times()._asdict()
    # On Linux guests are counted within user and nice.
    counted = {name: value for name, value in times.items() if not name.startswith("guest")}
    if sys.platform == "win32":
        # Interrupts are counted within system there.
        counted = {name: times[name] for name in ("user", "system", "idle")}
    stolen = counted.pop("steal", None)
    idle = counted["idle"] + counted.get("iowait", 0.0)
    capacity = sum(counted.values()) + (stolen or 0.0)
    return CpuTime(capacity, capacity - idle - (stolen or 0.0), sum(map(_used, own)), stolen)


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def _process(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _swap() -> tuple[int | None, int | None]:
    try:
        swap = psutil.swap_memory()
    except (OSError, RuntimeError):
        return None, None
    # Windows tells how full the page file is, and nothing of what went through it.
    return swap.used, None if sys.platform == "win32" else swap.sin + swap.sout


def major_faults(proc: Path, pid: int) -> int | None:
    """How often the process ``pid`` waited for a page from disk; ``None`` where the system does not tell.

    ``/proc/<pid>/stat``: the name in parentheses may hold anything; after it, majflt is the tenth field.
    """
    try:
        fields = (proc / str(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return int(fields[9])
    except (OSError, IndexError, ValueError):
        return None
