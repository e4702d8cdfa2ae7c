"""Busy time on Linux: the NPU's in sysfs, a process's share of the GPU in the fdinfo of its open devices.

Sources: the kernel's ``drm-usage-stats`` documentation for fdinfo, and ``intel_vpu``'s for ``npu_busy_time_us`` (from
6.11 on). i915 and amdgpu count nanoseconds per engine, xe counts cycles beside the engine's clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.observe.busy import EngineTime, Reading

_NPU_DRIVER = Path("/sys/bus/pci/drivers/intel_vpu")
_PROC = Path("/proc")


class LinuxCounters:
    """The counters of a process.

    Args:
        pid: the process.
        proc: where processes are told of.
        npu_driver: where the NPU's driver tells of its devices.
    """

    def __init__(self, pid: int, proc: Path = _PROC, npu_driver: Path = _NPU_DRIVER) -> None:
        self._descriptors = proc / str(pid) / "fdinfo"
        self._npu_files = sorted(npu_driver.glob("*/npu_busy_time_us"))

    def read(self) -> Reading:
        """Read the NPU's counter and those of the process's GPU engines."""
        return Reading(time.perf_counter_ns(), gpu_engines(_texts(self._descriptors)), npu_busy_ns(self._npu_files))

    def close(self) -> None:
        """Nothing is held open."""


def npu_busy_ns(files: Iterable[Path]) -> int | None:
    """The sum of the NPUs' counters; ``None`` where there is none, or the kernel is too old to count."""
    counts = [int(text) for file in files if (text := _text(file).strip()).isdigit()]
    return sum(counts) * 1000 if counts else None


def gpu_engines(texts: Iterable[str]) -> dict[str, EngineTime] | None:
    """Engine -> its counter, over all GPU clients of a process; ``None`` if it has none that is counted.

    Args:
        texts: the fdinfo of each open file. Several files of one client tell the same, and count once.
    """
    clients: dict[str, dict[str, EngineTime]] = {}
    for text in texts:
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        client = fields.get("drm-client-id")
        # The NPU has such clients too; its own counter is the better one.
        if client is None or "vpu" in fields.get("drm-driver", ""):
            continue
        key = f"{fields.get('drm-pdev', '').strip()}/{client.strip()}"
        clients[key] = dict(_engines(fields))
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


def _texts(folder: Path) -> Iterable[str]:
    try:
        files = list(folder.iterdir())
    except OSError:
        return
    for file in files:
        yield _text(file)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
