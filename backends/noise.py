"""The noise of a machine, as the simulated backend has it: one definition, which the study of the statistics shares.

A latency is its nominal value times one factor per level: the run, the moment, the process, the generation, the step,
and the time of day. Each factor has the geometric mean 1, but for the slow mode and the tails, which only slow down.
"""

import math
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

_STEPS = 4
"""Of the correlated series, per correlation time."""
_REMEMBERED = 6 * _STEPS
"""Innovations that still count; older ones would add a hundred-thousandth of the variance."""


def _part(default: float, words: str) -> Any:
    return field(default=default, metadata={"help": words})


@dataclass(frozen=True, slots=True)
class Noise:
    """What a latency is multiplied by; each part is a load option of the simulated backend.

    Spreads are relative standard deviations of log-normal factors. Those of the moments of a run are an AR(1) series
    on logarithms.
    """

    run_spread: float = _part(0.0, "relative standard deviation between runs (log-normal, by run_seed)")
    correlated_spread: float = _part(
        0.0, "relative standard deviation between moments of a run, alike for neighbours (by run_seed)"
    )
    correlation_time_s: float = _part(60.0, "seconds after which that correlation is down to 1 / e")
    process_spread: float = _part(0.0, "relative standard deviation between processes (log-normal, by process_seed)")
    generation_spread: float = _part(
        0.0, "relative standard deviation between the generations of a process (log-normal, by seed)"
    )
    spread: float = _part(0.0, "relative standard deviation of each step (log-normal, by seed)")
    slow_share: float = _part(0.0, "share of the processes that are in a slow mode (by process_seed)")
    slow_factor: float = _part(1.0, "by which those processes take longer")
    tail_share: float = _part(0.0, "share of the steps that are held up (by seed)")
    tail_factor: float = _part(1.0, "by which those steps take longer")
    drift: float = _part(0.0, "the most that a slow rise and fall adds, as a share: 0.05 is 5 %")
    drift_period_s: float = _part(3600.0, "seconds from one high of the drift to the next")

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if not 0 <= value < math.inf or (value > 1 and part.name.endswith("_share")):
                raise ValueError(f"{part.name} cannot be {value:g}")
            if value == 0 and part.name.endswith(("_factor", "_s")):
                raise ValueError(f"{part.name} has to be above 0")

    def run(self, drawn: Random) -> float:
        return _log_normal(drawn, self.run_spread)

    def moment(self, time_s: float, seed: str) -> float:
        """The factor of a moment of a run, the same for each process that asks with the run's ``seed``.

        The AR(1) series is summed up from its innovations, each drawn by its place in time, because processes of a run
        share nothing else. Its steps are a quarter of the correlation time long.
        """
        if self.correlated_spread <= 0:
            return 1.0
        now = math.floor(time_s * _STEPS / self.correlation_time_s)
        left = math.exp(-1 / _STEPS)
        drawn = (Random(f"{seed} {now - ago}").gauss(0.0, 1.0) * left**ago for ago in range(_REMEMBERED))
        return math.exp(log_deviation(self.correlated_spread) * math.sqrt(1 - left**2) * math.fsum(drawn))

    def process(self, drawn: Random) -> float:
        return _log_normal(drawn, self.process_spread) * _sometimes(drawn, self.slow_share, self.slow_factor)

    def generation(self, drawn: Random) -> float:
        return _log_normal(drawn, self.generation_spread)

    def step(self, drawn: Random) -> float:
        return _log_normal(drawn, self.spread) * _sometimes(drawn, self.tail_share, self.tail_factor)

    def at(self, time_s: float) -> float:
        """The factor of a moment, in seconds since any moment that all processes share."""
        return math.exp(math.log1p(self.drift) * math.sin(2 * math.pi * time_s / self.drift_period_s))


def log_deviation(spread: float) -> float:
    """The standard deviation of the logarithm of a log-normal factor of relative standard deviation ``spread``."""
    return math.sqrt(math.log1p(spread * spread))


def _log_normal(drawn: Random, spread: float) -> float:
    return math.exp(drawn.gauss(0.0, log_deviation(spread))) if spread > 0 else 1.0


def _sometimes(drawn: Random, share: float, factor: float) -> float:
    return factor if share > 0 and drawn.random() < share else 1.0
