"""What a Windows job object lets this process use. Containers, services and schedulers put processes into jobs.

Structures and flags: Microsoft's documentation of JOBOBJECT_CPU_RATE_CONTROL_INFORMATION and
JOBOBJECT_EXTENDED_LIMIT_INFORMATION. Of nested jobs the innermost is asked.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

_RATE_ENABLED, _RATE_WEIGHTED, _RATE_HARD_CAP, _RATE_MIN_MAX = 0x1, 0x2, 0x4, 0x10
_PROCESS_MEMORY, _JOB_MEMORY = 0x100, 0x200
_WHOLE_RATE = 10_000
"""The rate that is all CPUs: hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """The limits of a job.

    Args:
        cpu_share: of all CPUs together; ``None`` without a limit.
        memory_bytes: that may be committed; ``None`` without a limit.
    """

    cpu_share: float | None = None
    memory_bytes: int | None = None


def job_limits(rate_flags: int, rate: int, limit_flags: int, process_memory: int, job_memory: int) -> JobLimits:
    """The limits that the system's structures hold.

    Args:
        rate_flags: ControlFlags of the CPU rate.
        rate: CpuRate; with minimum and maximum both in it, the maximum is the upper half.
        limit_flags: LimitFlags.
        process_memory: ProcessMemoryLimit.
        job_memory: JobMemoryLimit.
    """
    share = None
    if rate_flags & _RATE_ENABLED and not rate_flags & _RATE_WEIGHTED:
        if rate_flags & _RATE_MIN_MAX:
            share = (rate >> 16) / _WHOLE_RATE
        elif rate_flags & _RATE_HARD_CAP:
            share = rate / _WHOLE_RATE
    held = ((_PROCESS_MEMORY, process_memory), (_JOB_MEMORY, job_memory))
    return JobLimits(share, min((size for flag, size in held if limit_flags & flag), default=None))


def own_job() -> JobLimits:
    """The limits of the job that this process is in; without any where it is in none, and on other systems."""
    if sys.platform == "win32":
        return _windows_job()
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return JobLimits()


if sys.platform == "win32":

    class _CpuRate(ctypes.Structure):
        _fields_ = (("flags", ctypes.c_uint32), ("rate", ctypes.c_uint32))

    class _ExtendedLimit(ctypes.Structure):
        _fields_ = (
            ("process_time", ctypes.c_int64),
            ("job_time", ctypes.c_int64),
            ("flags", ctypes.c_uint32),
            ("least_working_set", ctypes.c_size_t),
            ("most_working_set", ctypes.c_size_t),
            ("processes", ctypes.c_uint32),
            ("affinity", ctypes.c_size_t),
            ("priority", ctypes.c_uint32),
            ("scheduling", ctypes.c_uint32),
            ("io_counters", ctypes.c_uint64 * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process_memory", ctypes.c_size_t),
            ("peak_job_memory", ctypes.c_size_t),
        )

    _EXTENDED_LIMIT, _CPU_RATE = 9, 15

    def _windows_job() -> JobLimits:
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        rate, limit = _CpuRate(), _ExtendedLimit()
        for kind, found in ((_CPU_RATE, rate), (_EXTENDED_LIMIT, limit)):
            # Without a handle the job of this process is asked; what is not answered stays without a limit.
            kernel32.QueryInformationJobObject(None, kind, ctypes.byref(found), ctypes.sizeof(found), None)
        return job_limits(rate.flags, rate.rate, limit.flags, limit.process_memory, limit.job_memory)
