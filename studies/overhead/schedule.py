"""The simulated backend's recorded latencies against the schedule that it was given."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.contract import LoadOptions
from backends.simulated import SimulatedSession
from bench.measure.worker import WorkerProcess
from studies.overhead.figures import mean_interval

GOAL_US = 5.0
STEPS = 64
PROMPT_TOKENS = 32
_OPTIONS: dict[str, Any] = {"ttft_ms": 20.0, "itl_ms": 4.0, "spread": 0.3, "seed": 7}


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far apart recorded and given latencies are.

    Args:
        per_generation_us: the median over the steps of a generation of the absolute difference, in microseconds.
    """

    per_generation_us: tuple[float, ...]


def measure_deviation(generations: int) -> Deviation:
    """Play ``generations`` with a spread of 30 % and compare every step."""
    # The same seed draws the same noise, so the schedule is known here without asking the worker.
    schedule = SimulatedSession("CPU", LoadOptions("int4", None, _OPTIONS))
    medians = []
    with (
        tempfile.TemporaryDirectory(prefix="aipc-overhead-", ignore_cleanup_errors=True) as scratch,
        WorkerProcess(sys.executable, "backends.simulated:Simulated", Path(scratch)) as worker,
    ):
        worker.open()
        worker.load(None, "CPU", "int4", None, _OPTIONS)
        for number in range(generations):
            generated = worker.generate([[number + 1] * PROMPT_TOKENS], STEPS)
            recorded = [generated.ttft_ns, *generated.itl_ns]
            medians.append(median_deviation_us(recorded, list(schedule.schedule_ns(PROMPT_TOKENS, STEPS))))
    return Deviation(tuple(medians))


def median_deviation_us(recorded_ns: list[int], given_ns: list[int]) -> float:
    """The median of the absolute differences, in microseconds."""
    return statistics.median(abs(one - other) for one, other in zip(recorded_ns, given_ns, strict=True)) / 1e3


def said(deviation: Deviation) -> Iterator[str]:
    """The deviation in a line for people."""
    mean, low, high = mean_interval(deviation.per_generation_us)
    kept = "within the goal" if high <= GOAL_US else "outside the goal" if low > GOAL_US else "cannot tell"
    yield (
        f"median |recorded - given| per step: {mean:.2f} us ({low:.2f} to {high:.2f}, "
        f"{len(deviation.per_generation_us)} generations of {STEPS} steps; goal {GOAL_US:g} us)  {kept}"
    )
