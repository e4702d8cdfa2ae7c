"""Before a run: what the process may use, and what its environment tells the stacks, that makes them slower."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bench.observe.cpu import cpu_list
from bench.observe.limits import Limits
from bench.run.guard.findings import Code, Found


def judge_limits(usable: Limits) -> Iterator[Found]:
    """Where less may be used than the machine has."""
    logical = usable.machine.logical
    if usable.cpus is not None and len(usable.cpus) < logical:
        which = f"CPU{'s' if len(usable.cpus) > 1 else ''} {cpu_list(usable.cpus)}"
        yield Found(Code.LIMITED, f"only {which} of {logical} may be used (CPU affinity)")
    if usable.cpu_quota is not None:
        yield Found(Code.LIMITED, f"only the time of {usable.cpu_quota:.3g} of {logical} CPUs may be used (CPU quota)")
    if usable.memory_bytes < usable.machine_memory_bytes:
        most, whole = usable.memory_bytes / 1e9, usable.machine_memory_bytes / 1e9
        yield Found(Code.LIMITED, f"only {most:.1f} GB of {whole:.1f} GB of memory may be used (limit of memory)")


def judge_threads(threads: int | None, usable: Limits) -> Iterator[Found]:
    """Whether a stack computes with more threads than can run at once.

    Args:
        threads: as the stack told; ``None`` where it does not.
        usable: what may be used.
    """
    if threads is not None and threads > usable.most_threads:
        yield Found(Code.TOO_MANY_THREADS, f"{threads} threads compute, and at most {usable.most_threads} can run")


_PINS = "decides which CPUs the threads run on"
_CAPS = "keeps the stack from instructions that the CPU has"
_SLEEPS = "has idle threads sleep, and wakes them for every operation"
_SLOWS = "is for finding faults, and slows the stack down"
_SWITCHES_OFF = "switches a fast path off"
_THREADS = "sets a number of threads that is not the run's"
_LIMITS = "allows fewer threads than the run's"
_INSERTS = "puts a library into the worker that is not the stack's"

_OFF = ("", "0", "false", "off", "no", "none", "disabled")

_UNLESS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "GOMP_CPU_AFFINITY": (_PINS, ("",)),
    "KMP_AFFINITY": (_PINS, ("", "none", "disabled")),
    "KMP_HW_SUBSET": (_PINS, ("",)),
    "OMP_PLACES": (_PINS, ("",)),
    "OMP_PROC_BIND": (_PINS, ("", "false")),
    "ATEN_CPU_CAPABILITY": (_CAPS, ("",)),
    "DNNL_MAX_CPU_ISA": (_CAPS, ("", "all", "default")),
    "ONEDNN_MAX_CPU_ISA": (_CAPS, ("", "all", "default")),
    "MKL_CBWR": (_CAPS, ("", "auto", "branch_off")),
    "MKL_ENABLE_INSTRUCTIONS": (_CAPS, ("",)),
    "OPENBLAS_CORETYPE": (_CAPS, ("",)),
    "KMP_LIBRARY": ("has every parallel region run on one thread", ("", "turnaround", "throughput")),
    "OMP_DYNAMIC": ("lets the library use fewer threads than asked for", _OFF),
    "OMP_WAIT_POLICY": (_SLEEPS, ("", "active")),
    "CUDA_LAUNCH_BLOCKING": (_SLOWS, _OFF),
    "DNNL_VERBOSE": (_SLOWS, _OFF),
    "GGML_SCHED_DEBUG": (_SLOWS, _OFF),
    "MALLOC_CHECK_": (_SLOWS, _OFF),
    "MALLOC_PERTURB_": (_SLOWS, _OFF),
    "MKL_VERBOSE": (_SLOWS, _OFF),
    "ONEDNN_VERBOSE": (_SLOWS, _OFF),
    "PYTHONDEVMODE": (_SLOWS, _OFF[:1]),
    "PYTHONTRACEMALLOC": (_SLOWS, _OFF[:2]),
    "PYTORCH_NO_CUDA_MEMORY_CACHING": (_SLOWS, _OFF),
    "SYCL_UR_TRACE": (_SLOWS, _OFF),
    "ZE_ENABLE_VALIDATION_LAYER": (_SLOWS, _OFF),
    "LD_AUDIT": (_INSERTS, ("",)),
    "LD_PRELOAD": (_INSERTS, ("",)),
}
"""Variable -> what it does, and the values (in lower case; one of several is enough) with which it does not."""

_COUNTS = ("BLIS_NUM_THREADS", "GOTO_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_MOST = ("KMP_ALL_THREADS", "KMP_DEVICE_THREAD_LIMIT", "OMP_THREAD_LIMIT")


def judge_environment(environment: Mapping[str, str], threads: int | None) -> Iterator[Found]:
    """Which variables pin a stack's threads or hold the stack back.

    Args:
        environment: what the workers get of :func:`backends.environment.speed_variables`.
        threads: of the run; ``None`` where each stack is left its own default, which no variable ought to change.
    """
    for name, value in sorted(environment.items()):
        does = _does(name, value, threads)
        if does is not None:
            yield Found(Code.ENVIRONMENT, f"{name}={value} {does}", "info" if does == _INSERTS else "")


def _does(name: str, value: str, threads: int | None) -> str | None:
    said = value.strip().lower()
    parts = {part for part in said.split(",") if part} or {""}
    if name in _UNLESS:
        does, harmless = _UNLESS[name]
        return None if parts.intersection(harmless) else does
    if name == "KMP_BLOCKTIME":
        return _SLEEPS if said.rstrip("mus") == "0" else None
    if name == "GLIBC_TUNABLES":
        return _CAPS if re.search(r"glibc\.cpu\.hwcaps=[^:]*-", said) else None
    if name.startswith("GGML_") and ("_DISABLE" in name or "_NO_" in name):
        return None if said in _OFF else _SWITCHES_OFF
    return _does_to_threads(name, said, threads)


def _does_to_threads(name: str, said: str, threads: int | None) -> str | None:
    if name in _COUNTS and said and said != str(threads):
        return _THREADS
    if name in _MOST and said.isdigit() and (threads is None or int(said) < threads):
        return _LIMITS
    return None
