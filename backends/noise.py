"""The noise of a machine, as the simulated backend has it: one definition, which the study of the statistics shares.

A latency is its nominal value times one factor per level: the run, the moment, the process, the generation, the step,
and the time of day. Each factor has the geometric mean 1, but for the slow mode and the tails, which only slow down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from random import Random

_STEPS = 4
"""Of the correlated series, per correlation time."""
_REMEMBERED = 6 * _STEPS
"""Innovations that still count; older ones would add a hundred-thousandth of the variance."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What a latency is multiplied by. Spreads are relative standard deviations of log-normal factors.

    Args:
        run_spread: between runs; one factor for all processes of a run.
        correlated_spread: between the moments of a run, alike for those close in time: an AR(1) series on logarithms,
        correlation_time_s: and the seconds between two moments whose correlation is 1 / e.
        process_spread: between the processes of a run.
        generation_spread: between the generations of a process.
        spread: between the steps of a generation.
        slow_share: share of the processes that are in a slow mode,
        slow_factor: by which they take longer.
        tail_share: share of the steps that something else holds up,
        tail_factor: by which they take longer.
        drift: the machine's slow rise and fall, as the largest share that it adds,
        drift_period_s: and the seconds from one high to the next.
    """

    run_spread: float = 0.0
    correlated_spread: float = 0.0
    correlation_time_s: float = 60.0
    process_spread: float = 0.0
    generation_spread: float = 0.0
    spread: float = 0.0
    slow_share: float = 0.0
    slow_factor: float = 1.0
    tail_share: float = 0.0
    tail_factor: float = 1.0
    drift: float = 0.0
    drift_period_s: float = 3600.0

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if not 0 <= value < math.inf or (value > 1 and part.name.endswith("_share")):
                raise ValueError(f"{part.name} cannot be {value:g}")
            if value == 0 and part.name.endswith(("_factor", "_s")):
                raise ValueError(f"{part.name} has to be above 0")

    def run(self, drawn: Random) -> float:
        """The factor of a run."""
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
        """The factor of a process."""
        return _log_normal(drawn, self.process_spread) * _sometimes(drawn, self.slow_share, self.slow_factor)

    def generation(self, drawn: Random) -> float:
        """The factor of a generation."""
        return _log_normal(drawn, self.generation_spread)

    def step(self, drawn: Random) -> float:
        """The factor of a step."""
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
