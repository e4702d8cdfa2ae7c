"""A run that a desk asked for: begun once, found again, carried on with."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from filelock import FileLock

from bench.fleet import machine
from bench.fleet.job import Job

SAYS = "import sys; print('run        r1'); print(*sys.argv[1:]); print('error: it broke'); sys.exit({status})"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.fleet.job._POLL_S", 0.01)


def job(folder: Path, program: str, *arguments: str, config: str | None = None) -> Job:
    one = Job(folder / "job", folder / "results")
    one.write([sys.executable, "-c", program], arguments, config)
    return one


def asked_of(one: Job) -> list[str]:
    return (one.folder / "output.txt").read_text("utf-8").splitlines()[1].split()


@pytest.mark.process
def test_its_status_and_last_error_are_kept_and_it_is_not_measured_again(tmp_path: Path) -> None:
    one = job(tmp_path, SAYS.format(status=1), "--blocks", "3", config="blocks = 3")
    list(one.wait())
    assert (one.status, one.error, one.said) == (1, "it broke", "error: it broke")
    sweep = str((one.folder / "sweep.toml").absolute())
    assert asked_of(one)[:4] == ["--blocks", "3", "--config", sweep]
    before = (one.folder / "output.txt").stat().st_size
    assert list(one.wait()) == []
    assert (one.folder / "output.txt").stat().st_size == before


@pytest.mark.process
@pytest.mark.parametrize("status", [130, 137])
def test_one_that_was_stopped_is_carried_on_with(status: int, tmp_path: Path) -> None:
    one = job(tmp_path, SAYS.format(status=status), "--blocks", "3")
    list(one.wait())
    assert one.status == status
    begun(tmp_path, ended="interrupted")
    one.write([sys.executable, "-c", "import sys; print(); print(*sys.argv[1:])"], ["--blocks", "3"], None)
    (one.folder / "output.txt").write_text("run        r1\n", "utf-8")
    list(one.wait())
    assert one.status == 0
    assert "--blocks 3 --resume r1 --results-dir" in (one.folder / "output.txt").read_text("utf-8")


@pytest.mark.process
@pytest.mark.parametrize(("ended", "status"), [(None, 128), ("finished", 1)])
def test_a_run_that_has_no_end_was_killed_whatever_status_its_process_has(
    ended: str | None, status: int, tmp_path: Path
) -> None:
    begun(tmp_path, ended)
    one = job(tmp_path, SAYS.format(status=1))
    list(one.wait())
    assert one.status == status


@pytest.mark.process
def test_two_that_wait_for_it_have_it_measured_once(tmp_path: Path) -> None:
    one = job(tmp_path, "import time; print('begun'); time.sleep(2)")
    threads = [threading.Thread(target=lambda: list(one.wait())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert one.status == 0
    assert (one.folder / "output.txt").read_text("utf-8").splitlines() == ["begun"]


def test_one_that_another_process_has_just_ended_is_no_failure_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = job(tmp_path, "")

    class Ended:
        """A process that has found the lock of the job held."""

        returncode = 0

        def __init__(self, _: object) -> None:
            monkeypatch.setattr(Job, "_held", ends_meanwhile)

        def poll(self) -> int:
            return 0

        wait = poll

    def ends_meanwhile(self: Job) -> bool:
        (self.folder / "status").write_text("3", "utf-8")
        return False

    monkeypatch.setattr("bench.fleet.job.subprocess.Popen", Ended)
    list(one.wait())
    assert one.status == 3


def test_what_two_desks_ask_at_once_is_planned_by_the_sweep_file_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = machine.Place("m1", (), tmp_path / "jobs", tmp_path / "results", (), ())

    worker = cast("Any", SimpleNamespace(place=place))

    def plan(arguments: list[str], _: Path) -> list[str]:
        if arguments[0] == "first":
            asyncio.run(machine.describe(["second"], "blocks = 2", worker))
        return [Path(arguments[2]).read_text("utf-8")]

    monkeypatch.setattr(machine, "_plan", plan)
    assert asyncio.run(machine.describe(["first"], "blocks = 1", worker)) == ["blocks = 1"]


@pytest.mark.process
def test_who_looks_whether_it_goes_on_keeps_nobody_from_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.fleet.job._LOOKED_AT_S", 600)
    one = job(tmp_path, "print('begun')")
    measuring = threading.Thread(target=one.measure)
    with FileLock(one.folder / ".lock"):
        measuring.start()
        measuring.join(0.5)
    measuring.join(300)
    assert one.status == 0


def test_its_run_is_packed_without_the_lock(tmp_path: Path) -> None:
    one = job(tmp_path, "")
    assert one.packed() is None
    (one.folder / "output.txt").write_text("run        r1\nvisit 1\n    p32 first token\n", "utf-8")
    assert one.packed() is None
    begun(tmp_path)
    packed = one.packed()
    assert packed is not None
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == ["r1/loads/1.parquet", "r1/run.json"]
    assert one.said == "visit 1"


def begun(folder: Path, ended: str | None = None) -> None:
    run = folder / "results" / "r1"
    (run / "loads").mkdir(parents=True)
    (run / "loads" / "1.parquet").write_bytes(b"")
    (run / ".lock").touch()
    (run / "run.json").write_text(json.dumps({"schema_version": 1, "run_id": "r1"}), "utf-8")
    if ended is not None:
        (run / "end.json").write_text(json.dumps({"reason": ended}), "utf-8")
