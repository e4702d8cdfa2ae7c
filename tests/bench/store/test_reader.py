from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bench.errors import NewerSchemaError, StoreError
from bench.store.files import write_json
from bench.store.reader import StoredRun, open_run
from bench.store.schema import GENERATIONS, SCHEMA_VERSION, TABLES
from bench.store.writer import RunWriter

BEGUN = datetime(2026, 11, 1, tzinfo=UTC)

MakeRow = Callable[..., dict[str, Any]]


@pytest.fixture
def older_run(writer: RunWriter, generation_row: MakeRow) -> StoredRun:
    """A run of a version that had neither energy nor batch sizes."""
    writer.rows("generations", [generation_row(iteration=0), generation_row(iteration=1)])
    path = next((writer.path / "generations").iterdir())
    pq.write_table(pq.read_table(path).drop_columns(["energy_j", "batch_size"]), path)
    return open_run(writer.path)


def test_a_column_that_an_older_run_lacks_is_null(older_run: StoredRun) -> None:
    assert older_run.table("generations")["energy_j"].to_pylist() == [None, None]


def test_a_column_that_an_older_run_lacks_is_null_even_where_it_may_not_be_now(older_run: StoredRun) -> None:
    assert older_run.table("generations")["batch_size"].to_pylist() == [None, None]


def test_an_older_run_may_be_asked_for_lacking_columns_alone(older_run: StoredRun) -> None:
    assert older_run.table("generations", ["energy_j"])["energy_j"].to_pylist() == [None, None]


def test_a_condition_on_a_lacking_column_meets_nulls(older_run: StoredRun) -> None:
    assert older_run.table("generations", ["iteration"], pc.field("energy_j").is_null()).num_rows == 2


def test_an_older_run_has_the_schema_of_today(older_run: StoredRun) -> None:
    assert older_run.table("generations").schema == GENERATIONS


def test_an_older_run_and_a_new_part_make_one_table(
    older_run: StoredRun, writer: RunWriter, generation_row: MakeRow
) -> None:
    writer.rows("generations", [generation_row(iteration=2, energy_j=1.5)])
    assert older_run.table("generations")["energy_j"].to_pylist() == [None, None, 1.5]


def test_batches_hold_the_rows_of_the_table_in_order(older_run: StoredRun) -> None:
    batches = older_run.batches("generations", ["iteration"], rows=1)
    assert [batch.column(0).to_pylist() for batch in batches] == [[0], [1]]


def test_a_column_that_an_older_run_lacks_is_null_in_batches_too(older_run: StoredRun) -> None:
    (batch,) = older_run.batches("generations", ["energy_j", "iteration"], rows=9)
    assert batch.to_pydict() == {"energy_j": [None, None], "iteration": [0, 1]}


def test_batches_of_lacking_columns_alone_have_their_rows(older_run: StoredRun) -> None:
    assert [batch.num_rows for batch in older_run.batches("generations", ["energy_j"], rows=9)] == [2]


def test_a_broken_file_is_named_where_it_is_read_in_batches(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row()])
    next((writer.path / "generations").iterdir()).write_bytes(b"PAR1 but not for long")
    with pytest.raises(StoreError, match=r"cannot read .*part-00001\.parquet"):
        list(open_run(writer.path).batches("generations", ["iteration"], rows=9))


def test_a_newer_schema_is_refused_with_a_remedy(writer: RunWriter) -> None:
    write_json(writer.path / "run.json", {"schema_version": SCHEMA_VERSION + 1, "run_id": "run-1"})
    said = f"written with schema {SCHEMA_VERSION + 1}, this version reads up to {SCHEMA_VERSION}; update AIPC Bench"
    with pytest.raises(NewerSchemaError, match=said):
        open_run(writer.path)


@pytest.mark.parametrize("record", [{"run_id": "x"}, {"run_id": "x", "schema_version": "1"}])
def test_a_record_without_a_version_is_refused(writer: RunWriter, record: dict[str, object]) -> None:
    write_json(writer.path / "run.json", record)
    with pytest.raises(StoreError, match="names no schema version"):
        open_run(writer.path)


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no run: it has no run\.json"):
        open_run(tmp_path)


@pytest.mark.parametrize("table", list(TABLES))
def test_a_table_without_rows_is_empty_and_typed(writer: RunWriter, table: str) -> None:
    assert open_run(writer.path).table(table).schema == TABLES[table]


def test_only_the_wanted_columns_are_read_in_the_wanted_order(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row()])
    assert open_run(writer.path).table("generations", ["status", "block"]).column_names == ["status", "block"]


def test_only_the_wanted_rows_are_read(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row(iteration=n, warmup=n == 0) for n in range(3)])
    run = open_run(writer.path)
    assert run.table("generations", ["iteration"], ~pc.field("warmup"))["iteration"].to_pylist() == [1, 2]


@pytest.mark.slow
def test_rows_come_in_the_order_in_which_they_were_committed(writer: RunWriter, generation_row: MakeRow) -> None:
    for iteration in range(12):
        writer.rows("generations", [generation_row(iteration=iteration)])
    assert open_run(writer.path).table("generations")["iteration"].to_pylist() == list(range(12))


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path, generation_row: MakeRow) -> None:
    writer = RunWriter(tmp_path / "status=odd", "run-1")
    writer.begin({})
    writer.rows("generations", [generation_row()])
    writer.finish("finished")
    assert open_run(writer.path).table("generations")["status"].to_pylist() == ["ok"]


def test_a_damaged_part_is_named(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row()])
    (writer.path / "generations" / "part-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreError, match=r"cannot read .*part-00001\.parquet"):
        open_run(writer.path).table("generations")


def test_pandas_reads_a_table_without_this_project(writer: RunWriter, generation_row: MakeRow) -> None:
    writer.rows("generations", [generation_row(ttft_ns=5, itl_ns=[1, 2])])
    writer.finish("finished")
    table: pa.Table = pq.read_table(writer.path / "generations")
    assert table.to_pandas()["ttft_ns"].tolist() == [5]


@pytest.mark.parametrize(
    ("record", "name", "expected"),
    [
        ({"created_at": "2026-11-01T02:00:00+02:00"}, "x", BEGUN),
        ({"created_at": "2026-11-01T00:00:00"}, "x", BEGUN),
        ({"created_at": "yesterday"}, "20261101T000000Z-abcdef", BEGUN),
        ({}, "20261101T000000Z-abcdef", BEGUN),
        ({}, "x", None),
    ],
)
def test_a_run_began_when_its_record_or_else_its_id_says(
    record: dict[str, Any], name: str, expected: datetime | None
) -> None:
    assert StoredRun(Path(name), record, None).created_at == expected
