from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.errors import StoreError
from bench.store import files


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_json_comes_back_as_it_was_written(tmp_path: Path) -> None:
    value = {"text": "größer, 最", "nothing": None, "list": [1, 2.5]}
    files.write_json(tmp_path / "a" / "b.json", value)
    assert files.read_json(tmp_path / "a" / "b.json") == value


def test_an_undecodable_byte_of_a_path_comes_back(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"command": "--config \udcff.toml"})
    assert files.read_json(tmp_path / "a.json") == {"command": "--config \udcff.toml"}


def test_nothing_but_the_file_is_left_behind(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.fault("disk-full")
def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.store.files.os.fsync", full_disk)
    with pytest.raises(StoreError):
        files.write_json(tmp_path / "a.json", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("disk-full")
def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_json(tmp_path / "a.json", {"version": "old"})
    monkeypatch.setattr("bench.store.files.os.fsync", full_disk)
    with pytest.raises(StoreError):
        files.write_json(tmp_path / "a.json", {"version": "new"})
    assert files.read_json(tmp_path / "a.json") == {"version": "old"}


@pytest.mark.fault("disk-full")
def test_a_write_that_is_interrupted_shows_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(table: pa.Table, where: Path, **_: Any) -> None:
        where.write_bytes(b"PAR1 and no more")
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.store.files.pq.write_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_table(tmp_path / "a.parquet", pa.table({"x": [1]}))
    assert list(tmp_path.glob("*.parquet")) == []


@pytest.mark.fault("disk-full")
def test_a_full_disk_is_said_in_one_line_with_the_place_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.store.files.pq.write_table", full_disk)
    with pytest.raises(StoreError) as caught:
        files.write_table(tmp_path / "a.parquet", pa.table({"x": [1]}))
    place = tmp_path / "a.parquet"
    remedy = "free some space or choose --results-dir"
    assert str(caught.value) == f"cannot write {place}: No space left on device; {remedy}"


@pytest.mark.fault("disk-read-only")
def test_a_file_in_the_place_of_the_folder_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot write"):
        files.write_json(tmp_path / "results" / "a.json", {})


@pytest.mark.fault("disk-held")
def test_a_reader_that_holds_the_file_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = iter([True, True, False])
    replace = Path.replace

    def locked(self: Path, target: Path) -> Path:
        if next(held):
            raise PermissionError(errno.EACCES, "held by a scanner")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", locked)
    monkeypatch.setattr("backends.held_files.time.sleep", lambda _: None)
    files.write_json(tmp_path / "a.json", {"whole": True})
    assert files.read_json(tmp_path / "a.json") == {"whole": True}


@pytest.mark.fault("disk-held")
def test_a_file_that_stays_held_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(self: Path, target: Path) -> Path:
        raise PermissionError(errno.EACCES, "held by a scanner")

    monkeypatch.setattr(Path, "replace", locked)
    monkeypatch.setattr("backends.held_files.time.sleep", lambda _: None)
    with pytest.raises(StoreError, match="held by a scanner"):
        files.write_json(tmp_path / "a.json", {})


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff", '{"a": ' + "[" * 100_000, '{"a": 1, "a": 2}'])
def test_what_is_no_json_object_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match=r"cannot read .*a\.json"):
        files.read_json(tmp_path / "a.json")


def test_json_holds_no_number_that_json_lacks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})


def test_json_is_for_people_too(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"name": "Käse"})
    assert '"name": "Käse"' in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    table = pa.table({"x": [1, None], "y": [[1], []]})
    files.write_table(tmp_path / "a.parquet", table)
    assert pq.read_table(tmp_path / "a.parquet").equals(table)


def test_what_is_written_is_plain_json(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"a": 1})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"a": 1}
