"""Busy time on Linux: the NPU's in sysfs, a process's share of the GPU in the fdinfo of its open devices.

Sources: the kernel's ``drm-usage-stats`` documentation for fdinfo, and ``intel_vpu``'s for ``npu_busy_time_us`` (from
6.11 on). i915 and amdgpu count nanoseconds per engine, xe counts cycles beside the engine's clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.observe.accelerators import pci_id
from bench.observe.busy import EngineTime, Reading
from bench.observe.sysfs import count_of, texts_of

_NPU_DRIVER = Path("/sys/bus/pci/drivers/intel_vpu")
_PROC = Path("/proc")
_DRM = Path("/sys/class/drm")


class LinuxCounters:
    """The counters of a process."""

    def __init__(self, pid: int, proc: Path = _PROC, npu_driver: Path = _NPU_DRIVER, drm: Path = _DRM) -> None:
        self._descriptors = proc / str(pid) / "fdinfo"
        self._npu_files = sorted(npu_driver.glob("*/npu_busy_time_us"))
        self._gpus = gpu_adapters(drm)

    def read(self) -> Reading:
        """Read the NPUs' counters and those of the process's GPU engines."""
        at_ns, npu = time.perf_counter_ns(), _npu_engines(self._npu_files)
        return Reading(at_ns, gpu_engines(texts_of(self._descriptors)), npu, self._gpus, frozenset(npu or ()))

    def close(self) -> None:
        """Nothing is held open."""


def gpu_adapters(drm: Path) -> frozenset[str]:
    """The PCI addresses of GPUs that can compute: those with a render node."""
    devices = (node / "device" for node in drm.glob("renderD*"))
    return frozenset(device.resolve().name for device in devices if pci_id(device) is not None)


def _npu_engines(files: Iterable[Path]) -> dict[str, EngineTime] | None:
    counts = {file.parent.name: EngineTime(count * 1000) for file in files if (count := count_of(file)) is not None}
    return counts or None


def gpu_engines(texts: Iterable[str]) -> dict[str, EngineTime] | None:
    """Engine -> its counter, over all GPU clients of a process; ``None`` if none is counted.

    Several open files of one client count once.
    """
    clients = {client: dict(_engines(fields)) for client, fields in fdinfo_clients(texts).items()}
    engines = {f"{client}/{name}": counter for client, mine in clients.items() for name, counter in mine.items()}
    return engines or None


def fdinfo_clients(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """``device/client`` of each GPU client of a process -> the fields of its fdinfo."""
    clients: dict[str, dict[str, str]] = {}
    for text in texts:
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        client = fields.get("drm-client-id")
        # The NPU has clients too; its own counters are better.
        if client is None or "vpu" in fields.get("drm-driver", ""):
            continue
        clients[f"{fields.get('drm-pdev', '').strip()}/{client.strip()}"] = fields
    return clients


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
