"""What the observers read on this machine, and what a reading of each costs."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from statistics import median
from timeit import repeat
from typing import TypedDict

from bench.observe.accelerators import gpus
from bench.observe.gauges import Instruments, counters_of
from bench.observe.memory import memory_of
from bench.observe.thermal import cpu_temperature_c

_READINGS = 20


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
        has_gpu = bool(gpus())
        found: Mapping[str, tuple[str | None, Callable[[], object]]] = {
            "memory": ("PeakWorkingSetSize, private bytes" if windows else "VmHWM, USS", lambda: memory_of(pid)),
            "cpu_time": (f"time.process_time_ns in the worker{steps}", time.process_time_ns),
            "gpu_busy": (counters.gpu_source if has_gpu else None, counters.busy),
            "npu_busy": (counters.npu_source, counters.busy),
            "device_memory": (counters.memory_source if has_gpu else None, counters.device_memory_bytes),
            "energy": (meter.source if meter else None, meter.read_j if meter else float),
            "cpu_frequency": (counters.clock_source, counters.clock_mhz),
            "cpu_temperature": ("psutil.sensors_temperatures" if cpu_temperature_c() else None, cpu_temperature_c),
            "conditions": (
                "CPU time, memory, swap, power, throttling, sleep",
                lambda: instruments.conditions.read(pid),
            ),
        }
        return {
            name: None
            if source is None
            else Observer(source=source, cost_us=round(median(repeat(read, number=1, repeat=_READINGS)) * 1e6, 1))
            for name, (source, read) in found.items()
        }
