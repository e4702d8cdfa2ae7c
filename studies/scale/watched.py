"""Watches a sweep from another process: what the harness and its workers hold, and how fast it goes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import PROJECT_ROOT
from bench.commands.child import surroundings
from bench.errors import BenchError
from bench.store.compact import COMPACT_NAME
from studies.overhead.collecting import interpreter

ROWS = 10
"""Of a table over the course of a sweep."""
_SAID = "said.txt"


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at a moment.

    Args:
        pid: of the process.
        resident_bytes: its memory, pages shared with others included.
        files: that it holds open; on Windows its handles of every kind.
        threads: that it has.
    """

    pid: int
    resident_bytes: int
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A sweep at a moment of measuring.

    Args:
        at_s: since the harness was started.
        cells: that are committed, each once in every block.
        temporary: files and folders in the folder for temporary files, which is the harness's own.
        harness: what it holds.
        worker: what the largest of its workers holds; ``None`` where there is none at the moment.
    """

    at_s: float
    cells: int
    temporary: int
    harness: Held
    worker: Held | None


@dataclass(frozen=True, slots=True)
class Sitting:
    """One harness, from its start to its end.

    Args:
        before: cells that were committed before it was started.
        samples: while it measured, from its first worker on.
        seconds: from its start to its end.
        peak_bytes: the most memory that it was seen to hold, which may be while it closes the run.
    """

    before: int
    samples: tuple[Sample, ...]
    seconds: float
    peak_bytes: int

    @property
    def first_cell_s(self) -> float | None:
        """From its start to its first cell; ``None`` where it measured none."""
        return next((one.at_s for one in self.samples if one.cells > self.before), None)

    @property
    def after_s(self) -> float | None:
        """From its last cell to its end: the merging of files, what is judged of the whole run, and the report."""
        return self.seconds - self.samples[-1].at_s if self.samples else None


def sit(home: Path, arguments: Sequence[str], every_s: float, until: Callable[[int], bool] | None = None) -> Sitting:
    """Run ``bench`` with results, reports and temporary files below ``home``, and watch it.

    Args:
        home: a folder, the same one for a run that is carried on.
        arguments: of ``bench``.
        every_s: between two samples.
        until: takes the count of cells; once it says so, the harness is killed.

    Raises:
        BenchError: the harness ended with an error.
    """
    temporary = home / "temporary"
    temporary.mkdir(parents=True, exist_ok=True)
    folders = ("--results-dir", str(home / "results"), "--reports-dir", str(home / "reports"))
    own = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    with (home / _SAID).open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "bench/", *arguments, *folders],
            cwd=PROJECT_ROOT,
            env={**surroundings(), **own},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            sitting, killed = _watch(process, home, every_s, until)
        finally:
            process.kill()
            process.wait()
    if process.returncode and not killed:
        last = (home / _SAID).read_text("utf-8", "replace").strip()[-1000:]
        raise BenchError(f"the sweep ended with exit code {process.returncode}:\n{last}")
    return sitting


def run_below(home: Path) -> Path:
    """The folder of the one run that was measured below ``home``."""
    return next((home / "results").glob("*/run.json")).parent


def _watch(
    process: subprocess.Popen[bytes], home: Path, every_s: float, until: Callable[[int], bool] | None
) -> tuple[Sitting, bool]:
    began, samples, peak, before = time.monotonic(), [], 0, _cells(home) or 0
    killed = False
    while process.poll() is None:
        harness = held_by(interpreter(process.pid))
        if harness is not None:
            peak = max(peak, harness.resident_bytes)
            cells, worker = _cells(home, before), _worker_of(harness.pid)
            if cells is not None and (cells > before or worker is not None):
                at_s, temporary = time.monotonic() - began, _entries(home / "temporary")
                samples.append(Sample(at_s, cells, temporary, harness, worker))
                if until is not None and until(cells):
                    process.kill()
                    killed = True
        time.sleep(every_s)
    return Sitting(before, tuple(samples), time.monotonic() - began, peak), killed


def held_by(pid: int) -> Held | None:
    """What the process ``pid`` holds; ``None`` once it is gone."""
    try:
        process = psutil.Process(pid)
        if sys.platform == "win32":
            files = process.num_handles()
        else:
            files = process.num_fds()
        return Held(pid, process.memory_info().rss, files, process.num_threads())
    except psutil.Error:
        return None


def _worker_of(harness: int) -> Held | None:
    try:
        children = psutil.Process(harness).children(recursive=True)
    except psutil.Error:
        return None
    held = [one for child in children if (one := held_by(child.pid)) is not None]
    return max(held, key=lambda one: one.resident_bytes, default=None)


def _cells(home: Path, before: int = 0) -> int | None:
    """The cells that a run has committed, a file each; ``None`` once they are gathered.

    Where a run that is carried on has had its files gathered, ``before`` cells are in that file; those of a visit that
    is measured again count twice.
    """
    folder = next((home / "results").glob("*/generations"), None)
    names = [] if folder is None else [file.name for file in folder.iterdir()]
    parts = sum(name.startswith("part-") for name in names)
    if COMPACT_NAME not in names:
        return parts
    return before + parts if parts else None


def _entries(folder: Path) -> int:
    return sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


def course(samples: Sequence[Sample], rows: int = ROWS) -> Iterator[str]:
    """The course of a sweep as a table, in as many ``rows``: what was held at the end of each stretch of it."""
    line = "{:>8} {:>8} {:>12} {:>10} {:>8} {:>8} {:>10}"
    yield line.format("cells", "min", "harness MB", "ms/cell", "files", "threads", "temporary")
    for before, after in stretches(samples, rows):
        per_cell_ms = 1e3 * (after.at_s - before.at_s) / (after.cells - before.cells)
        held = after.harness
        yield line.format(
            f"{after.cells:,}",
            f"{after.at_s / 60:.1f}",
            f"{held.resident_bytes / 1e6:.1f}",
            f"{per_cell_ms:.1f}",
            held.files,
            held.threads,
            after.temporary,
        )


def stretches(samples: Sequence[Sample], rows: int) -> Iterator[tuple[Sample, Sample]]:
    """The first and the last sample of each of ``rows`` stretches of about as many cells; fewer of a short sweep."""
    if not samples:
        return
    before, last = samples[0], samples[-1].cells
    step = max(1.0, (last - before.cells) / rows)
    bound = before.cells + step
    for sample in samples[1:]:
        if sample.cells >= min(bound, last) and sample.cells > before.cells:
            yield before, sample
            before, bound = sample, sample.cells + step


def growth(held: Sequence[Held]) -> str | None:
    """How what a process held changed from the first to the last fifth of ``held``; ``None`` of less than ten."""
    fifth = len(held) // 5
    if fifth < 2:
        return None
    said = []
    for name, unit, of in (
        ("memory", " MB", lambda one: one.resident_bytes / 1e6),
        ("open files", "", lambda one: one.files),
        ("threads", "", lambda one: one.threads),
    ):
        first, last = (statistics.median(map(of, part)) for part in (held[:fifth], held[-fifth:]))
        said.append(f"{name} {first:.4g} to {last:.4g}{unit}")
    return ", ".join(said)
