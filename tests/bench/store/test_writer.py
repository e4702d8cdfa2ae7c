from __future__ import annotations

import errno
import json
import shutil
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from bench.errors import StoreError
from bench.store import writer as writer_module
from bench.store.reader import open_run
from bench.store.schema import SCHEMA_VERSION
from bench.store.writer import RunWriter, goes_on, new_run_id, replace_rows, set_aside

MakeRow = Callable[..., dict[str, Any]]


def test_a_run_id_is_the_time_in_utc_and_a_short_id() -> None:
    moment = datetime(2026, 11, 22, 23, 17, 35, tzinfo=timezone(timedelta(hours=2)))
    assert new_run_id(moment)[:-6] == "20261122T211735Z-"


def test_two_runs_of_one_second_differ() -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    assert new_run_id(moment) != new_run_id(moment)


def test_the_record_comes_first_with_version_and_id(writer: RunWriter) -> None:
    assert json.loads((writer.path / "run.json").read_text("utf-8")) == {
        "schema_version": SCHEMA_VERSION,
        "run_id": "run-1",
        "seed": 7,
    }


def test_a_run_that_was_not_finished_has_no_end(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row()])
    assert open_run(writer.path).end is None


def test_a_finished_run_says_when_and_why(writer: RunWriter) -> None:
    writer.finish("interrupted", {"by": "the user"})
    end = open_run(writer.path).end
    assert end is not None
    assert (end["reason"], end["detail"], datetime.fromisoformat(end["ended_at"]).tzinfo) == (
        "interrupted",
        {"by": "the user"},
        UTC,
    )


def test_what_stacks_say_is_stored_without_secrets(writer: RunWriter, generation_row: MakeRow) -> None:
    said = "HF_TOKEN=abc: cannot load https://me:key@example.org/model?sig=1"
    writer.rows("generations", [generation_row(error_message=said, invalid_reason=said, status="failed")])
    (row,) = open_run(writer.path).table("generations", ["error_message", "invalid_reason"]).to_pylist()
    assert set(row.values()) == {"HF_TOKEN=*** cannot load https://example.org/model"}


def test_no_rows_write_no_file(writer: RunWriter) -> None:
    writer.rows("findings", [])
    assert not (writer.path / "findings").exists()


def test_a_column_that_is_not_in_the_schema_is_refused(writer: RunWriter, generation_row: MakeRow) -> None:
    with pytest.raises(StoreError, match="no such column in generations: speed, tempo"):
        writer.rows("generations", [generation_row(speed=1), generation_row(tempo=2)])


def test_a_column_that_is_left_out_is_null(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row()])
    assert open_run(writer.path).table("generations")["ttft_ns"].to_pylist() == [None]


def test_a_run_is_never_written_over(writer: RunWriter) -> None:
    with pytest.raises(StoreError, match="choose another folder with --results-dir"):
        RunWriter(writer.path.parent, "run-1")


def test_a_run_that_never_began_leaves_no_folder(tmp_path: Path) -> None:
    begun = RunWriter(tmp_path, "run-2")
    begun.give_up()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_began_stays_when_it_is_given_up(writer: RunWriter) -> None:
    writer.give_up()
    assert open_run(writer.path).run_id == "run-1"


@pytest.mark.fault("two-writers")
def test_a_run_is_written_by_one_process_at_a_time(writer: RunWriter) -> None:
    assert goes_on(writer.path)
    with pytest.raises(StoreError, match="another process is writing the run run-1"):
        RunWriter(writer.path.parent, "run-1", again=True)
    writer.finish("interrupted")
    assert not goes_on(writer.path)


def test_who_only_looks_whether_a_run_goes_on_keeps_nobody_from_writing_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    look = FileLock(tmp_path / "run" / ".lock", thread_local=False)
    look.acquire()
    threading.Timer(0.1, look.release).start()
    assert goes_on(RunWriter(tmp_path, "run", again=True).path)


def test_parts_of_a_run_that_is_carried_on_are_named_as_none_was_before(
    writer: RunWriter, generation_row: MakeRow
) -> None:
    writer.rows("generations", [generation_row(iteration=0)])
    writer.rows("generations", [generation_row(iteration=1)])
    writer.finish("interrupted")
    again = RunWriter(writer.path.parent, "run-1", again=True)
    again.carry_on(open_run(writer.path).record)
    again.rows("generations", [generation_row(iteration=2)])
    assert open_run(writer.path).table("generations")["iteration"].to_pylist() == [0, 1, 2]


@pytest.mark.fault("kill-resuming")
def test_a_run_that_is_carried_on_has_no_end_and_no_half_written_file(writer: RunWriter) -> None:
    writer.finish("interrupted")
    half = writer.path / "loads" / ".part-00001.parquet.part"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"PAR1")
    RunWriter(writer.path.parent, "run-1", again=True).carry_on(open_run(writer.path).record)
    assert (open_run(writer.path).end, half.exists()) == (None, False)


@pytest.mark.fault("kill-resuming")
def test_rows_that_are_set_aside_are_in_their_file_alone(
    writer: RunWriter, generation_row: MakeRow, tmp_path: Path
) -> None:
    rows = [generation_row(iteration=number, load_id=f"b0/{number}/k/a1") for number in range(3)]
    writer.rows("generations", rows)
    run = open_run(writer.path)
    for _ in range(2):
        set_aside(run, "generations", pc.field("load_id") != "b0/1/k/a1", tmp_path / "aside.parquet")
    assert run.table("generations")["iteration"].to_pylist() == [0, 2]
    assert pq.read_table(tmp_path / "aside.parquet")["iteration"].to_pylist() == [1]


@pytest.mark.fault("disk-read-only")
def test_a_file_in_the_place_of_the_results_folder_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_bytes(b"")
    with pytest.raises(StoreError, match=r"^cannot write to .*results: .*; choose another folder with --results-dir$"):
        RunWriter(tmp_path / "results", "run-1")


@pytest.mark.fault("disk-read-only")
def test_a_folder_that_takes_no_writing_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(self: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", read_only)
    with pytest.raises(StoreError, match=r"^cannot write to .*results: Read-only file system; choose another folder"):
        RunWriter(tmp_path / "results", "run-1")


def test_gathering_in_between_loses_and_doubles_nothing(writer: RunWriter, generation_row: MakeRow) -> None:
    for iteration in range(6):
        writer.rows("generations", [generation_row(iteration=iteration)])
        if iteration % 2:
            writer.gather("generations")
    assert open_run(writer.path).table("generations")["iteration"].to_pylist() == list(range(6))


@pytest.mark.fault("disk-full")
def test_a_disk_without_room_for_gathering_still_gets_its_end(
    writer: RunWriter, generation_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path) -> None:
        raise StoreError(f"cannot write {folder}: No space left on device")

    writer.rows("generations", [generation_row()])
    monkeypatch.setattr(writer_module, "compact", full)
    writer.finish("finished")
    run = open_run(writer.path)
    assert (run.table("generations").num_rows, run.end is not None) == (1, True)


def fill(writer: RunWriter, row: MakeRow) -> tuple[int, str]:
    """Write until the disk is full: rows that were committed, and what was said."""
    for committed in range(200):
        ids = [[(7919 * committed + place * place) % 2**31] for place in range(5000)]
        try:
            writer.rows("generations", [row(iteration=committed, token_ids=ids)])
        except StoreError as error:
            return committed, str(error)
    pytest.fail("the disk never became full")


@pytest.mark.process
@pytest.mark.fault("disk-full")
def test_a_full_disk_is_said_in_one_line_that_names_the_folder(small_disk: Path, generation_row: MakeRow) -> None:
    writer = RunWriter(small_disk, "run-1")
    writer.begin({})
    _, said = fill(writer, generation_row)
    assert (said.startswith(f"cannot write {writer.path}"), "No space left" in said, said.count("\n")) == (
        True,
        True,
        0,
    )


@pytest.mark.process
@pytest.mark.fault("disk-full")
def test_what_was_committed_before_the_disk_was_full_stays_readable(small_disk: Path, generation_row: MakeRow) -> None:
    writer = RunWriter(small_disk, "run-1")
    writer.begin({})
    committed, _ = fill(writer, generation_row)
    assert open_run(writer.path).table("generations")["iteration"].to_pylist() == list(range(committed))


@pytest.mark.process
@pytest.mark.fault("disk-full")
def test_a_run_on_a_full_disk_can_still_end(small_disk: Path, generation_row: MakeRow) -> None:
    writer = RunWriter(small_disk, "run-1")
    writer.begin({})
    committed, _ = fill(writer, generation_row)
    writer.finish("finished")
    assert open_run(writer.path).table("generations").num_rows == committed


def test_rows_of_a_finished_run_are_replaced_and_the_others_stay(writer: RunWriter, generation_row: MakeRow) -> None:
    for block in range(3):
        writer.rows("generations", [generation_row(block=block)])
    writer.finish("finished")
    replace_rows(open_run(writer.path), "generations", pc.field("block") != 1, [generation_row(block=7)])
    assert open_run(writer.path).table("generations")["block"].to_pylist() == [0, 2, 7]
    assert [path.name for path in (writer.path / "generations").iterdir()] == ["all.parquet"]


def test_a_table_that_a_run_lacks_is_begun(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.finish("finished")
    replace_rows(open_run(writer.path), "generations", pc.scalar(value=True), [generation_row()])
    assert open_run(writer.path).table("generations").num_rows == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder in which a file is open")
@pytest.mark.fault("removed")
def test_a_run_that_is_removed_before_its_end_has_none_and_can_be_carried_on(writer: RunWriter) -> None:
    shutil.rmtree(writer.path)
    with pytest.raises(StoreError, match="was removed while the run went on, with what it held: `nox -s bench"):
        writer.finish("finished")
    assert (open_run(writer.path).unfinished, goes_on(writer.path)) == (True, False)
