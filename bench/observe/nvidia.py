"""What NVIDIA's driver counts (NVML): energy of its GPUs, and how busy a process kept each and what it holds there.

On Linux DRM counts nothing of these GPUs. On Windows the system's own counters know them too, and energy alone is read
here. Written from NVIDIA's NVML API reference; never run on a device, and against a stand-in in the tests.

``nvmlDeviceGetProcessUtilization`` is no counter: it has the share of time in which kernels of a process ran during the
driver's last sample of 1/6 s to 1 s, and the time of that sample. So busy time is that share of the timed region, and
not known where the region ended before the driver took a sample. In a container whose processes have ids of their own,
the driver's do not match, and nothing is known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pynvml

from bench.observe.busy import Sample


@dataclass(frozen=True, slots=True)
class NvidiaGpu:
    """One GPU: NVML's handle, its product name, and ``vendor:device`` as PCI has it."""

    handle: Any
    name: str
    pci_id: str


class NvidiaGpus:
    """All GPUs of NVIDIA's driver; none where there is no driver."""

    def __init__(self, nvml: Any = pynvml) -> None:
        self._nvml = nvml
        self.gpus: Mapping[str, NvidiaGpu] = dict(self._found())
        names = ", ".join(gpu.name for gpu in self.gpus.values())
        self.source = f"NVML {names}: whole board, all processes"

    def _found(self) -> Iterator[tuple[str, NvidiaGpu]]:
        try:
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError:
            return
        for number in range(count):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(number)
                info = self._nvml.nvmlDeviceGetPciInfo(handle)
                pci_id = f"{info.pciDeviceId & 0xFFFF:04x}:{info.pciDeviceId >> 16:04x}"
                # As Linux writes it, ``0000:01:00.0``; NVML's domain has eight digits.
                address = f"{info.domain:04x}:{info.bus:02x}:{info.device:02x}.0"
                yield address, NvidiaGpu(handle, self._nvml.nvmlDeviceGetName(handle), pci_id)
            except self._nvml.NVMLError:
                # One that has fallen off the bus hides no other.
                continue

    def driver(self) -> str | None:
        """The version of the driver."""
        found: str | None = self._ask(self._nvml.nvmlSystemGetDriverVersion)
        return found

    def samples(self, pid: int) -> dict[str, Sample | None]:
        """PCI address of each GPU that process ``pid`` uses -> the driver's last sample of it."""
        using = {address: gpu for address, gpu in self.gpus.items() if self._held(gpu, pid) is not None}
        return {address: self._sample(gpu, pid) for address, gpu in using.items()}

    def _sample(self, gpu: NvidiaGpu, pid: int) -> Sample | None:
        found = self._ask(self._nvml.nvmlDeviceGetProcessUtilization, gpu.handle, 0) or ()
        mine = [Sample(one.timeStamp, one.smUtil / 100) for one in found if one.pid == pid]
        return max(mine, key=lambda sample: sample.at_us, default=None)

    def memory_bytes(self, pid: int) -> int | None:
        """Memory of process ``pid`` on all GPUs; ``None`` where the driver knows of none."""
        held = [used for gpu in self.gpus.values() if (used := self._held(gpu, pid)) is not None]
        return sum(held) if held and all(held) else None

    def _held(self, gpu: NvidiaGpu, pid: int) -> int | None:
        """What the process holds on a GPU; 0 where it uses it and the driver does not say how much."""
        found = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, gpu.handle) or ()
        mine = [one.usedGpuMemory or 0 for one in found if one.pid == pid]
        return sum(mine) if mine else None

    def read_j(self) -> float | None:
        """Joules of all GPUs since the driver was loaded; ``None`` where one does not count (before Volta)."""
        read = [self._ask(self._nvml.nvmlDeviceGetTotalEnergyConsumption, gpu.handle) for gpu in self.gpus.values()]
        return None if not read or None in read else sum(read) / 1000

    def _ask(self, question: Callable[..., Any], *arguments: object) -> Any:
        try:
            return question(*arguments)
        except self._nvml.NVMLError:
            return None
