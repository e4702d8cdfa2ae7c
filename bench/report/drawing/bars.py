"""Load times and memory as bars that the page draws itself: widths in percent of the longest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from bench.analyse.results import LoadResult, LoadTimes, RunAnalysis
from bench.plan.cells import Request
from bench.report.language import gettext as _, mark
from bench.report.names import first_request, shape_name

LOAD_PARTS = {
    "process_start_s": mark("process start"),
    "import_s": mark("imports"),
    "load_s": mark("read and compile"),
    "first_generation_s": mark("first generation"),
}
"""Attribute of :class:`bench.analyse.results.LoadTimes` -> what it is called, in the order of the clock."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar, in percent of the whole width."""

    kind: int
    label: str
    start: float
    width: float
    value: float


@dataclass(frozen=True, slots=True)
class LoadBar:
    """Where the time from nothing to the first answer went, in seconds.

    Args:
        load: whose.
        times: of those of its processes that found the compile cache in one state.
        segments: in the order of the clock.
        total_s: their sum.
        steady: where the first generation would end if it took as long as the same request later, in percent.
        request: of its first generation, in words; empty where there is none.
        first: the same, and how many of its processes began with it, if not all.
        other: whether that is another request than that of most bars, so that the two cannot be compared.
    """

    load: LoadResult
    times: LoadTimes
    segments: tuple[Segment, ...]
    total_s: float
    steady: float | None
    request: str
    first: str
    other: bool


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """Peak memory; ``artifact`` is where the model's size on disk lies, in percent."""

    load: LoadResult
    width: float
    artifact: float | None


def load_bars(analysis: RunAnalysis) -> list[LoadBar]:
    """One bar per load and state of its compile cache that has any time, in the order of the plan."""
    timed = [(load, times, _parts(times)) for load in analysis.loads for times in load.times]
    longest = max((_reach(times, parts) for _, times, parts in timed), default=0.0)
    if longest <= 0:
        return []
    requests = Counter(times.first_request for _, times, _ in timed if times.first_request is not None)
    usual = min(requests, key=lambda request: (-requests[request], request), default=None)
    return [_load_bar(load, times, parts, longest, usual) for load, times, parts in timed if parts]


def _parts(times: LoadTimes) -> list[tuple[int, str, float]]:
    values = [(kind, _(label), getattr(times, name)) for kind, (name, label) in enumerate(LOAD_PARTS.items())]
    return [(kind, label, value) for kind, label, value in values if value is not None]


def _reach(times: LoadTimes, parts: Sequence[tuple[int, str, float]]) -> float:
    """How far a bar reaches, in seconds: on a busy machine a later request can take longer than the first."""
    before = sum(value for *_, value in parts) - (times.first_generation_s or 0.0)
    return before + max(times.first_generation_s or 0.0, times.steady_s or 0.0)


def _load_bar(
    load: LoadResult, times: LoadTimes, parts: Sequence[tuple[int, str, float]], longest: float, usual: Request | None
) -> LoadBar:
    ends = list(accumulate(value for *_, value in parts))
    segments = [
        Segment(kind, label, 100 * (end - value) / longest, 100 * value / longest, value)
        for (kind, label, value), end in zip(parts, ends, strict=True)
    ]
    steady = None
    if times.steady_s is not None and times.first_generation_s is not None:
        # The first generation is the last part.
        steady = min(99.5, segments[-1].start + 100 * times.steady_s / longest)
    return LoadBar(
        load,
        times,
        tuple(segments),
        total_s=ends[-1],
        steady=steady,
        request=shape_name(*times.first_request) if times.first_request else "",
        first=first_request(times),
        other=times.first_request not in (None, usual),
    )


def memory_bars(analysis: RunAnalysis) -> list[MemoryBar]:
    """One bar per load whose peak is known."""
    known = [(load, load.peak_memory_bytes) for load in analysis.loads if load.peak_memory_bytes]
    longest = max((max(peak, load.artifact_bytes or 0) for load, peak in known), default=0)
    return [
        MemoryBar(
            load, 100 * peak / longest, None if load.artifact_bytes is None else 100 * load.artifact_bytes / longest
        )
        for load, peak in known
    ]
