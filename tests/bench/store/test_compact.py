from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.store import compact as module
from bench.store.compact import COMPACT_NAME, compact, live_files
from bench.store.files import write_tables
from bench.store.reader import open_run
from bench.store.schema import GENERATIONS
from bench.store.writer import RunWriter

MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(writer: RunWriter, generation_row: MakeRow) -> Path:
    """Three parts of one row each."""
    for iteration in range(3):
        writer.rows("generations", [generation_row(iteration=iteration)])
    return writer.path / "generations"


def iterations(folder: Path) -> list[int]:
    return list(open_run(folder.parent).table("generations")["iteration"].to_pylist())


def test_parts_become_one_file(folder: Path) -> None:
    compact(folder)
    assert [path.name for path in folder.iterdir()] == [COMPACT_NAME]


def test_every_row_is_kept_once_in_order(folder: Path) -> None:
    compact(folder)
    assert iterations(folder) == [0, 1, 2]


def test_a_second_time_changes_nothing(folder: Path) -> None:
    compact(folder)
    before = (folder / COMPACT_NAME).read_bytes()
    compact(folder)
    assert (folder / COMPACT_NAME).read_bytes() == before


def test_any_reader_of_parquet_sees_the_schema(folder: Path) -> None:
    compact(folder)
    assert pq.read_schema(folder / COMPACT_NAME).equals(GENERATIONS)


@pytest.mark.parametrize("left", ["part-00001.parquet", "part-00003.parquet"])
@pytest.mark.fault("kill")
def test_a_part_that_a_dying_process_left_is_not_counted_again(folder: Path, tmp_path: Path, left: str) -> None:
    shutil.copy(folder / left, tmp_path / left)
    compact(folder)
    shutil.copy(tmp_path / left, folder / left)
    assert iterations(folder) == [0, 1, 2]


@pytest.fixture
def carried_on(folder: Path, writer: RunWriter, generation_row: MakeRow, tmp_path: Path) -> Path:
    """The same after a process died before it removed the parts, and another one wrote and gathered one more."""
    shutil.copytree(folder, tmp_path / "kept")
    compact(folder)
    shutil.copytree(tmp_path / "kept", folder, dirs_exist_ok=True)
    writer.rows("generations", [generation_row(iteration=3)])
    compact(folder)
    return folder


@pytest.mark.fault("kill")
def test_parts_that_a_dying_process_left_do_not_hide_new_ones(carried_on: Path) -> None:
    assert iterations(carried_on) == [0, 1, 2, 3]


@pytest.mark.fault("kill")
def test_what_a_dying_process_left_is_removed_with_the_next_parts(carried_on: Path) -> None:
    assert [path.name for path in carried_on.iterdir()] == [COMPACT_NAME]


@pytest.mark.fault("disk-full")
def test_a_write_that_fails_leaves_the_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, tables: object, metadata: object) -> None:
        raise StoreError("full")

    monkeypatch.setattr(module, "write_tables", full)
    with pytest.raises(StoreError, match="full"):
        compact(folder)
    assert iterations(folder) == [0, 1, 2]


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert live_files(tmp_path / "loads") == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    compact(tmp_path / "loads")
    assert not (tmp_path / "loads").exists()


def test_half_written_files_are_not_counted(folder: Path) -> None:
    (folder / ".part-00004.parquet.part").write_bytes(b"PAR1")
    assert iterations(folder) == [0, 1, 2]


@pytest.mark.fault("disk-damaged")
def test_a_gathered_file_that_is_damaged_is_a_store_error(folder: Path) -> None:
    compact(folder)
    (folder / COMPACT_NAME).write_bytes(b"PAR1 no more")
    with pytest.raises(StoreError, match=r"cannot read .*all\.parquet"):
        live_files(folder)


@pytest.mark.fault("disk-held")
def test_a_part_that_another_program_holds_is_not_counted_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sum(pq.read_metadata(path).num_rows for path in live_files(folder))

    def in_use(self: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "used by another process")

    monkeypatch.setattr(Path, "unlink", in_use)
    monkeypatch.setattr("backends.held_files.time.sleep", lambda _: None)
    compact(folder)
    assert sum(pq.read_metadata(path).num_rows for path in live_files(folder)) == rows


def test_a_large_table_is_gathered_group_by_group(
    folder: Path, writer: RunWriter, generation_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.store.files._GROUP_BYTES", 1)
    compact(folder)
    writer.rows("generations", [generation_row(iteration=3)])
    compact(folder)
    with pq.ParquetFile(folder / COMPACT_NAME) as file:
        assert file.num_row_groups == 4
    assert iterations(folder) == [0, 1, 2, 3]


def test_a_part_that_is_damaged_keeps_all_parts(folder: Path) -> None:
    part = sorted(folder.iterdir())[1]
    part.write_bytes(part.read_bytes()[:-8])
    with pytest.raises(StoreError, match=r"cannot read .*part-"):
        compact(folder)
    assert len(list(folder.iterdir())) == 3


@pytest.mark.slow
@pytest.mark.fault("disk-damaged")
def test_a_bit_that_turns_in_a_part_makes_no_other_number(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row(ttft_ns=70_000_000)])
    folder = writer.path / "generations"
    (part,) = folder.iterdir()
    data, stored = part.read_bytes(), pq.read_metadata(part).row_group(0).column(GENERATIONS.names.index("ttft_ns"))
    for at in range(stored.dictionary_page_offset, stored.data_page_offset):
        part.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with suppress(StoreError):
            compact(folder)
            (folder / COMPACT_NAME).replace(part)
            # What is gathered has a checksum of its own, and no reader could tell any more.
            assert open_run(writer.path).table("generations", ["ttft_ns"])["ttft_ns"].to_pylist() == [70_000_000]


@pytest.mark.parametrize("named", ["../kept.parquet", "/kept.parquet", "C:\\kept.parquet", "", 3, None, {"a": 1}])
def test_a_gathered_file_of_a_stranger_names_no_files_elsewhere(folder: Path, named: object) -> None:
    kept = folder.parent / "kept.parquet"
    kept.write_bytes(b"")
    listed = json.dumps(named if isinstance(named, dict) else [named]).encode()
    write_tables(folder / COMPACT_NAME, [GENERATIONS.empty_table()], {b"aipc_bench.gathered_parts": listed})
    with pytest.raises(StoreError, match=r"cannot read .*all\.parquet: it names"):
        compact(folder)
    assert kept.is_file()
