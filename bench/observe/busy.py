"""How long the GPU and the NPU worked, by the system's own counters, read around each timed region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_LONGEST_BURST = 20
"""What an engine's counter may gain, over the time that passed: engines share one, and accounting comes late."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Busy time between two readings, in nanoseconds; ``None`` where the machine has no such counter.

    Args:
        gpu_ns: of GPU engines on behalf of one process, all engines of all adapters added up.
        npu_ns: of the NPUs; on Linux whoever used them, on Windows on behalf of one process.
        elapsed_ns: the time between the readings.
        gpus: each GPU of the system, by its adapter (see :class:`backends.contract.Device`) -> busy time of its
            engines; ``None`` for one whose time is not known.
        npus: the same of NPUs.
    """

    gpu_ns: int | None = None
    npu_ns: int | None = None
    elapsed_ns: int = 0
    gpus: Mapping[str, int | None] = field(default_factory=dict)
    npus: Mapping[str, int | None] = field(default_factory=dict)


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
        gpu: engine, as ``adapter/…`` -> its counter; ``None`` where the process has no GPU engine that is counted.
        npu: the same of NPUs.
        gpus: the adapters of all GPUs that the system has, counted or not.
        npus: the same of NPUs.
    """

    at_ns: int
    gpu: Mapping[str, EngineTime] | None = None
    npu: Mapping[str, EngineTime] | None = None
    gpus: frozenset[str] = frozenset()
    npus: frozenset[str] = frozenset()

    def since(self, earlier: Reading) -> Busy:
        """What was added since ``earlier``; an engine that was not there then began at its first reading.

        Where any counter of an adapter did what no counter of time can do, its time and the sum are not known.
        """
        elapsed_ns = self.at_ns - earlier.at_ns
        gpus, npus = _between(self.gpu, earlier.gpu, elapsed_ns), _between(self.npu, earlier.npu, elapsed_ns)
        return Busy(
            _total(gpus),
            _total(npus),
            elapsed_ns,
            {**dict.fromkeys(self.gpus), **gpus},
            {**dict.fromkeys(self.npus), **npus},
        )


def _between(
    now: Mapping[str, EngineTime] | None, before: Mapping[str, EngineTime] | None, elapsed_ns: int
) -> dict[str, int | None]:
    """Adapter -> busy time of its engines; ``None`` for one of whose engines the counter cannot be believed."""
    if now is None or before is None:
        return {}
    ran: dict[str, list[int]] = {}
    for name, counter in now.items():
        ran.setdefault(name.partition("/")[0], []).append(_ran_ns(counter, before.get(name), elapsed_ns))
    return {
        adapter: sum(engines) if all(_possible(one, elapsed_ns) for one in engines) else None
        for adapter, engines in ran.items()
    }


def _total(adapters: Mapping[str, int | None]) -> int | None:
    known = [ran for ran in adapters.values() if ran is not None]
    return sum(known) if known and len(known) == len(adapters) else None


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
