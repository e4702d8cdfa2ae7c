"""What this process and its workers may use of the machine.

Less than all where there is a CPU affinity (``taskset``, a cpuset, Windows' affinity mask), a CPU quota or a memory
limit (a container, a systemd unit, a Windows job).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from backends.process import usable_cpus
from bench.observe.cgroup import own_groups
from bench.observe.cpu import Cores, cores, cpu_list
from bench.observe.job import own_job

if sys.platform != "win32":
    import resource


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be used.

    ``cpus``, the logical ones, is ``None`` where the system does not show them; ``address_space_bytes``, of each
    process, where there is no limit.
    """

    machine: Cores
    usable: Cores
    cpus: tuple[int, ...] | None
    cpu_quota: float | None
    memory_bytes: int
    machine_memory_bytes: int
    address_space_bytes: int | None = None

    @property
    def most_threads(self) -> int:
        """The most threads that can run at once: the usable CPUs, or the quota if that is less."""
        return within_quota(self.usable.logical, self.cpu_quota)

    @property
    def default_threads(self) -> int:
        """Threads for every stack alike: the usable physical performance cores, within the quota."""
        return within_quota(self.usable.default_threads, self.cpu_quota)

    def record(self) -> dict[str, Any]:
        """As it stands in run.json."""
        return {
            "logical_cores": self.usable.logical,
            "cpus": None if self.cpus is None else cpu_list(self.cpus),
            "cpu_quota": self.cpu_quota,
            "memory_bytes": self.memory_bytes,
            "address_space_bytes": self.address_space_bytes,
        }


def within_quota(threads: int, cpu_quota: float | None) -> int:
    """``threads``, at most the quota: rounded down, at least one."""
    return threads if cpu_quota is None else max(1, min(threads, int(cpu_quota)))


def limits() -> Limits:
    """What may be used now."""
    cpus, machine = usable_cpus(), cores()
    memory = usable_memory()
    return Limits(
        machine=machine,
        usable=machine if cpus is None else cores(cpus),
        cpus=None if cpus is None else tuple(cpus),
        cpu_quota=_quota(machine.logical),
        memory_bytes=memory.total_bytes,
        machine_memory_bytes=memory.machine_bytes,
        address_space_bytes=_address_space(),
    )


def _address_space() -> int | None:
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        return None if most == resource.RLIM_INFINITY else most


def _quota(logical: int) -> float | None:
    share = own_job().cpu_share
    quotas: Sequence[float | None] = (own_groups().cpu_quota(), None if share is None else share * logical)
    # A quota of more CPUs than there are is no limit.
    return min((quota for quota in quotas if quota is not None and quota < logical), default=None)


@dataclass(frozen=True, slots=True)
class UsableMemory:
    """The machine's memory, the usable part of it, and what of that is available without swapping."""

    machine_bytes: int
    total_bytes: int
    available_bytes: int


def usable_memory() -> UsableMemory:
    """The memory of the machine within the limits on this process."""
    memory, groups, job = psutil.virtual_memory(), own_groups(), own_job().memory_bytes
    totals = (memory.total, groups.memory_limit(), job)
    left = (memory.available, groups.memory_available(), job)
    return UsableMemory(
        int(memory.total),
        int(min(one for one in totals if one is not None)),
        int(min(one for one in left if one is not None)),
    )


def swap() -> Any:
    """What psutil tells of the swap; ``None`` where the system does not, as a Windows whose counters are disabled."""
    try:
        return psutil.swap_memory()
    except (OSError, RuntimeError):
        return None
