"""One report in a fresh process, and what it took."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.observe.memory import memory_of
from bench.processes import child_environment
from bench.report.render import finish_run


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one report took.

    Args:
        wall_s: of the process, interpreter and imports included.
        cpu_s: of the process, in all of its threads.
        peak_bytes: the most memory that it ever held; ``None`` where the system does not tell.
        page_bytes: of index.html.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int | None
    page_bytes: int


def render_once(run: Path) -> Rendering:
    """Render ``run`` in a process of its own, into a temporary folder.

    Raises:
        BenchError: it cannot be rendered.
    """
    with tempfile.TemporaryDirectory(prefix="aipc-report-speed-", ignore_cleanup_errors=True) as reports:
        command = [sys.executable, "-m", "studies.report_speed.rendering", str(run), reports]
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            env=child_environment({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        wall_s = time.perf_counter() - begun
        words = done.stdout.decode("utf-8", "replace").strip().splitlines()
        if done.returncode:
            raise BenchError(f"the report failed: {words[-1] if words else f'exit code {done.returncode}'}")
        told = json.loads(words[-1])
        return Rendering(wall_s, told["cpu_s"], told["peak_bytes"], told["page_bytes"])


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


def main(arguments: Sequence[str]) -> None:
    """Render a run (first argument) below a folder (second), and print what that took as the last line, in JSON."""
    run, reports = (Path(argument) for argument in arguments)
    finish_run(run, reports, open_report=False)
    page = reports / run.name / "index.html"
    told = {
        "cpu_s": time.process_time(),
        "peak_bytes": memory_of(os.getpid()).peak_bytes,
        "page_bytes": page.stat().st_size,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
