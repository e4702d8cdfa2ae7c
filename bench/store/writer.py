"""A run as it is written: run.json first, then parquet cell by cell, end.json last."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.errors import StoreError
from bench.store.compact import compact
from bench.store.files import remove_file, write_json, write_table
from bench.store.schema import SCHEMA_VERSION, TABLES


def new_run_id(now: datetime | None = None) -> str:
    """``<UTC time>-<short id>``, sortable and unique, e.g. ``20261122T211735Z-3f9a1c``."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


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
        schema = TABLES[table]
        unknown = {name for row in rows for name in row} - set(schema.names)
        if unknown:
            raise StoreError(f"no such column in {table}: {', '.join(sorted(unknown))}")
        if not rows:
            return
        complete = [{"run_id": self.run_id, **row} for row in rows]
        columns = [pa.array([row.get(field.name) for row in complete], field.type) for field in schema]
        self._parts += 1
        write_table(self.path / table / f"part-{self._parts:05d}.parquet", pa.table(columns, schema=schema))

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
