"""How long the GPU and the NPU worked, by the system's own counters, read around each timed region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_LONGEST_BURST = 20
"""An engine's counter may gain this many times the elapsed time: engines share one, and accounting comes late."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Busy time between two readings, in nanoseconds; ``None`` where the machine has no such counter.

    Args:
        gpu_ns: of the process, all engines of all GPUs added up.
        npu_ns: of the NPUs; on Linux of every process, on Windows of this one.
        gpus: adapter (see :class:`backends.contract.Device`) -> its busy time, for each GPU of the system.
        npus: the same of NPUs.
    """

    gpu_ns: int | None = None
    npu_ns: int | None = None
    elapsed_ns: int = 0
    gpus: Mapping[str, int | None] = field(default_factory=dict)
    npus: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineTime:
    """An engine's counter: ``ran`` nanoseconds; or ``ran`` cycles where the engine's clock has counted ``of``."""

    ran: int
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """How busy a process kept a GPU, as its driver sampled it, in place of a counter.

    Args:
        at_us: when, in microseconds of the system's clock since 1970.
        share: of the time of the sample in which work of the process ran.
    """

    at_us: int
    share: float


@dataclass(frozen=True, slots=True)
class Reading:
    """All counters at a moment.

    Args:
        gpu: engine, as ``adapter/…`` -> its counter; ``None`` where no GPU engine of the process is counted.
        npu: the same of NPUs.
        gpus: the adapters of all GPUs of the system, counted or not.
        npus: the same of NPUs.
        wall_us: the moment in microseconds since 1970, as samples have it.
        samples: adapter of each GPU that is sampled and that the process uses -> the last sample.
    """

    at_ns: int
    gpu: Mapping[str, EngineTime] | None = None
    npu: Mapping[str, EngineTime] | None = None
    gpus: frozenset[str] = frozenset()
    npus: frozenset[str] = frozenset()
    wall_us: int = 0
    samples: Mapping[str, Sample | None] = field(default_factory=dict)

    def since(self, earlier: Reading) -> Busy:
        """The increase since ``earlier``; an engine that was not there then began at 0.

        Where a counter moved as no time can, or no sample was taken since, the time of its adapter and the sum are
        ``None``.
        """
        elapsed_ns = self.at_ns - earlier.at_ns
        sampled = {
            adapter: round(sample.share * elapsed_ns) if sample is not None and sample.at_us > earlier.wall_us else None
            for adapter, sample in self.samples.items()
        }
        gpus = _by_adapter(self.gpu, earlier.gpu, elapsed_ns) | sampled
        npus = _by_adapter(self.npu, earlier.npu, elapsed_ns)
        all_gpus, all_npus = dict.fromkeys(self.gpus) | gpus, dict.fromkeys(self.npus) | npus
        return Busy(_total(gpus), _total(npus), elapsed_ns, all_gpus, all_npus)


def _by_adapter(
    now: Mapping[str, EngineTime] | None, before: Mapping[str, EngineTime] | None, elapsed_ns: int
) -> dict[str, int | None]:
    if now is None or before is None:
        return {}
    ran: dict[str, list[int]] = {}
    for name, counter in now.items():
        ran.setdefault(name.partition("/")[0], []).append(_ran_ns(counter, before.get(name), elapsed_ns))
    # Intel's driver for an Arc 130V was seen to move its ``Neural`` engine by minutes within a second, and back;
    # counters that were right were seen to gain 14 seconds within one.
    return {
        adapter: sum(engines) if all(0 <= one <= _LONGEST_BURST * elapsed_ns for one in engines) else None
        for adapter, engines in ran.items()
    }


def _ran_ns(now: EngineTime, before: EngineTime | None, elapsed_ns: int) -> int:
    if before is None:
        return now.ran if now.of is None else 0
    ran = now.ran - before.ran
    if now.of is None or before.of is None:
        return ran
    ticks = now.of - before.of
    return round(ran / ticks * elapsed_ns) if ticks > 0 else 0


def _total(adapters: Mapping[str, int | None]) -> int | None:
    known = [ran for ran in adapters.values() if ran is not None]
    return sum(known) if known and len(known) == len(adapters) else None
