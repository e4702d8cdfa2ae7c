"""The wall time of a run is split by what its rows say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.errors import StoreError
from bench.plan.cells import Cell, Load
from bench.store.files import write_json
from bench.store.reader import StoredRun, open_run
from bench.store.writer import RunWriter
from studies.overhead.wall import newest_run, said, wall_time
from tests.support.rows import generation_row, load_row

BEGUN = datetime(2026, 11, 22, 12, tzinfo=UTC)
S = 1_000_000_000


LOAD = Load("simulated", "CPU", "int4")


def load(**changes: Any) -> dict[str, Any]:
    times = {"process_start_s": 0.5, "import_s": 1.5, "load_s": 2.0}
    ended = BEGUN + timedelta(seconds=20)
    return load_row(LOAD, **{**times, "started_at": BEGUN, "ended_at": ended, **changes})


def generation(*, warmup: bool, **changes: Any) -> dict[str, Any]:
    times = {"ttft_ns": 2 * S, "itl_ns": [S, S], "started_at": BEGUN}
    return generation_row(Cell(LOAD, 8, 3), warmup=warmup, **{**times, **changes})


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    writer = RunWriter(tmp_path, "20261122T120000Z-000000")
    writer.begin({"created_at": BEGUN.isoformat()})
    writer.rows("loads", [load()])
    writer.rows("generations", [generation(warmup=True), generation(warmup=False), generation(warmup=False)])
    return writer


def finished(writer: RunWriter, seconds: float = 25.0) -> StoredRun:
    ended_at = (BEGUN + timedelta(seconds=seconds)).isoformat()
    write_json(writer.path / "end.json", {"ended_at": ended_at, "reason": "finished", "detail": None})
    return open_run(writer.path)


def test_warm_up_and_timed_generations_are_apart(writer: RunWriter) -> None:
    wall = wall_time(finished(writer))

    assert (wall.warmup_s, wall.timed_s) == (4.0, 8.0)


def test_the_harness_takes_what_no_worker_does(writer: RunWriter) -> None:
    assert wall_time(finished(writer)).harness_s == pytest.approx(25 - (0.5 + 1.5 + 2 + 4 + 8))


def test_a_failed_generation_has_no_time(writer: RunWriter) -> None:
    writer.rows("generations", [generation(warmup=False, status="failed", ttft_ns=None, itl_ns=None)])

    assert wall_time(finished(writer)).timed_s == 8.0


def test_a_load_that_cannot_be_took_no_process(writer: RunWriter) -> None:
    writer.rows("loads", [load(attempt=0, process_start_s=None, import_s=None, load_s=None)])

    assert wall_time(finished(writer)).visits_s == 20.0


def test_the_lines_add_up_to_the_whole(writer: RunWriter) -> None:
    lines = list(said(finished(writer).path))
    shares = [float(line.split()[-1].rstrip("%")) for line in lines[1:7]]

    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_a_run_without_an_end_has_no_wall_time(writer: RunWriter) -> None:
    with pytest.raises(StoreError, match="has not ended"):
        wall_time(open_run(writer.path))


def test_the_newest_finished_run_is_taken(writer: RunWriter, tmp_path: Path) -> None:
    finished(writer)
    (tmp_path / "20270101T000000Z-000000").mkdir()

    assert newest_run(tmp_path) == writer.path


def test_a_folder_without_runs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nox -s bench"):
        newest_run(tmp_path)
