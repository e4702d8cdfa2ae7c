"""Before a run: whether the machine, its limits and the environment are fit to be measured on."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.findings import Code, Values
from bench.observe.cpu import cpu_list
from bench.observe.energy_meter import FoundMeter
from bench.observe.gauges import Instruments
from bench.observe.hindrance import Hindrances, hindrances, hypervisor
from bench.observe.limits import Limits, limits
from bench.observe.machine_conditions import Conditions, others_share
from bench.run.guard.found import Found


@dataclass(frozen=True, slots=True)
class Bound:
    """From how many CPUs on it is a finding that a run did not get them; on a machine of few, from what share of all.

    A stack that computes on all of its threads waits at every step for the slowest, so that one CPU which somebody
    else uses weighs the same on a machine of many CPUs.
    """

    cpus: float
    share: float


BUSY = Bound(0.25, 0.05), Bound(1.0, 0.25)
"""What other programs use, before and during a run: from where on it is a warning, and serious."""
_FROM = ("warning", "serious")
"""The severities of two bounds."""
LOW_MEMORY_SHARE = 0.1
SWAP_BYTES = 256 * 1024**2

_WATCH_S = 1.0


def check_machine(instruments: Instruments) -> list[Found]:
    """Watch this machine for a second, and say what may spoil a measurement on it."""
    first = instruments.conditions.read()
    time.sleep(_WATCH_S)
    return [
        *judge_before(first, instruments.conditions.read()),
        *judge_machine(hypervisor(), instruments.energy),
        *judge_limits(limits()),
        *judge_hindrances(hindrances()),
    ]


def judge_before(first: Conditions, last: Conditions) -> Iterator[Found]:
    """What two readings, a second apart, say while nothing is measured."""
    if last.power.source == "battery":
        yield Found(Code.ON_BATTERY)
    if last.power.saving is not None:
        setting, value = last.power.saving
        yield Found(Code.SAVING_POWER, {"value": value}, (setting,))
    yield from judge_share(Code.BUSY_BEFORE, others_share(first, last), first, last, BUSY)
    yield from judge_memory(last)
    if last.swap_used_bytes is not None and last.swap_used_bytes >= SWAP_BYTES:
        yield Found(Code.SWAP_IN_USE, {"swap_gb": last.swap_used_bytes / 1e9})


def judge_share(
    code: Code, share: float | None, first: Conditions, last: Conditions, bounds: tuple[Bound, Bound]
) -> Iterator[Found]:
    """Whether it is a finding that a ``share`` of all CPUs was taken between two readings; it is said in CPUs."""
    if share is None:
        return
    # By the time that there was to be had.
    cpus = last.cpu.since(first.cpu).capacity_s / (last.awake_s - first.awake_s)
    reached = [one for one, bound in zip(_FROM, bounds, strict=True) if share >= min(bound.cpus / cpus, bound.share)]
    for severity in reached[-1:]:
        yield Found(code, {"used": share * cpus, "cpus": cpus}, severity=severity)


def judge_memory(now: Conditions) -> Iterator[Found]:
    """Whether programs can still have memory without swapping."""
    if now.available_bytes < now.memory_bytes * LOW_MEMORY_SHARE:
        yield Found(Code.LITTLE_MEMORY, {"left_gb": now.available_bytes / 1e9, "total_gb": now.memory_bytes / 1e9})


def judge_machine(virtual: str | None, energy: FoundMeter) -> Iterator[Found]:
    """What does not change while the machine is on; ``virtual`` is what it runs on, if it is a virtual machine."""
    if virtual is not None:
        yield Found(Code.VIRTUAL_MACHINE, {"product": virtual})
    if energy.problem is not None:
        yield Found(Code.ENERGY_LOCKED, {"remedy": energy.remedy or ""}, (energy.problem,))


def judge_limits(usable: Limits) -> Iterator[Found]:
    """Where less may be used than the machine has."""
    logical = usable.machine.logical
    if usable.cpus is not None and len(usable.cpus) < logical:
        values: Values = {"usable": len(usable.cpus), "logical": logical, "cpus": cpu_list(usable.cpus)}
        yield Found(Code.LIMITED, values, ("cpu-affinity",))
    if usable.cpu_quota is not None:
        yield Found(Code.LIMITED, {"quota": usable.cpu_quota, "logical": logical}, ("cpu-quota",))
    if usable.memory_bytes < usable.machine_memory_bytes:
        memory = {"most_gb": usable.memory_bytes / 1e9, "total_gb": usable.machine_memory_bytes / 1e9}
        yield Found(Code.LIMITED, memory, ("memory-limit",))
    if usable.address_space_bytes is not None:
        yield Found(Code.LIMITED, {"most_gb": usable.address_space_bytes / 1e9}, ("address-space-limit",))


def judge_changed_limits(before: Limits, now: Limits) -> Iterator[Found]:
    """Where something else may be used than when the run began, as after ``taskset -p`` or ``docker update``."""
    if before.cpus != now.cpus:
        values: Values = {"before": cpu_list(before.cpus or ()), "now": cpu_list(now.cpus or ())}
        yield Found(Code.LIMITED, values, ("cpus-changed",), "serious")
    quotas = [one.machine.logical if one.cpu_quota is None else one.cpu_quota for one in (before, now)]
    if quotas[0] != quotas[1]:
        yield Found(Code.LIMITED, {"before": quotas[0], "now": quotas[1]}, ("quota-changed",), "serious")
    if before.memory_bytes != now.memory_bytes:
        memory = {"before_gb": before.memory_bytes / 1e9, "now_gb": now.memory_bytes / 1e9}
        yield Found(Code.LIMITED, memory, ("memory-limit-changed",), "serious")


def judge_hindrances(now: Hindrances) -> Iterator[Found]:
    """What holds all processes of the run back; what shows only while other programs compute is good to know."""
    if now.tracer is not None:
        yield Found(Code.HELD_BACK, {"program": now.tracer}, ("traced",), "serious")
    if now.emulated is not None:
        yield Found(Code.HELD_BACK, {"kind": now.emulated}, ("emulated",))
    priorities = {"niceness": now.niceness, "priority-class": now.priority_class, "policy": now.policy}
    for key, value in priorities.items():
        if value is not None:
            yield Found(Code.HELD_BACK, {"value": value}, (key,), "info")
    if now.weight is not None:
        yield Found(Code.HELD_BACK, {"percent": 100 * now.weight}, ("weight",), "info")


def judge_threads(threads: int | None, usable: Limits) -> Iterator[Found]:
    """Whether a stack computes with more threads, as far as it tells, than can run at once."""
    if threads is not None and threads > usable.most_threads:
        yield Found(Code.TOO_MANY_THREADS, {"threads": threads, "most": usable.most_threads})


_OFF = ("", "0", "false", "off", "no", "none", "disabled")

_UNLESS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "GOMP_CPU_AFFINITY": ("pins", ("",)),
    "KMP_AFFINITY": ("pins", ("", "none", "disabled")),
    "KMP_HW_SUBSET": ("pins", ("",)),
    "OMP_PLACES": ("pins", ("",)),
    "OMP_PROC_BIND": ("pins", ("", "false")),
    "ATEN_CPU_CAPABILITY": ("caps", ("",)),
    "DNNL_MAX_CPU_ISA": ("caps", ("", "all", "default")),
    "ONEDNN_MAX_CPU_ISA": ("caps", ("", "all", "default")),
    "MKL_CBWR": ("caps", ("", "auto", "branch_off")),
    "MKL_ENABLE_INSTRUCTIONS": ("caps", ("",)),
    "OPENBLAS_CORETYPE": ("caps", ("",)),
    "KMP_LIBRARY": ("serializes", ("", "turnaround", "throughput")),
    "OMP_DYNAMIC": ("lowers-threads", _OFF),
    "OMP_WAIT_POLICY": ("sleeps", ("", "active")),
    "MKL_THREADING_LAYER": ("serializes", ("", "intel", "gnu", "tbb", "pgi")),
    "DNNL_CPU_ISA_HINTS": ("caps", ("", "no_hints")),
    "ONEDNN_CPU_ISA_HINTS": ("caps", ("", "no_hints")),
    "DNNL_DEFAULT_FPMATH_MODE": ("rounds", ("", "strict")),
    "ONEDNN_DEFAULT_FPMATH_MODE": ("rounds", ("", "strict")),
    "CUBLAS_EMULATE_SINGLE_PRECISION": ("rounds", _OFF),
    "NVIDIA_TF32_OVERRIDE": ("rounds", _OFF),
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": ("rounds", _OFF),
    "MKL_DISABLE_FAST_MM": ("switches-off", _OFF),
    "PYTORCH_JIT": ("switches-off", ("", "1")),
    "TORCHDYNAMO_DISABLE": ("switches-off", _OFF),
    "CUDA_CACHE_DISABLE": ("recompiles", _OFF),
    "CUDA_FORCE_PTX_JIT": ("recompiles", _OFF),
    "AMD_SERIALIZE_COPY": ("slows", _OFF),
    "AMD_SERIALIZE_KERNEL": ("slows", _OFF),
    "COVERAGE_PROCESS_START": ("slows", ("",)),
    "CUDA_LAUNCH_BLOCKING": ("slows", _OFF),
    "DNNL_JIT_DUMP": ("slows", _OFF),
    "DNNL_VERBOSE": ("slows", _OFF),
    "GGML_SCHED_DEBUG": ("slows", _OFF),
    "HIP_LAUNCH_BLOCKING": ("slows", _OFF),
    "MALLOC_CHECK_": ("slows", _OFF),
    "MALLOC_PERTURB_": ("slows", _OFF),
    "MKL_VERBOSE": ("slows", _OFF),
    "ONEDNN_JIT_DUMP": ("slows", _OFF),
    "ONEDNN_VERBOSE": ("slows", _OFF),
    "PYTHONDEVMODE": ("slows", _OFF[:1]),
    "PYTHONMALLOC": ("slows", ("", "default", "malloc", "mimalloc", "pymalloc")),
    "PYTHONTRACEMALLOC": ("slows", _OFF[:2]),
    "PYTORCH_NO_CUDA_MEMORY_CACHING": ("slows", _OFF),
    "SYCL_UR_TRACE": ("slows", _OFF),
    "TORCH_COMPILE_DEBUG": ("slows", _OFF),
    "UR_L0_SERIALIZE": ("slows", _OFF),
    "ZE_ENABLE_TRACING_LAYER": ("slows", _OFF),
    "ZE_ENABLE_VALIDATION_LAYER": ("slows", _OFF),
    "MALLOC_MMAP_MAX_": ("allocates", ("",)),
    "MALLOC_MMAP_THRESHOLD_": ("allocates", ("",)),
    "MALLOC_TRIM_THRESHOLD_": ("allocates", ("",)),
    "LD_AUDIT": ("inserts", ("",)),
    "LD_PRELOAD": ("inserts", ("",)),
}
"""Variable -> key of the message, and the values (in lower case; one of several is enough) that do no harm."""

_BY_ZERO = {
    "KMP_BLOCKTIME": "sleeps",
    "GOMP_SPINCOUNT": "sleeps",
    "DNNL_PRIMITIVE_CACHE_CAPACITY": "recompiles",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "recompiles",
}
"""Variable -> key of the message where it is 0."""

_TUNABLES = (("caps", r"glibc\.cpu\.hwcaps=[^:]*-"), ("allocates", r"glibc\.malloc\.(mmap|trim)_"))

_COUNTS = ("BLIS_NUM_THREADS", "GOTO_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_MOST = ("KMP_ALL_THREADS", "KMP_DEVICE_THREAD_LIMIT", "OMP_THREAD_LIMIT")


def judge_environment(environment: Mapping[str, str], threads: int | None) -> Iterator[Found]:
    """Which variables pin a stack's threads or hold the stack back.

    Args:
        environment: what the workers get of :func:`backends.speed_variables.speed_variables`.
        threads: of the run; ``None`` where each stack is left its own default, which no variable ought to change.
    """
    for name, value in sorted(environment.items()):
        does = _does(name, value, threads)
        if does is not None:
            severity = "info" if does == "inserts" else ""
            yield Found(Code.ENVIRONMENT, {"name": name, "value": value}, (does,), severity)


def _does(name: str, value: str, threads: int | None) -> str | None:
    setting = value.strip().lower()
    parts = {part for part in setting.split(",") if part} or {""}
    if name in _UNLESS:
        does, harmless = _UNLESS[name]
        return None if parts.intersection(harmless) else does
    if name == "GLIBC_TUNABLES":
        return next((does for does, pattern in _TUNABLES if re.search(pattern, setting)), None)
    if name in _BY_ZERO:
        return _BY_ZERO[name] if setting.rstrip("mus") == "0" else None
    if name in ("VK_INSTANCE_LAYERS", "VK_LOADER_LAYERS_ENABLE"):
        return "slows" if "validation" in setting else None
    if name.startswith(("GGML_", "LLAMA_")) and ("_DISABLE" in name or "_NO_" in name) and name != "GGML_NO_BACKTRACE":
        return None if setting in _OFF else "switches-off"
    return _does_to_threads(name, setting, threads)


def _does_to_threads(name: str, setting: str, threads: int | None) -> str | None:
    if name in _COUNTS and setting and setting != str(threads):
        return "sets-threads"
    if name in _MOST and setting.isdigit() and (threads is None or int(setting) < threads):
        return "limits-threads"
    return None
