"""Folders that are removed during a run or cannot be written: a line with a remedy, and the rest is measured later."""

from __future__ import annotations

import errno
import shutil
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bench.commands import report
from bench.errors import MachineError
from bench.measure.attempt import LoadPlan
from bench.measure.child_process import ChildProcess
from bench.plan.venvs import Venv
from bench.prepare.cache import ArtifactKey, ArtifactStore, Made, damage, digests_of
from bench.store.reader import open_run
from studies.faults.sweeps import everything
from tests.support.played_runs import BrokenDisk, play, run
from tests.support.stored_runs import FakeRun

SWEEP = (
    *("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "8", "--new-tokens", "3", "--seed", "1"),
    *("--blocks", "3", "--repeats", "1", "--warmups", "1", "--max-warmups", "1", "--no-quality"),
    *("--load-option", "simulated.ttft_ms=0.01", "--load-option", "simulated.itl_ms=0.01"),
)
KEY = ArtifactKey("openvino-ir", "int4", "toy", "source", {}, {})


def at_second_visit(act: Callable[[], object]) -> Callable[[str], None]:
    def say(line: str) -> None:
        if line.startswith("visit 2"):
            act()

    return say


def stored(home: Path) -> Any:
    (folder,) = (home / "results").iterdir()
    return open_run(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        play(patch)
        assert run(home, *SWEEP).errors == []
    return everything(stored(home))


@pytest.fixture
def whole(undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a run gives that nothing disturbed."""
    play(monkeypatch)
    return undisturbed


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder in which a file is open")
@pytest.mark.fault("removed")
def test_results_that_are_removed_during_a_run_are_measured_again(tmp_path: Path, whole: dict[str, Any]) -> None:
    ended = run(tmp_path, *SWEEP, say=at_second_visit(lambda: shutil.rmtree(tmp_path / "results")))
    (error,) = ended.errors
    assert "was removed while the run went on, with what it held: `nox -s bench -- --resume` measures that" in error
    assert stored(tmp_path).end["reason"] == "stopped"
    assert run(tmp_path, "--resume").errors == []
    # What is measured again comes after what was measured since.
    again = everything(stored(tmp_path))
    assert {table: sorted(rows) for table, rows in again.items()} == {name: sorted(whole[name]) for name in whole}


@pytest.mark.slow
@pytest.mark.fault("removed")
def test_a_cache_that_is_removed_during_a_run_is_made_again(
    tmp_path: Path, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(tmp_path / "cache")
    monkeypatch.setattr(
        "bench.run.session.plan_load",
        lambda *_: LoadPlan(Venv("python"), store.get(KEY, lambda output: Made({}))),
    )
    ended = run(tmp_path, *SWEEP, say=at_second_visit(lambda: shutil.rmtree(tmp_path / "cache")))
    (error,) = ended.errors
    assert "was removed while the run went on: `nox -s bench -- --resume` makes it again" in error
    assert (stored(tmp_path).end["reason"], stored(tmp_path).table("generations").num_rows) == ("stopped", 2)
    assert run(tmp_path, "--resume").errors == []
    assert everything(stored(tmp_path)) == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(errno.ENOSPC, marks=pytest.mark.fault("disk-full"), id="full"),
        pytest.param(errno.EROFS, marks=pytest.mark.fault("disk-read-only"), id="read-only"),
    ],
)
def test_a_cache_that_breaks_at_any_change_is_a_line_and_gives_no_half_made_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def make(output: Path) -> Made:
        (output / "weights.bin").write_bytes(b"1234")
        return Made({})

    monkeypatch.setattr("bench.prepare.cache.time.sleep", lambda _: None)
    disk = BrokenDisk(monkeypatch, tmp_path, number, ("mkdir", "replace", "open"))
    (tmp_path / "model").write_bytes(b"1234")
    for first in count(1):
        store = ArtifactStore(tmp_path / f"cache-{first}")
        disk.fail_from(first)
        # What it remembers of a model's files it can find out again.
        assert digests_of([tmp_path / "model"], store.root)["model"].startswith("03ac674216f3")
        error = None
        try:
            store.get(KEY, make)
        except MachineError as refused:
            error = str(refused)
        disk.mended = True
        if disk.changes < first:
            assert first > 10
            return
        found = store.find(KEY)
        assert (error is None) == (found is not None)
        assert error is None or error.endswith("free or unlock it, or set AIPC_BENCH_CACHE to another folder")
        assert damage(store.get(KEY, make)) is None
        assert list(store.making.iterdir()) == []


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BrokenDisk:
    """A folder for temporary files that cannot be written to."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    disk = BrokenDisk(monkeypatch, folder, errno.EROFS, ("mkdir",))
    disk.fail_from(1)
    return disk


@pytest.mark.slow
@pytest.mark.fault("disk-read-only")
def test_temporary_files_that_cannot_be_written_are_a_line(
    tmp_path: Path, whole: dict[str, Any], temporary: BrokenDisk
) -> None:
    (error,) = run(tmp_path, *SWEEP).errors
    assert error.startswith("temporary files cannot be written (Read-only file system): free some space there, or set")
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.slow
@pytest.mark.fault("disk-read-only")
def test_a_worker_without_a_folder_is_a_row_and_the_run_goes_on(
    tmp_path: Path, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(load: object, plan: object, facts: object, scratch: Path) -> ChildProcess:
        (scratch / "worker.log").mkdir(parents=True, exist_ok=True)
        return ChildProcess("python", scratch, 1.0, None, object(), "")  # type: ignore[arg-type]

    monkeypatch.setattr("bench.measure.visit.start_worker", start)
    assert len(run(tmp_path, *SWEEP).errors) == 3
    rows = stored(tmp_path).table("generations").to_pylist()
    assert all("cannot be written (" in row["error_message"] for row in rows)
    assert {row["error_message"].partition("): ")[2] for row in rows} == {
        "free some space there, or set TMPDIR (Windows: TEMP) to another folder"
    }
    assert stored(tmp_path).end["reason"] == "finished"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "step"),
    [
        pytest.param(errno.ENOSPC, 6, marks=pytest.mark.fault("disk-full"), id="full"),
        pytest.param(errno.EROFS, 13, marks=pytest.mark.fault("disk-read-only"), id="read-only"),
    ],
)
def test_reports_that_cannot_be_written_are_a_line_whatever_change_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, step: int
) -> None:
    measured = FakeRun(prompt_tokens=(32,), new_tokens=(4,), blocks=2, repeats=1).write(tmp_path / "results")
    reports = tmp_path / "reports"
    disk = BrokenDisk(monkeypatch, reports, number, ("mkdir", "replace", "unlink"))
    for first in count(1, step):
        disk.fail_from(first)
        status = report.main([str(measured), "--reports-dir", str(reports)])
        disk.mended = True
        said = " ".join(capsys.readouterr())
        if disk.changes < first:
            break
        assert said.count("cannot write the report") == said.count("choose another folder with --reports-dir") == 1
        # Without its line in the index a report is whole.
        assert (status == 0) == (next(reports.glob("*/index.html"), None) is not None)
        shutil.rmtree(reports, ignore_errors=True)
    assert (status, first > step) == (0, True)
