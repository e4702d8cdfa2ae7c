"""What the observers read on this machine, and what a reading of each costs."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypedDict

from bench.observe.accelerators import gpus, npus
from bench.observe.gauges import Counters, Instruments, counters_of
from bench.observe.memory import memory_of
from bench.observe.thermal import cpu_temperature_c
from bench.observe.windows_counters import WindowsCounters

_READINGS = 20
_NPU_DRIVER = Path("/sys/bus/pci/drivers/intel_vpu")


class Observer(TypedDict):
    """One observer in run.json: which counter it reads, and the median of some readings in microseconds."""

    source: str
    cost_us: float


def observers(instruments: Instruments) -> dict[str, Observer | None]:
    """Name -> what it reads and costs, ``None`` where this machine has no such counter.

    This process takes the place of a worker; a reading of a worker's open files costs more where there are more.
    """
    pid = os.getpid()
    nvidia = bool(instruments.nvidia.gpus)
    with closing(counters_of(pid, "GPU", None, instruments.nvidia)) as counters:
        meter = instruments.meter("CUDA" if nvidia else "CPU")
        windows = sys.platform == "win32"
        steps = ", in Windows' steps of 15.6 ms" if windows else ""
        gpu, npu, held = _sources(counters, nvidia=nvidia)
        found: Mapping[str, tuple[str | None, Callable[[], object]]] = {
            "memory": ("PeakWorkingSetSize, private bytes" if windows else "VmHWM, USS", lambda: memory_of(pid)),
            "cpu_time": (f"time.process_time_ns in the worker{steps}", time.process_time_ns),
            "gpu_busy": (gpu, counters.busy),
            "npu_busy": (npu, counters.busy),
            "device_memory": (held, counters.device_memory_bytes),
            "energy": (meter.source if meter else None, meter.read_j if meter else float),
            "cpu_frequency": (counters.clock_source, counters.clock_mhz),
            "cpu_temperature": ("psutil.sensors_temperatures" if cpu_temperature_c() else None, cpu_temperature_c),
            "conditions": (
                "CPU time, memory, swap, power, throttling, sleep",
                lambda: instruments.conditions.read(pid),
            ),
        }
        return {
            name: None if source is None else Observer(source=source, cost_us=_cost_us(read))
            for name, (source, read) in found.items()
        }


def _sources(counters: Counters, *, nvidia: bool) -> tuple[str | None, str | None, str | None]:
    """What the busy time of GPUs and of NPUs and the memory of devices are read from; ``None`` where they are not."""
    if isinstance(counters, WindowsCounters):
        gpu, npu, held = counters.busy_source, counters.busy_source if npus() else None, counters.memory_source
    else:
        gpu, held = "drm-engine-* or drm-cycles-* in the worker's fdinfo", "drm-resident-* in the worker's fdinfo"
        if nvidia:
            gpu += "; of NVIDIA's GPUs the share of time in NVML's last sample, times the region's"
            held += "; NVML's of the process"
        npu = "npu_busy_time_us of intel_vpu" if any(_NPU_DRIVER.glob("*/npu_busy_time_us")) else None
    return (gpu, npu, held) if gpus() else (None, npu, None)


def _cost_us(read: Callable[[], object]) -> float:
    costs = []
    for _ in range(_READINGS):
        start = time.perf_counter_ns()
        read()
        costs.append((time.perf_counter_ns() - start) / 1000)
    return round(statistics.median(costs), 1)
