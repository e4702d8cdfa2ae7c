"""The machine's conditions at a moment; the difference of two shows what happened in between."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from backends.process import usable_cpus
from bench.observe.cgroup import Throttling, own_groups
from bench.observe.clocks import slept_s
from bench.observe.cpu import parse_cpu_list
from bench.observe.limits import swap, usable_memory
from bench.observe.power import PowerState, power_state
from bench.observe.sysfs import text_of
from bench.observe.thermal import Throttles, cpu_temperature_c

_PROC = Path("/proc")
_ONLINE = Path("/sys/devices/system/cpu/online")


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU time since the start of the system, in seconds, added up over the CPUs that this program may use.

    All of it, what any process used, what this program and the worker used (of processes that were alive at both
    moments), and what a hypervisor gave to others, if the system counts that.
    """

    capacity_s: float
    busy_s: float
    own_s: float
    stolen_s: float | None = None

    def since(self, earlier: CpuTime) -> CpuTime:
        """The increase since ``earlier``."""
        stolen = None
        if self.stolen_s is not None and earlier.stolen_s is not None:
            stolen = self.stolen_s - earlier.stolen_s
        return CpuTime(
            self.capacity_s - earlier.capacity_s, self.busy_s - earlier.busy_s, self.own_s - earlier.own_s, stolen
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """The machine at a moment; ``None`` where it has no such counter.

    Args:
        wall_s: the time of day, which people and time servers set.
        awake_s: a clock that stands still while the machine sleeps.
        slept_s: since the start of the system.
        memory_bytes: all that may be used; ``available_bytes`` of it without swapping.
        swapped_bytes: written and read since the start of the system.
        page_faults: of the worker, that waited for the disk.
        temperature_c: hottest CPU sensor.
        throttles: of the CPU, since the start of the system.
        speed_limit_percent: to which the CPU is limited now.
        throttling: by a CPU quota, of this program and the worker.
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
    throttles: int | None = None
    speed_limit_percent: float | None = None
    power: PowerState = field(default_factory=PowerState)
    throttling: Throttling | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """The machine around the measurements of one worker: after its model was loaded, and before it was ended.

    ``threads`` are those that the stack reports; ``load_id`` and ``block`` name the worker's row.
    """

    load_id: str
    block: int
    before: Conditions
    after: Conditions
    threads: int | None = None


class ConditionReader:
    """Reads :class:`Conditions`; one for a whole run."""

    def __init__(self) -> None:
        self._throttles = Throttles()
        self._self = psutil.Process()

    def read(self, worker: int | None = None) -> Conditions:
        """The conditions now; the CPU time of the process ``worker`` counts as this program's own."""
        memory = usable_memory()
        page_file, slept = swap(), slept_s()
        own = [self._self]
        # A worker that is gone has used nothing more.
        with suppress(psutil.Error):
            if worker is not None:
                root = psutil.Process(worker)
                own += [root, *root.children(recursive=True)]
        return Conditions(
            wall_s=time.time(),
            awake_s=time.monotonic() - (slept or 0.0) if sys.platform == "win32" else time.monotonic(),
            slept_s=slept,
            cpu=_cpu_time(own),
            memory_bytes=memory.total_bytes,
            available_bytes=memory.available_bytes,
            swap_used_bytes=page_file and page_file.used,
            # Windows counts how full the page file is, not what was written and read.
            swapped_bytes=None if page_file is None or sys.platform == "win32" else page_file.sin + page_file.sout,
            page_faults=major_faults(_PROC, worker) if worker is not None else None,
            temperature_c=cpu_temperature_c(),
            throttles=self._throttles.count(),
            speed_limit_percent=self._throttles.limit_percent(),
            power=power_state(),
            throttling=own_groups().throttling(),
        )


def others_share(first: Conditions, last: Conditions) -> float | None:
    """The share of the usable CPUs that other programs used; ``None`` of less than half a second.

    Linux and Windows count CPU time in ticks of about a hundredth of a second.
    """
    used = last.cpu.since(first.cpu)
    if used.capacity_s <= 0 or last.awake_s - first.awake_s < 0.5:
        return None
    return max(0.0, used.busy_s - used.own_s) / used.capacity_s


def _cpu_time(own: Iterable[psutil.Process]) -> CpuTime:
    times = _times()
    # On Linux user and nice include guests.
    counted = {name: value for name, value in times.items() if not name.startswith("guest")}
    if sys.platform == "win32":
        # On Windows system includes interrupts.
        counted = {name: times[name] for name in ("user", "system", "idle")}
    stolen = counted.pop("steal", None)
    idle = counted["idle"] + counted.get("iowait", 0.0)
    capacity, used = sum(counted.values()) + (stolen or 0.0), 0.0
    for process in own:
        # One that has ended meanwhile is none.
        with suppress(psutil.Error):
            mine = process.cpu_times()
            used += mine.user + mine.system
    return CpuTime(capacity, capacity - idle - (stolen or 0.0), used, stolen)


def _times() -> dict[str, float]:
    cpus = usable_cpus()
    total: dict[str, float] = psutil.cpu_times()._asdict()
    if cpus is None or len(cpus) >= (psutil.cpu_count() or 1):
        return total
    each = [one._asdict() for one in psutil.cpu_times(percpu=True)]
    online = range(len(each)) if sys.platform == "win32" else parse_cpu_list(text_of(_ONLINE) or f"0-{len(each) - 1}")
    return added_up(each, online, cpus) or total


def added_up(times: Sequence[dict[str, Any]], online: Sequence[int], cpus: Collection[int]) -> dict[str, float] | None:
    """The times of the logical CPUs ``cpus`` together; ``None`` where it is not known which time is whose.

    ``times`` has the seconds by kind of each CPU in ``online``.
    """
    if len(times) != len(online):
        return None
    mine = [one for number, one in zip(online, times, strict=True) if number in cpus]
    return {kind: sum(one[kind] for one in mine) for kind in mine[0]} if mine else None


def major_faults(proc: Path, pid: int) -> int | None:
    """How often the process ``pid`` waited for a page from disk; ``None`` where the system does not count it.

    ``/proc/<pid>/stat``: majflt is the tenth field after the name, which is in parentheses and may hold any character.
    """
    fields = text_of(proc / str(pid) / "stat").rpartition(")")[2].split()
    return int(fields[9]) if len(fields) > 9 else None
