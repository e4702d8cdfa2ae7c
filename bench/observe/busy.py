"""How long the GPU and the NPU worked, by the system's own counters, read around each timed region."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST_BURST = 20
"""What an engine's counter may gain, over the time that passed: engines share one, and accounting comes late."""


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
        """What was added since ``earlier``; an engine that was not there then began at its first reading.

        Where any counter of a device did what no counter of time can do, that device's time is not known.
        """
        elapsed_ns = self.at_ns - earlier.at_ns
        npu = None if self.npu_ns is None or earlier.npu_ns is None else self.npu_ns - earlier.npu_ns
        if npu is not None and not _possible(npu, elapsed_ns):
            npu = None
        if self.gpu is None or earlier.gpu is None:
            return Busy(None, npu)
        ran = [_ran_ns(now, earlier.gpu.get(name), elapsed_ns) for name, now in self.gpu.items()]
        return Busy(sum(ran) if all(_possible(one, elapsed_ns) for one in ran) else None, npu)


def _ran_ns(now: EngineTime, before: EngineTime | None, elapsed_ns: int) -> int:
    if before is None:
        return now.ran if now.of is None else 0
    ran = now.ran - before.ran
    if now.of is None or before.of is None:
        return ran
    ticks = now.of - before.of
    return round(ran / ticks * elapsed_ns) if ticks > 0 else 0


def _possible(ran_ns: int, elapsed_ns: int) -> bool:
    """Whether a counter can have moved by so much: never backwards, and late accounting explains no burst of any size.

    Intel's driver for an Arc 130V was seen to move its ``Neural`` engine by minutes within a second, and back; counters
    that were right were seen to gain 14 seconds within one.
    """
    return 0 <= ran_ns <= _LONGEST_BURST * elapsed_ns
