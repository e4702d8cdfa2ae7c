"""When a warm-up is over: the rule by which a series of generations has settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.measure.prompt_keys import warmup_ordinals
from bench.measure.worker import Generated

STILL_FALLING = 0.10
"""A generation that is faster than all before it by more than this share: the series still gets faster."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Time to first token and mean inter-token latency of one generation; the latter ``None`` of a single token."""

    ttft_ns: float
    itl_ns: float | None

    @classmethod
    def of(cls, generated: Generated) -> Pace:
        """That of ``generated``."""
        itl_ns = generated.itl_ns
        return cls(generated.ttft_ns, sum(itl_ns) / len(itl_ns) if itl_ns else None)


def warm_up(ask: Callable[[int], Generated], least: int, most: int) -> tuple[int, bool]:
    """Ask until the series has settled, ``least`` times at least and ``most`` times at most.

    ``ask``: takes the ordinal of a warm-up.

    Returns:
        how many there were, and whether the series had settled by then.
    """
    series: list[Pace] = []
    for ordinal in warmup_ordinals(least, most):
        if len(series) >= least and settled(series):
            break
        series.append(Pace.of(ask(ordinal)))
    return len(series), settled(series)


def settled(series: Sequence[Pace]) -> bool:
    """Whether the latest generation of ``series`` gives no reason for another warm-up.

    A process gets faster over its first generations: kernels are compiled and chosen, memory is touched for the first
    time, caches fill, clocks rise. In a fresh OpenVINO process the second generation was seen to take up to 1.8 times
    as long as the third, so a fixed number of warm-ups is too few there and too many elsewhere. Meanwhile each
    generation is the fastest so far. So a series has settled when its latest generation is *not* the fastest so far by
    more than :data:`STILL_FALLING`, neither in time to first token nor in mean inter-token latency. This way

    - a generation that something else slowed says nothing of the warm-up, and neither does the one after it, which
      falls back to the level of the series;
    - at least two generations are needed;
    - a tenth is allowed, by about which single generations of one process differ on a busy machine. The median of the
      timed generations, and the finding on series that trend, take care of what is less.

    Two equally slow generations before the fall look like a settled series. That is why there is a minimum too.
    """
    if len(series) < 2:
        return False
    *before, latest = series
    if latest.ttft_ns < (1 - STILL_FALLING) * min(one.ttft_ns for one in before):
        return False
    known = [one.itl_ns for one in before if one.itl_ns is not None]
    return latest.itl_ns is None or not known or latest.itl_ns >= (1 - STILL_FALLING) * min(known)
