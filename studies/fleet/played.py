"""Machines that are played: all are workers of one process, and what they are asked to measure lies ready."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.commands.child import surroundings
from bench.fleet.connection import security_for
from bench.fleet.machine import Place, join
from bench.store.writer import RunWriter
from studies.dataset.made import run_tables

_COPY = """\
import pathlib, shutil, sys
ready = pathlib.Path(sys.argv[1])
results = pathlib.Path(sys.argv[sys.argv.index('--results-dir') + 1])
shutil.copytree(ready, results / ready.name)
print('run       ', ready.name)
"""
"""What a machine measures by: a run that lies ready is copied."""


def play(folder: Path, address: str, machines: int) -> subprocess.Popen[bytes]:
    """Have so many machines join, as one process."""
    return subprocess.Popen(
        [sys.executable, "-m", "studies.fleet.played", str(folder), address, str(machines)], env=surroundings()
    )


def ready(folder: Path, machine: int) -> Path:
    """Write the run of a machine."""
    run_id = f"20261129T080000Z-{machine:06x}"
    tables = run_tables(run_id, machine, datetime(2026, 11, 29, 8, tzinfo=UTC))
    writer = RunWriter(folder, run_id)
    writer.begin(json.loads(tables["runs"]["run_json"][0].as_py()))
    for table in ("loads", "generations"):
        writer.rows(table, tables[table].to_pylist())
    writer.finish("finished")
    return writer.path


async def _join_all(folder: Path, address: str, machines: int) -> None:
    security = security_for(address, None)
    places = []
    for number in range(machines):
        command = (sys.executable, "-S", "-c", _COPY, str(ready(folder / "ready", number)))
        places.append(Place(f"m{number:03d}", (), folder / "jobs", folder / "results" / str(number), command, ()))
    await asyncio.gather(*(join(address, security, place, 0, lambda _: None) for place in places))


if __name__ == "__main__":
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    asyncio.run(_join_all(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
