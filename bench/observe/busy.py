"""How long the GPU and the NPU worked, by the system's own counters, read around each timed region."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Busy:
    """Busy time since some moment in the past, in nanoseconds; ``None`` where the machine has no such counter.

    Args:
        gpu_ns: of GPU engines, on behalf of one process where the system tells it apart.
        npu_ns: of the NPU, whoever used it.
    """

    gpu_ns: int | None = None
    npu_ns: int | None = None

    def since(self, earlier: Busy) -> Busy:
        """What was added since ``earlier``."""
        return Busy(_difference(self.gpu_ns, earlier.gpu_ns), _difference(self.npu_ns, earlier.npu_ns))


def _difference(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else max(0, now - before)


class BusyCounters:
    """The counters as they stand for one worker.

    Args:
        pid: the worker's process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def read(self) -> Busy:
        """Read all counters now. Cheap enough for either end of a timed region."""
        return Busy()

    def close(self) -> None:
        """Let go of what the system lent."""
