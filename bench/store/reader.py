"""A run as it is read: finished, still running, or killed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.errors import NewerSchemaError, StoreError
from bench.store.bounds import check, open_parquet
from bench.store.compact import live_files
from bench.store.files import read_json
from bench.store.schema import SCHEMA_VERSION, TABLES
from bench.store.shape import BESIDE, RUN, flaw

REMEDY = (
    "put a copy of it back; what was measured lies in the parquet files beside it, which any reader of parquet reads"
)
"""What to do where run.json is damaged."""
ROWS_AT_ONCE = 512
"""Some megabytes of generations."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One folder under ``results/``: run.json, and end.json, which a run lacks that still goes on or was killed.

    ``damaged`` are files that are left out, each with what is wrong with it; of run.json, parts of it.
    """

    path: Path
    record: dict[str, Any]
    end: dict[str, Any] | None
    damaged: Mapping[Path, str] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The run's id, by which its folder was named."""
        return str(self.record.get("run_id") or self.path.name)

    @property
    def created_at(self) -> datetime | None:
        """When the run began, from its record or else from its id; ``None`` if neither tells."""
        return as_utc(self.record.get("created_at")) or as_utc(self.run_id[:16])

    @property
    def unfinished(self) -> bool:
        """Whether it was killed, interrupted or stopped, or still goes on."""
        return self.end is None or self.end.get("reason") != "finished"

    def table(self, name: str, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """Rows of one of :data:`bench.store.schema.TABLES`, in the order in which they were committed.

        Args:
            name: the table.
            columns: which columns to read; all by default. A column that an older run lacks is null.
            where: selects rows.
        """
        schema, names = TABLES[name], list(columns or TABLES[name].names)
        tables = []
        for path in live_files(self.path / name, self.damaged):
            with _named(path):
                tables.append(_rows(path, schema, names, where))
        return pa.concat_tables(tables) if tables else _part(schema, names).empty_table()

    def batches(self, name: str, columns: Sequence[str], rows: int = ROWS_AT_ONCE) -> Iterator[pa.RecordBatch]:
        """The same rows as :meth:`table` gives, at most ``rows`` at a time; for columns too large to hold twice."""
        wanted = _part(TABLES[name], columns)
        for path in live_files(self.path / name, self.damaged):
            # Buffered, or the whole column would be read before its first row is there.
            with _named(path), _opened(path, TABLES[name]) as file:
                present = [column for column in columns if column in file.schema_arrow.names]
                for batch in file.iter_batches(rows, columns=present):
                    arrays = [
                        batch.column(field.name) if field.name in present else pa.nulls(batch.num_rows, field.type)
                        for field in wanted
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, schema=wanted)


def without_damaged(run: StoredRun) -> StoredRun:
    """The run without those of its files that cannot be read to their end."""
    damaged = dict(run.damaged)
    for table, schema in TABLES.items():
        for path in sorted((run.path / table).glob("*.parquet")):
            try:
                with _named(path), _opened(path, schema) as file:
                    _rows(path, schema)
                    deque(file.iter_batches(ROWS_AT_ONCE), maxlen=0)
            except StoreError as error:
                damaged[path] = _why(error, path)
    return replace(run, damaged=damaged)


def _rows(
    path: Path, schema: pa.Schema, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    check(path, schema)
    # A page with a bit that has turned is an error, and no other number.
    return pq.read_table(path, schema=schema, columns=columns, filters=where, page_checksum_verification=True)


def _opened(path: Path, schema: pa.Schema) -> pq.ParquetFile:
    check(path, schema)
    return open_parquet(path)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the file in the error of one that cannot be read."""
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        # A damaged name is no UTF-8.
        raise StoreError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def _part(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(column) for column in columns])


def as_utc(text: Any) -> datetime | None:
    """A date and time as it is recorded; ``None`` for what is none."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
        return None if found is None else found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        # One at the ends of the calendar may have none in UTC.
        return None


def open_run(path: Path, *, rest: bool = False) -> StoredRun:
    """Open the run in the folder ``path``.

    Of its JSON files but run.json those that are damaged are left out, as if they were not there.

    Args:
        path: of the run.
        rest: whether a run.json whose parts are not all as a run writes them is taken without those parts.

    Raises:
        StoreError: there is no run, or its run.json is damaged.
        NewerSchemaError: the run was written by a newer version of this project.
    """
    file = path / "run.json"
    if not file.is_file():
        raise StoreError(f"{path} holds no run: it has no run.json")
    record, damaged = _record(file), {}
    wrong = {name: why for name, shape in RUN.items() if (why := flaw(record, {name: shape}))}
    if wrong and not rest:
        raise StoreError(f"cannot read {file}: {_listed(wrong)}: {REMEDY}, and `nox -s report` shows")
    if wrong:
        damaged[file] = _listed(wrong)
        record = {name: value for name, value in record.items() if name not in wrong}
    end = None
    for name, shape in BESIDE.items():
        try:
            found = _whole(path / name, shape)
        except StoreError as error:
            damaged[path / name] = _why(error, path / name)
        else:
            end = found if name == "end.json" else end
    return StoredRun(path=path, record=record, end=end, damaged=damaged)


def _record(file: Path) -> dict[str, Any]:
    try:
        record = read_json(file)
    except StoreError as error:
        raise StoreError(f"{error}: {REMEDY}") from error
    version = record.get("schema_version")
    if not isinstance(version, int):
        raise StoreError(f"{file} names no schema version: {REMEDY}")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{file.parent} was written with schema {version}, this version reads up to {SCHEMA_VERSION}; update "
            "AIPC Bench"
        )
    return record


def _whole(file: Path, shape: Any) -> dict[str, Any] | None:
    """What a JSON file holds; ``None`` where there is none."""
    if not file.is_file():
        return None
    value = read_json(file)
    if (wrong := flaw(value, shape)) is not None:
        raise StoreError(f"cannot read {file}: {wrong}")
    return value


def _listed(wrong: Mapping[str, str]) -> str:
    return "; ".join(wrong.values())


def _why(error: StoreError, file: Path) -> str:
    """What is wrong with ``file``, which the reader of the report knows by its name."""
    return str(error).removeprefix(f"cannot read {file}: ").replace(str(file), file.name)
