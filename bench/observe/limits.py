"""What this process and its workers may use of the machine.

Less than all where there is a CPU affinity (``taskset``, a cpuset, Windows' affinity mask), a CPU quota or a memory
limit (a container, a systemd unit, a Windows job).
"""

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from backends.process import ExtendedLimit, usable_cpus
from bench.observe.cgroup import own_groups
from bench.observe.cpu import Cores, cores, cpu_list
from bench.observe.windows import library

# See Microsoft's documentation of JOBOBJECT_CPU_RATE_CONTROL_INFORMATION and JOBOBJECT_EXTENDED_LIMIT_INFORMATION.
_RATE_ENABLED, _RATE_WEIGHTED, _RATE_HARD_CAP, _RATE_MIN_MAX = 0x1, 0x2, 0x4, 0x10
_PROCESS_MEMORY, _JOB_MEMORY = 0x100, 0x200
_EXTENDED_LIMIT, _CPU_RATE = 9, 15
_WHOLE_RATE = 10_000
"""The rate that is all CPUs: hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """A share of all CPUs together, and bytes that may be committed; ``None`` without a limit."""

    cpu_share: float | None = None
    memory_bytes: int | None = None


def job_limits(rate_flags: int, rate: int, limit_flags: int, process_memory: int, job_memory: int) -> JobLimits:
    """The limits in ControlFlags, CpuRate, LimitFlags, ProcessMemoryLimit and JobMemoryLimit.

    A CpuRate with minimum and maximum has the maximum in its upper half.
    """
    share = None
    if rate_flags & _RATE_ENABLED and not rate_flags & _RATE_WEIGHTED:
        if rate_flags & _RATE_MIN_MAX:
            share = (rate >> 16) / _WHOLE_RATE
        elif rate_flags & _RATE_HARD_CAP:
            share = rate / _WHOLE_RATE
    held = ((_PROCESS_MEMORY, process_memory), (_JOB_MEMORY, job_memory))
    return JobLimits(share, min((size for flag, size in held if limit_flags & flag), default=None))


class _CpuRate(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint32), ("rate", ctypes.c_uint32))


def own_job() -> JobLimits:
    """The limits of the Windows job that this process is in, of nested ones the innermost; none on other systems."""
    kernel32 = library("kernel32")
    if kernel32 is None:
        return JobLimits()
    rate, limit = _CpuRate(), ExtendedLimit()
    for kind, found in ((_CPU_RATE, rate), (_EXTENDED_LIMIT, limit)):
        # No handle means this process's own job; a structure that is not filled has no limit.
        kernel32.QueryInformationJobObject(None, kind, ctypes.byref(found), ctypes.sizeof(found), None)
    return job_limits(rate.flags, rate.rate, limit.flags, limit.process_memory, limit.job_memory)


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
