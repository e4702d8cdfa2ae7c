"""A run as it is written: run.json first, then parquet cell by cell, end.json last."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError
from bench.store.compact import compact, rewrite
from bench.store.files import remove_file, write_json, write_table
from bench.store.reader import StoredRun
from bench.store.schema import SCHEMA_VERSION, TABLES


def new_run_id(now: datetime | None = None) -> str:
    """``<UTC time>-<short id>``, sortable and unique, e.g. ``20261122T211735Z-3f9a1c``."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def as_table(table: str, run_id: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """``rows`` of one of :data:`bench.store.schema.TABLES`; a column that a row leaves out is null."""
    schema = TABLES[table]
    unknown = {name for row in rows for name in row} - set(schema.names)
    if unknown:
        raise StoreError(f"no such column in {table}: {', '.join(sorted(unknown))}")
    complete = [{"run_id": run_id, **row} for row in rows]
    columns = [pa.array([row.get(field.name) for row in complete], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def replace_rows(run: StoredRun, table: str, kept: pc.Expression, rows: Sequence[Mapping[str, Any]]) -> None:
    """Leave of a table of a finished run what ``kept`` selects, and add ``rows``: all at once, or nothing of it."""
    stays = run.table(table, where=kept)
    rewrite(run.path / table, pa.concat_tables([stays, as_table(table, run.run_id, rows)]))


class RunWriter:
    """Commits rows to ``<results>/<run_id>/``, a whole file at a time."""

    def __init__(self, results: Path, run_id: str) -> None:
        self.path = results / run_id
        self.run_id = run_id
        # Room for end.json if the disk fills up during the run.
        self._reserve = self.path / ".reserve"
        self._parts = 0
        try:
            self.path.mkdir(parents=True)
            self._reserve.write_bytes(b"\0" * 4096)
        except OSError as error:
            raise StoreError(
                f"cannot write to {results}: {error.strerror or error}; choose another folder with --results-dir"
            ) from error

    def begin(self, record: Mapping[str, Any]) -> None:
        """Write run.json."""
        write_json(self.path / "run.json", {"schema_version": SCHEMA_VERSION, "run_id": self.run_id, **record})

    def rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Commit ``rows`` of one of :data:`bench.store.schema.TABLES`; a column that a row leaves out is null."""
        made = as_table(table, self.run_id, rows)
        if not rows:
            return
        self._parts += 1
        write_table(self.path / table / f"part-{self._parts:05d}.parquet", made)

    def gather(self, table: str) -> None:
        """Gather the parts of ``table`` into one file, which is faster to read; more parts may follow.

        Where that fails, as on a disk without room for both, the parts stay.
        """
        with suppress(StoreError):
            compact(self.path / table)

    def finish(self, reason: str, detail: Mapping[str, Any] | None = None) -> None:
        """Gather the parts of each table into one file, then write end.json with the reason and further facts."""
        for table in TABLES:
            self.gather(table)
        with suppress(OSError):
            remove_file(self._reserve)
        ended_at = datetime.now(UTC).isoformat()
        write_json(self.path / "end.json", {"ended_at": ended_at, "reason": reason, "detail": detail})

    def discard_if_empty(self) -> None:
        """Remove the folder of a run that never began."""
        if list(self.path.iterdir()) == [self._reserve]:
            self._reserve.unlink()
            self.path.rmdir()
