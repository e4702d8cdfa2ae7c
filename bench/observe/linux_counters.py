"""What Linux counts of one worker: busy time of GPU and NPU, memory on them, and the clock of its CPUs.

Sources: the kernel's ``drm-usage-stats`` documentation for fdinfo, and ``intel_vpu``'s for ``npu_busy_time_us`` (from
6.11 on). i915 and amdgpu count nanoseconds per engine, xe counts cycles beside the engine's clock.
"""

import re
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from backends.spec import hardware_of
from bench.observe.accelerators import pci_id
from bench.observe.busy import EngineTime, Reading
from bench.observe.nvidia import NvidiaGpus
from bench.observe.sysfs import count_of, counts_of, text_of, texts_of

_SIZE = re.compile(r"(\d+)\s*(|KiB|MiB|GiB)")
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

_OF_NVIDIA = (
    "; of NVIDIA's GPUs the share of time in NVML's last sample, times the region's",
    "; NVML's of the process",
)
"""What the sources of busy time and of memory say beside, where there are such GPUs."""


class LinuxCounters:
    """The counters of the process ``pid`` on ``device``, which may use the logical CPUs ``cpus`` (``None``: all).

    Each ``…_source`` says what is read, and is ``None`` where the system has no such counter.
    """

    def __init__(
        self,
        pid: int,
        device: str,
        cpus: Collection[int] | None,
        root: Path = Path("/"),
        nvidia: NvidiaGpus | None = None,
    ) -> None:
        self._pid = pid
        self._nvidia = nvidia
        npus, cpu_folder = root / "sys/bus/pci/drivers/intel_vpu", root / "sys/devices/system/cpu"
        self._descriptors = root / "proc" / str(pid) / "fdinfo"
        self._npu_busy = sorted(npus.glob("*/npu_busy_time_us"))
        self._npu_memory = sorted(npus.glob("*/npu_memory_utilization")) if hardware_of(device) == "NPU" else []
        self._gpus = gpu_adapters(root / "sys/class/drm").union(nvidia.gpus if nvidia else ())
        self._cpus = cpus
        self._cpuinfo = root / "proc/cpuinfo"
        folders = cpu_folder.glob("cpu[0-9]*") if cpus is None else (cpu_folder / f"cpu{number}" for number in cpus)
        self._clocks = [file for cpu in folders if count_of(file := cpu / "cpufreq/scaling_cur_freq") is not None]
        self._mhz_before: float | None = None
        name = "scaling_cur_freq" if self._clocks else "cpu MHz of /proc/cpuinfo"
        known = self._mhz() is not None
        beside, held = _OF_NVIDIA if nvidia and nvidia.gpus else ("", "")
        self.gpu_source: str | None = f"drm-engine-* or drm-cycles-* in the worker's fdinfo{beside}"
        self.npu_source = "npu_busy_time_us of intel_vpu" if self._npu_busy else None
        self.memory_source: str | None = f"drm-resident-* in the worker's fdinfo{held}"
        self.clock_source = f"{name}, mean of the CPUs that the process may use" if known else None

    def busy(self) -> Reading:
        """Read the NPUs' counters, those of the process's GPU engines, and the samples of NVIDIA's driver."""
        at_ns, wall_us = time.perf_counter_ns(), time.time_ns() // 1000
        counts = {file.parent.name: count_of(file) for file in self._npu_busy}
        npu = {name: EngineTime(count * 1000) for name, count in counts.items() if count is not None}
        engines = gpu_engines(texts_of(self._descriptors))
        samples = self._nvidia.samples(self._pid) if self._nvidia is not None else {}
        return Reading(at_ns, engines, npu or None, self._gpus, frozenset(npu), wall_us, samples)

    def begin_clock(self) -> None:
        """Read the clock just before a timed region."""
        self._mhz_before = self._mhz()

    def clock_mhz(self) -> float | None:
        """Read it just after: the mean of both readings and of the CPUs."""
        now = self._mhz()
        return None if now is None or self._mhz_before is None else (self._mhz_before + now) / 2

    def _mhz(self) -> float | None:
        # psutil prefers /proc/cpuinfo, and reads each CPU's limits too, which takes three times as long.
        if self._clocks:
            read = counts_of(self._clocks)
            return sum(read) / len(read) / 1000 if read else None
        return cpuinfo_mhz(text_of(self._cpuinfo), self._cpus)

    def device_memory_bytes(self) -> int | None:
        """Memory of the process on GPUs, or for a load on the NPU all of the NPU's (kernel 6.15)."""
        if self._npu_memory:
            counts = counts_of(self._npu_memory)
            return sum(counts) if counts else None
        counted = gpu_memory_bytes(texts_of(self._descriptors))
        nvidia = self._nvidia.memory_bytes(self._pid) if self._nvidia is not None else None
        return counted if nvidia is None else (counted or 0) + nvidia

    def close(self) -> None:
        """Nothing is held open."""


def gpu_adapters(drm: Path) -> frozenset[str]:
    """The PCI addresses of GPUs that can compute: those with a render node."""
    devices = (node / "device" for node in drm.glob("renderD*"))
    return frozenset(device.resolve().name for device in devices if pci_id(device) is not None)


def fdinfo_clients(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """``device/client`` of each GPU client of a process -> the fields of its fdinfo, from the texts of its open files.

    Several open files of one client count once.
    """
    clients: dict[str, dict[str, str]] = {}
    for text in texts:
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        client = fields.get("drm-client-id")
        # The NPU has clients too; its own counters are better.
        if client is None or "vpu" in fields.get("drm-driver", ""):
            continue
        clients[f"{fields.get('drm-pdev', '').strip()}/{client.strip()}"] = fields
    return clients


def gpu_engines(texts: Iterable[str]) -> dict[str, EngineTime] | None:
    """Engine -> its counter, over all GPU clients of a process; ``None`` if none is counted."""
    clients = {client: dict(_engines(fields)) for client, fields in fdinfo_clients(texts).items()}
    engines = {f"{client}/{name}": counter for client, mine in clients.items() for name, counter in mine.items()}
    return engines or None


def _engines(fields: Mapping[str, str]) -> Iterable[tuple[str, EngineTime]]:
    for field, value in fields.items():
        number = value.split()[0] if value.split() else ""
        if not number.isdigit():
            continue
        if field.startswith("drm-engine-") and not field.startswith("drm-engine-capacity-"):
            yield field.removeprefix("drm-engine-"), EngineTime(int(number))
        elif field.startswith("drm-cycles-"):
            name = field.removeprefix("drm-cycles-")
            clock = fields.get(f"drm-total-cycles-{name}", "").strip()
            if clock.isdigit():
                yield name, EngineTime(int(number), int(clock))


def gpu_memory_bytes(texts: Iterable[str]) -> int | None:
    """Resident memory over all GPU clients of a process and all regions; ``None`` if no client has a counter.

    ``drm-resident-<region>`` (i915, xe, newer amdgpu) or the older ``drm-memory-<region>``.
    """
    held = [found for fields in fdinfo_clients(texts).values() if (found := _resident(fields)) is not None]
    return sum(held) if held else None


def _resident(fields: Mapping[str, str]) -> int | None:
    for prefix in ("drm-resident-", "drm-memory-"):
        found = [_SIZE.fullmatch(value.strip()) for name, value in fields.items() if name.startswith(prefix)]
        sizes = [int(size[1]) * _UNITS[size[2]] for size in found if size is not None]
        if sizes:
            return sum(sizes)
    return None


def cpuinfo_mhz(text: str, cpus: Collection[int] | None) -> float | None:
    """The mean clock in the text of ``/proc/cpuinfo``, in MHz."""
    found = []
    number = -1
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "processor" and value.strip().isdigit():
            number = int(value)
        elif name.strip() == "cpu MHz" and (cpus is None or number in cpus):
            found.append(float(value))
    return sum(found) / len(found) if found else None
