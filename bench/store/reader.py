"""A run as it is read: finished, still running, or killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.errors import NewerSchemaError, StoreError
from bench.store.compact import live_files
from bench.store.files import read_json
from bench.store.schema import SCHEMA_VERSION, TABLES

ROWS_AT_ONCE = 512
"""Of generations these are some megabytes, however long their answers."""
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One folder under ``results/``.

    Args:
        path: the folder.
        record: run.json.
        end: end.json; ``None`` means that the run still goes on or was killed.
    """

    path: Path
    record: dict[str, Any]
    end: dict[str, Any] | None

    @property
    def run_id(self) -> str:
        """The run's id, also the name of its folder when it was written."""
        return str(self.record.get("run_id") or self.path.name)

    def table(self, name: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """Rows of one of :data:`bench.store.schema.TABLES`, in the order in which they were committed.

        Args:
            name: the table.
            columns: which columns to read; all by default. A column that an older run lacks is null.
            where: an expression that a row has to meet.
        """
        schema = TABLES[name]
        wanted = pa.schema([schema.field(column) for column in columns]) if columns is not None else schema
        tables = [self._read(path, schema, wanted, where) for path in live_files(self.path / name)]
        return pa.concat_tables(tables) if tables else wanted.empty_table()

    def batches(self, name: str, columns: Sequence[str], rows: int = ROWS_AT_ONCE) -> Iterator[pa.RecordBatch]:
        """The same rows in the same order as :meth:`table` gives, at most ``rows`` at a time.

        For columns that are too large to be held twice.
        """
        schema = TABLES[name]
        wanted = pa.schema([schema.field(column) for column in columns])
        for path in live_files(self.path / name):
            try:
                # Buffered, or the whole column would be read before its first row is there.
                with pq.ParquetFile(path, buffer_size=_BUFFER_BYTES) as file:
                    present = [column for column in columns if column in file.schema_arrow.names]
                    for batch in file.iter_batches(rows, columns=present):
                        yield _completed(batch, wanted)
            except (OSError, pa.ArrowInvalid) as error:
                raise StoreError(f"cannot read {path}: {error}") from error

    @staticmethod
    def _read(path: Path, schema: pa.Schema, wanted: pa.Schema, where: pc.Expression | None) -> pa.Table:
        try:
            present = pq.read_schema(path).names
            table = pq.read_table(path, schema=schema, columns=[n for n in wanted.names if n in present], filters=where)
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(f"cannot read {path}: {error}") from error
        return pa.table(_columns(table, wanted), schema=wanted)


def _completed(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(_columns(batch, wanted), schema=wanted)


def _columns(found: pa.Table | pa.RecordBatch, wanted: pa.Schema) -> list[Any]:
    """The wanted columns; one that an older run lacks is null."""
    names = found.schema.names
    return [found.column(f.name) if f.name in names else pa.nulls(found.num_rows, f.type) for f in wanted]


def open_run(path: Path) -> StoredRun:
    """Open the run in the folder ``path``.

    Raises:
        StoreError: there is no run.
        NewerSchemaError: the run was written by a newer version of this project.
    """
    if not (path / "run.json").is_file():
        raise StoreError(f"{path} holds no run: it has no run.json")
    record = read_json(path / "run.json")
    version = record.get("schema_version")
    if not isinstance(version, int):
        raise StoreError(f"{path / 'run.json'} names no schema version")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{path} was written with schema {version}, this version reads up to {SCHEMA_VERSION}; update AIPC Bench"
        )
    end = read_json(path / "end.json") if (path / "end.json").is_file() else None
    return StoredRun(path=path, record=record, end=end)
