"""When a difference is claimed: Holm's adjustment for the number of tests, and a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bench.analyse.interval import CONFIDENCE, Estimate

_Name = TypeVar("_Name", str, tuple[str, str])


def holm(p_values: Mapping[_Name, float | None]) -> set[_Name]:
    """The names whose hypothesis of no difference falls, with at most 5 % of families holding a false one (Holm, 1979).

    Args:
        p_values: name -> p value; ``None`` counts as no test.
    """
    ordered = sorted((value, name) for name, value in p_values.items() if value is not None)
    fallen: set[_Name] = set()
    for place, (value, name) in enumerate(ordered):
        if value > (1 - CONFIDENCE) / (len(ordered) - place):
            break
        fallen.add(name)
    return fallen


def claim(ratio: Estimate, threshold: float, *, stands: bool) -> str:
    """``same``, ``higher``, ``lower`` or ``inconclusive``, checked in this order.

    ``same`` if the 95 % interval lies within the threshold; ``higher`` or ``lower`` if the difference stands and is
    beyond half the threshold.

    Args:
        ratio: with its interval.
        threshold: as a share.
        stands: whether the difference is significant after :func:`holm`.
    """
    widest, half = 1 + threshold, 1 + threshold / 2
    if ratio.low is not None and ratio.high is not None and 1 / widest <= ratio.low and ratio.high <= widest:
        return "same"
    if stands and ratio.value > half:
        return "higher"
    if stands and ratio.value < 1 / half:
        return "lower"
    return "inconclusive"
