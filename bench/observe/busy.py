"""How long the GPU and the NPU worked, by the system's own counters, read around each timed region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Busy:
    """Busy time between two readings, in nanoseconds; ``None`` where the machine has no such counter.

    Args:
        gpu_ns: of GPU engines on behalf of one process, all engines added up.
        npu_ns: of the NPU; on Linux whoever used it, on Windows on behalf of one process.
    """

    gpu_ns: int | None = None
    npu_ns: int | None = None


@dataclass(frozen=True, slots=True)
class EngineTime:
    """What an engine's counter says at a moment.

    Args:
        ran: nanoseconds, or cycles of the engine's clock.
        of: that clock itself, where ``ran`` counts cycles; ``None`` where it counts nanoseconds.
    """

    ran: int
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """All counters at a moment.

    Args:
        at_ns: the moment, by ``time.perf_counter_ns``.
        gpu: engine -> its counter; ``None`` where the process has no GPU engine that the system counts.
        npu_ns: the NPU's counter.
    """

    at_ns: int
    gpu: dict[str, EngineTime] | None = None
    npu_ns: int | None = None

    def since(self, earlier: Reading) -> Busy:
        """What was added since ``earlier``; an engine that was not there then began at its first reading."""
        npu = None if self.npu_ns is None or earlier.npu_ns is None else max(0, self.npu_ns - earlier.npu_ns)
        if self.gpu is None or earlier.gpu is None:
            return Busy(None, npu)
        elapsed_ns = self.at_ns - earlier.at_ns
        busy = (_ran_ns(now, earlier.gpu.get(name), elapsed_ns) for name, now in self.gpu.items())
        return Busy(sum(busy), npu)


def _ran_ns(now: EngineTime, before: EngineTime | None, elapsed_ns: int) -> int:
    if before is None:
        return now.ran if now.of is None else 0
    ran = max(0, now.ran - before.ran)
    if now.of is None or before.of is None:
        return ran
    ticks = now.of - before.of
    return round(ran / ticks * elapsed_ns) if ticks > 0 else 0
