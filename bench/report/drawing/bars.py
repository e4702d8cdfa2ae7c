"""Load times as bars that the page draws itself, in seconds; it scales them to the longest."""

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

from bench.analyse.results import LoadResult, LoadTimes, RunAnalysis
from bench.report.language import gettext as _, mark

LOAD_PARTS = {
    "process_start_s": mark("process start"),
    "import_s": mark("imports"),
    "load_s": mark("read and compile"),
    "first_generation_s": mark("first generation"),
}
"""Attribute of :class:`bench.analyse.results.LoadTimes` -> what it is called, in the order of the clock."""


@dataclass(frozen=True, slots=True)
class LoadBar:
    """Where the time from nothing to the first answer went in processes that found the compile cache in one state.

    Args:
        parts: place among :data:`LOAD_PARTS`, name, begin and length, in the order of the clock.
        other: whether its first request is another than that of most bars, so that the two cannot be compared.
    """

    load: LoadResult
    times: LoadTimes
    parts: tuple[tuple[int, str, float, float], ...]
    other: bool

    @property
    def total(self) -> float:
        return sum(length for *_, length in self.parts)

    @property
    def steady(self) -> float | None:
        """Where the first generation, the last part, would end if it took as long as the same request later."""
        if self.times.steady_s is None or self.times.first_generation_s is None:
            return None
        return self.parts[-1][2] + self.times.steady_s


def load_bars(analysis: RunAnalysis) -> list[LoadBar]:
    """One bar per load and state of its compile cache that has any time, in the order of the plan."""
    timed = [(load, times) for load in analysis.loads for times in load.times]
    requests = Counter(times.first_request for _, times in timed if times.first_request is not None)
    usual = min(requests, key=lambda request: (-requests[request], request), default=None)
    bars = [LoadBar(load, times, _parts(times), times.first_request not in (None, usual)) for load, times in timed]
    return [bar for bar in bars if bar.parts] if longest(bars) > 0 else []


def longest(bars: list[LoadBar]) -> float:
    """How far the longest reaches: on a busy machine a later request can take longer than the first."""
    return max((max(bar.total, bar.steady or 0.0) for bar in bars), default=0.0)


def _parts(times: LoadTimes) -> tuple[tuple[int, str, float, float], ...]:
    values = [(kind, _(label), getattr(times, name)) for kind, (name, label) in enumerate(LOAD_PARTS.items())]
    known = [one for one in values if one[2] is not None]
    ends = accumulate(length for *_, length in known)
    return tuple((kind, label, end - length, length) for (kind, label, length), end in zip(known, ends, strict=True))
