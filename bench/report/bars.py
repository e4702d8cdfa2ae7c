"""Load times and memory as bars that the page draws itself: widths in percent of the longest."""

from __future__ import annotations

from dataclasses import dataclass

from bench.analyse.results import LoadResult, RunAnalysis
from bench.report import text


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
    """Where the time from nothing to ready went, in seconds."""

    load: LoadResult
    segments: tuple[Segment, ...]
    total_s: float


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """Peak memory; ``artifact`` is where the model's size on disk lies, in percent."""

    load: LoadResult
    width: float
    artifact: float | None


def load_bars(analysis: RunAnalysis) -> list[LoadBar]:
    """One bar per load that has any time, in the order of the plan."""
    timed = [(load, _parts(load)) for load in analysis.loads]
    longest = max((sum(value for *_, value in parts) for _, parts in timed), default=0.0)
    if longest <= 0:
        return []
    return [_load_bar(load, parts, longest) for load, parts in timed if parts]


def _parts(load: LoadResult) -> list[tuple[int, str, float]]:
    values = [(kind, label, getattr(load, name)) for kind, (name, label) in enumerate(text.LOAD_PARTS)]
    return [(kind, label, value) for kind, label, value in values if value is not None]


def _load_bar(load: LoadResult, parts: list[tuple[int, str, float]], longest: float) -> LoadBar:
    segments, start = [], 0.0
    for kind, label, value in parts:
        width = 100 * value / longest
        segments.append(Segment(kind, label, start, width, value))
        start += width
    return LoadBar(load, tuple(segments), sum(value for *_, value in parts))


def memory_bars(analysis: RunAnalysis) -> list[MemoryBar]:
    """One bar per load whose peak is known."""
    known = [load for load in analysis.loads if load.peak_memory_bytes]
    sizes = [max(load.peak_memory_bytes or 0, load.artifact_bytes or 0) for load in known]
    longest = max(sizes, default=0)
    return [
        MemoryBar(
            load,
            100 * (load.peak_memory_bytes or 0) / longest,
            None if load.artifact_bytes is None else 100 * load.artifact_bytes / longest,
        )
        for load in known
    ]
