"""Kills the harness at random moments of a sweep until it comes to its end, and looks at what is left each time."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.errors import BenchError
from bench.store.reader import StoredRun
from studies.faults.sweeps import Rows, Sweep, by_cell, committed, everything

_POLL_S = 0.02
_WORKERS_END_S = 300.0
_MOST_S = 600.0
_KILLS_A_RUN = 4


@dataclass(frozen=True, slots=True)
class Expected:
    """A sweep that nothing interrupted.

    Args:
        rows: see :func:`studies.faults.sweeps.everything`.
        cells: see :func:`studies.faults.sweeps.by_cell`.
        measuring_s: from its run.json on.
    """

    rows: Mapping[str, Rows]
    cells: Mapping[str, Rows]
    measuring_s: float


@dataclass(slots=True)
class Outcome:
    """What happened to the runs of one sweep.

    Args:
        kills: how often a harness was killed.
        before: of them, before anything was measured.
        runs: that came to their end.
        faults: what was lost, doubled, torn or left behind, in words; none if all is well.
    """

    kills: int = 0
    before: int = 0
    runs: int = 0
    faults: list[str] = field(default_factory=list)


def uninterrupted(home: Path, options: Sequence[str]) -> Expected:
    """Measure a sweep to its end.

    Raises:
        BenchError: it did not come to its end.
    """
    home.mkdir(parents=True)
    sweep = Sweep(home, tuple(options))
    process = sweep.start(resume=False)
    _until_begun(sweep, process)
    since = time.monotonic()
    process.wait(_MOST_S)
    run = sweep.run
    if run is None or run.unfinished:
        raise BenchError(f"the sweep {' '.join(options)} did not come to its end:\n{sweep.said[-4000:]}")
    return Expected(everything(run), by_cell(run), time.monotonic() - since)


def kill_and_resume(home: Path, options: Sequence[str], expected: Expected, seed: str, kills: int) -> Outcome:
    """Kill the harness ``kills`` times, in as many runs as that takes, each of which is carried on to its end.

    Args:
        home: a folder for the runs.
        options: of the sweep.
        expected: what the sweep gives.
        seed: of the moments.
        kills: how many.
    """
    draw, outcome = random.Random(seed), Outcome()
    while outcome.kills < kills:
        folder = home / f"run-{outcome.runs + 1}"
        folder.mkdir(parents=True)
        sweep = Sweep(folder, tuple(options))
        _one_run(sweep, expected, draw, outcome, min(_KILLS_A_RUN, kills - outcome.kills))
        outcome.runs += 1
    return outcome


def _one_run(sweep: Sweep, expected: Expected, draw: random.Random, outcome: Outcome, kills: int) -> None:
    seen: set[tuple[Any, ...]] = set()
    for number in range(kills):
        run = sweep.run
        if run is not None and not run.unfinished:
            break
        process = sweep.start(resume=run is not None)
        left = 1.0 if run is None else 1 - len(by_cell(run)) / len(expected.cells)
        _until_begun(sweep, process)
        moment_s = draw.uniform(0, expected.measuring_s * max(left, 0.1))
        time.sleep(moment_s)
        if process.poll() is None:
            outcome.kills += 1
            process.kill()
        process.wait(_MOST_S)
        where = f"kill {outcome.kills}, {moment_s:.2f} s after the start of sitting {number + 1}"
        outcome.faults += [f"{where}: {fault}" for fault in _faults_after(sweep, expected, seen, outcome)]
    if sweep.run is None or sweep.run.unfinished:
        process = sweep.start(resume=sweep.run is not None)
        process.wait(_MOST_S)
    outcome.faults += [f"after the end: {fault}" for fault in _faults_at_the_end(sweep, expected, seen)]


def _until_begun(sweep: Sweep, process: subprocess.Popen[bytes]) -> None:
    """Wait until the process writes the run, or has ended."""
    while process.poll() is None:
        if next((sweep.home / "results").glob("*/.lock"), None) is not None:
            return
        time.sleep(_POLL_S)


def _faults_after(sweep: Sweep, expected: Expected, seen: set[tuple[Any, ...]], outcome: Outcome) -> list[str]:
    _, alive = psutil.wait_procs(list(sweep.processes()), timeout=_WORKERS_END_S)
    faults = [f"process {process.pid} was left behind" for process in alive]
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    try:
        run = sweep.run
        if run is None:
            outcome.before += 1
            return faults
        faults += _torn(run, expected) + _lost(run, seen)
        now = committed(run)
        outcome.before += not now
        seen |= now
    except BenchError as error:
        faults.append(f"not readable: {error}")
    return faults


def _torn(run: StoredRun, expected: Expected) -> list[str]:
    """Cells that are not there whole, or more than once."""
    return [
        f"{name} has {len(rows)} rows that are not those of an uninterrupted run"
        for name, rows in by_cell(run).items()
        if rows != expected.cells.get(name)
    ]


def _lost(run: StoredRun, seen: set[tuple[Any, ...]]) -> list[str]:
    missing = seen - committed(run)
    return [f"{len(missing)} committed generations are lost"] if missing else []


def _faults_at_the_end(sweep: Sweep, expected: Expected, seen: set[tuple[Any, ...]]) -> list[str]:
    try:
        run = sweep.run
        if run is None or run.unfinished:
            return [f"the run did not come to its end:\n{sweep.said[-4000:]}"]
        found = everything(run)
        differing = [table for table, rows in expected.rows.items() if found[table] != rows]
        return [f"{table} is not that of an uninterrupted run" for table in differing] + _lost(run, seen)
    except BenchError as error:
        return [f"not readable: {error}"]
