"""How the runs of one series vary around its level: correlated from run to run, as an AR(1) process."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

LEAST_SIDE = 3
"""How many runs lie on either side of a change point, at the least: two could be one bad day."""

PERSISTENCE = 0.4
"""The least autocorrelation of consecutive runs that is assumed: ten runs are too few to estimate it."""

NOTHING = 1e-18
"""A sum of squares that is rounding."""

# Of fewer runs an estimate of phi is mostly chance.
_LEAST_FOR_PERSISTENCE = 30
_MOST_PERSISTENCE = 0.95


class Reading(NamedTuple):
    """One run's estimate of a series.

    Args:
        log: natural logarithm of the estimate.
        within: variance of that logarithm by what varies within the run; 0 where it is not known.
    """

    run: int
    log: float
    within: float = 0.0


Points = Sequence[Reading]
"""In the order of the runs."""


@dataclass(frozen=True, slots=True)
class RunNoise:
    """How the runs of one series vary around its level.

    Args:
        phi: their autocorrelation.
        rest: variance apart from what varies within a run.
    """

    phi: float
    rest: float


def run_noise(points: Points) -> RunNoise:
    """Estimated around one step, wherever that explains most."""
    values = np.array([point.log for point in points])
    split = _steepest(values)[1]
    variance = (left_over(values[:split]) + left_over(values[split:])) / (len(values) - 2)
    within = math.fsum(point.within for point in points) / len(points)
    return RunNoise(max(PERSISTENCE, _persistence(values)), max(variance - within, 0.0))


def left_over(values: Any) -> float:
    """The sum of squares around the mean."""
    return float(((values - values.mean()) ** 2).sum())


def _persistence(values: Any) -> float:
    """The phi of an autoregression around the levels of ``values``; 0 where they are too few.

    Steps and slopes look like autocorrelation and autocorrelation looks like them, so a line is taken out, or one step
    after the other, and what describes the series best by Schwarz's criterion (BIC, 1978) is believed.
    """
    count = len(values)
    if count < _LEAST_FOR_PERSISTENCE:
        return 0.0
    rest = values - values.mean()
    places = np.arange(count) - (count - 1) / 2
    found = [_autoregression(rest - places * float((places * rest).sum()) / float((places**2).sum()), 2, 1)]
    # What its steepest step explains, where that is within it, its first run, its end.
    levels = [(*_steepest(values), 0, count)]
    while len(levels) <= count // (2 * LEAST_SIDE):
        # A step costs a level and a place.
        found.append(_autoregression(rest, len(levels), 2 * (len(levels) - 1)))
        steepest = max(levels)
        explained, at, low, high = steepest
        if explained < NOTHING:
            break
        levels.remove(steepest)
        for start, end in ((low, low + at), (low + at, high)):
            rest[start:end] = values[start:end] - values[start:end].mean()
            levels.append((*_steepest(values[start:end]), start, end))
    return min(found)[1]


def _autoregression(rest: Any, means: int, parameters: int) -> tuple[float, float]:
    """(BIC, phi) of what a description leaves over that has ``means`` and ``parameters`` besides.

    Each mean takes about (1 + 3 phi) / runs from an estimate of phi (Kendall, Biometrika 1954), which is given back.
    """
    count = len(rest)
    squares = float((rest**2).sum())
    if squares < NOTHING:
        return -math.inf, 0.0
    raw = float((rest[1:] * rest[:-1]).sum()) / squares
    phi = min(max((count * raw + means) / (count - 3 * means), 0.0), _MOST_PERSISTENCE)
    new = (1 - phi**2) * rest[0] ** 2 + float(((rest[1:] - phi * rest[:-1]) ** 2).sum())
    return count * math.log(new / count) + parameters * math.log(count), phi


def _steepest(values: Any) -> tuple[float, int]:
    """How much of the sum of squares one step explains at most, and where; nothing where there is no room for one."""
    count = len(values)
    if count < 2 * LEAST_SIDE:
        return 0.0, 0
    left = np.arange(LEAST_SIDE, count - LEAST_SIDE + 1)
    sums = np.cumsum(values - values.mean())[left - 1]
    explained = sums**2 * count / (left * (count - left))
    best = int(explained.argmax())
    return float(explained[best]), int(left[best])
