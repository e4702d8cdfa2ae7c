"""A stand-in for NVIDIA's NVML, as ``pynvml`` has it: no GPU has been measured with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace


class NVMLError(Exception):
    """What the library raises."""


@dataclass
class FakeGpu:
    """A GPU; ``None`` is what its driver does not say."""

    name: str = "GeForce RTX 4060"
    bus: int = 1
    millijoules: int | None = 0
    processes: dict[int, int | None] = field(default_factory=dict)
    samples: list[tuple[int, int, int]] = field(default_factory=list)
    """Process, time in microseconds, percent."""
    lost: bool = False


class FakeNvml:
    """NVML with some GPUs; without any, the driver is missing."""

    NVMLError = NVMLError

    def __init__(self, *gpus: FakeGpu) -> None:
        self._gpus = gpus

    def nvmlInit(self) -> None:  # noqa: N802 - its name
        if not self._gpus:
            raise NVMLError("NVML Shared Library Not Found")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self._gpus)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> FakeGpu:  # noqa: N802
        if self._gpus[number].lost:
            raise NVMLError("GPU is lost")
        return self._gpus[number]

    def nvmlDeviceGetName(self, gpu: FakeGpu) -> str:  # noqa: N802
        return gpu.name

    def nvmlDeviceGetPciInfo(self, gpu: FakeGpu) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(domain=0, bus=gpu.bus, device=0, pciDeviceId=0x288210DE)

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802
        return "580.65.06"

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: FakeGpu) -> int:  # noqa: N802
        if gpu.millijoules is None:
            raise NVMLError("Not Supported")
        return gpu.millijoules

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: FakeGpu) -> Sequence[SimpleNamespace]:  # noqa: N802
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in gpu.processes.items()]

    def nvmlDeviceGetProcessUtilization(self, gpu: FakeGpu, since: int) -> Sequence[SimpleNamespace]:  # noqa: N802
        if not gpu.samples:
            raise NVMLError("Not Found")
        return [SimpleNamespace(pid=pid, timeStamp=at_us, smUtil=percent) for pid, at_us, percent in gpu.samples]
