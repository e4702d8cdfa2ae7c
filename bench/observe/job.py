"""Limits of the Windows job object, such as a container's or a service's, that this process is in.

See Microsoft's documentation of JOBOBJECT_CPU_RATE_CONTROL_INFORMATION and JOBOBJECT_EXTENDED_LIMIT_INFORMATION.
Of nested jobs the innermost counts.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from backends.process import ExtendedLimit
from bench.observe.windows import library

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
    """The limits of this process's job; on other systems there are none."""
    kernel32 = library("kernel32")
    if kernel32 is None:
        return JobLimits()
    rate, limit = _CpuRate(), ExtendedLimit()
    for kind, found in ((_CPU_RATE, rate), (_EXTENDED_LIMIT, limit)):
        # No handle means this process's own job; a structure that is not filled has no limit.
        kernel32.QueryInformationJobObject(None, kind, ctypes.byref(found), ctypes.sizeof(found), None)
    return job_limits(rate.flags, rate.rate, limit.flags, limit.process_memory, limit.job_memory)
