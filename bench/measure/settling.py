"""When a warm-up is over: the rule by which a series of generations counts as settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STILL_FALLING = 0.10
"""A generation that is faster than every one before it by more than this share shows that the series still falls."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long one generation took.

    Args:
        ttft_ns: its time to first token, in nanoseconds.
        itl_ns: its mean inter-token latency, in nanoseconds; ``None`` if it made one token only.
    """

    ttft_ns: float
    itl_ns: float | None


def settled(series: Sequence[Pace]) -> bool:
    """Whether the latest generation of ``series`` gives no reason for another warm-up.

    A process gets faster over its first generations: kernels are compiled and chosen, memory is touched for the first
    time, caches fill, clocks rise. In a fresh OpenVINO process the second generation was seen to take up to 1.8 times
    as long as the third, so a fixed number of warm-ups is too few there and too many elsewhere. While it lasts, each
    generation is the fastest so far. So a series has settled when its latest generation is *not* the fastest so far by
    more than :data:`STILL_FALLING`, in time to first token and in mean inter-token latency alike. That asks

    - about getting faster alone: one that was slowed by something else on the machine is no news of the warm-up;
    - against the fastest so far, and not against the one before: the generation after such a slow one falls back to
      where the series was, and that is not falling either;
    - for two generations at least: one alone says nothing, and the first of a process is never the one to compare by;
    - with a tenth of room: about what single generations of one process differ by on a busy machine. What is left
      below it is for the median of the timed generations, and for the finding on series that trend.

    Two slow generations that are alike before the fall are not told from a settled series. That is why a minimum
    stands beside this rule.
    """
    if len(series) < 2:
        return False
    *before, latest = series
    if latest.ttft_ns < (1 - STILL_FALLING) * min(one.ttft_ns for one in before):
        return False
    known = [one.itl_ns for one in before if one.itl_ns is not None]
    return latest.itl_ns is None or not known or latest.itl_ns >= (1 - STILL_FALLING) * min(known)
