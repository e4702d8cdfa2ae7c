"""One report in a fresh process, and what it took."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from studies.costs import Cost, cost_of


@dataclass(frozen=True, slots=True)
class Rendering(Cost):
    """What one report took, with the size of its index.html."""

    page_bytes: int


def render_once(run: Path) -> Rendering:
    """Render ``run`` in a process of its own, into a temporary folder.

    Raises:
        BenchError: it cannot be rendered.
    """
    with tempfile.TemporaryDirectory(prefix="aipc-report-speed-", ignore_cleanup_errors=True) as reports:
        try:
            took = cost_of("report", str(run), "--reports-dir", reports)
        except BenchError as error:
            raise BenchError(f"the report failed: {error}") from error
        page = Path(reports, run.name, "index.html")
        return Rendering(took.wall_s, took.cpu_s, took.peak_bytes, page.stat().st_size)


@dataclass(frozen=True, slots=True)
class Goals:
    """What a report may take at most."""

    wall_s: float | None
    peak_bytes: float
    page_bytes: float


def said(renderings: Sequence[Rendering], goals: Goals) -> Iterator[str]:
    """The medians in lines for people, each beside its goal.

    Args:
        renderings: of the same run, one at least.
        goals: of a run of that size.
    """
    peaks = [one.peak_bytes for one in renderings if one.peak_bytes is not None]
    yield _line("wall time", [one.wall_s for one in renderings], goals.wall_s, lambda value: f"{value:.1f} s")
    yield _line("CPU time", [one.cpu_s for one in renderings], None, lambda value: f"{value:.1f} s")
    yield _line("peak memory", peaks, goals.peak_bytes, _megabytes)
    yield _line("page", [one.page_bytes for one in renderings], goals.page_bytes, _megabytes)


def _line(name: str, values: Sequence[float], goal: float | None, shown: Callable[[float], str]) -> str:
    if not values:
        return f"{name:<12} not measured, this system does not tell"
    median = statistics.median(values)
    spread = f"({shown(min(values))} to {shown(max(values))}, {len(values)} runs)"
    kept = "" if goal is None else f"  {'within' if median <= goal else 'outside'} the goal of {shown(goal)}"
    return f"{name:<12} {shown(median):>8}  {spread}{kept}"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.1f} MB" if value < 1e8 else f"{value / 1e6:.0f} MB"
