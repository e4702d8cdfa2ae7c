"""A run as it is written: run.json first, then parquet cell by cell, end.json last."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from backends.held_files import remove_file
from backends.no_secrets import without_secrets
from bench.errors import StoreError
from bench.store.compact import compact, parts_ever, rewrite
from bench.store.digests import DIGESTS, record_digests
from bench.store.files import write_json, write_table
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
    columns = [pa.array([_value(row, field.name) for row in complete], field.type) for field in schema]
    return pa.table(columns, schema=schema)


_SAID = frozenset(
    ("error_message", "stderr_tail", "invalid_reason", "device_evidence", "message", "advice", "message_values")
)
"""Columns that hold what stacks and systems say, which may be the environment, a command or an address."""


def _value(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    return without_secrets(value) if name in _SAID and isinstance(value, str) else value


def replace_rows(run: StoredRun, table: str, kept: pc.Expression, rows: Sequence[Mapping[str, Any]]) -> None:
    """Leave of a table of a finished run what ``kept`` selects, and add ``rows``: all at once, or nothing of it."""
    stays = run.groups(table, TABLES[table].names, kept)
    rewrite(run.path / table, chain(stays, [as_table(table, run.run_id, rows)]))


def set_aside(run: StoredRun, table: str, kept: pc.Expression, file: Path) -> None:
    """Take out of a table of ``run`` the rows that ``kept`` does not select, which is never null, into ``file``.

    If the process dies in between, the same again makes the same.
    """
    dropped = run.table(table, where=~kept)
    if dropped.num_rows:
        write_table(file, dropped)
        replace_rows(run, table, kept, [])


def goes_on(path: Path) -> bool:
    """Whether some process writes the run in the folder ``path``."""
    lock = FileLock(path / _LOCK, timeout=0)
    try:
        if not (path / _LOCK).exists():
            return False
        lock.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False
    lock.release()
    return False


_LOCK = ".lock"
"""File that the process which writes a run holds locked: the system frees the lock when that process ends."""


class RunWriter:
    """Commits rows to ``<results>/<run_id>/``, a whole file at a time; ``again`` to a run that was begun before.

    Its ``record`` is what run.json holds; empty before that is written.

    Raises:
        StoreError: the folder cannot be written, or another process writes the run.
    """

    def __init__(self, results: Path, run_id: str, *, again: bool = False) -> None:
        self.path = results / run_id
        self.run_id = run_id
        self.record: Mapping[str, Any] = {}
        # Room for end.json if the disk fills up during the run.
        self._reserve = self.path / ".reserve"
        # Whoever only looks whether the run goes on holds it for a moment.
        self._lock = FileLock(self.path / _LOCK, timeout=0.5)
        try:
            self.path.mkdir(parents=True, exist_ok=again)
            # There are folders on a network that know no locks.
            with suppress(NotImplementedError):
                self._lock.acquire()
            self._reserve.write_bytes(b"\0" * 4096)
            self._parts = max((parts_ever(self.path / table) for table in TABLES), default=0)
        except Timeout as error:
            raise StoreError(f"another process is writing the run {run_id}: wait for its end") from error
        except OSError as error:
            raise StoreError(
                f"cannot write to {results}: {error.strerror or error}; choose another folder with --results-dir"
            ) from error

    def begin(self, record: Mapping[str, Any]) -> None:
        """Write run.json."""
        self._write_record({"schema_version": SCHEMA_VERSION, "run_id": self.run_id, **record})

    def _write_record(self, record: Mapping[str, Any]) -> None:
        self.record = record
        write_json(self.path / "run.json", record)

    def carry_on(self, record: Mapping[str, Any]) -> None:
        """Take back the end of a run that was begun before; ``record`` takes the place of its run.json."""
        with suppress(OSError):
            for partial in self.path.glob("**/.*.part"):
                remove_file(partial)
        try:
            remove_file(self.path / DIGESTS)
            remove_file(self.path / "end.json")
        except OSError as error:
            raise StoreError(f"cannot carry on with {self.path}: {error.strerror or error}") from error
        self.run_id = str(record.get("run_id") or self.run_id)
        self._write_record(record)

    def rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Commit ``rows`` of one of :data:`bench.store.schema.TABLES`; a column that a row leaves out is null.

        Raises:
            StoreError: they cannot be written; or the run's folder is gone, and is made again so that the run can be
                carried on.
        """
        made = as_table(table, self.run_id, rows)
        if not rows:
            return
        gone = self._gone()
        self._parts += 1
        write_table(self.path / table / f"part-{self._parts:05d}.parquet", made)
        if gone is not None:
            raise gone

    def _gone(self) -> StoreError | None:
        """That the run's folder is gone, which is made again then with its run.json; ``None`` where it is there."""
        if not self.record or (self.path / "run.json").exists():
            return None
        self._write_record(self.record)
        return StoreError(
            f"{self.path} was removed while the run went on, with what it held: `nox -s bench -- --resume` "
            "measures that again"
        )

    def gather(self, table: str) -> None:
        """Gather the parts of ``table`` into one file, which is faster to read; more parts may follow.

        Where that fails, as on a disk without room for both, the parts stay.
        """
        with suppress(StoreError):
            compact(self.path / table)

    def finish(self, reason: str, detail: Mapping[str, Any] | None = None) -> None:
        """Gather the parts of each table into one file, then write end.json with the reason and further facts.

        Raises:
            StoreError: it cannot be written; or the run's folder is gone, as for :meth:`rows`: it has no end then.
        """
        try:
            if (gone := self._gone()) is not None:
                raise gone
            for table in TABLES:
                self.gather(table)
            with suppress(OSError):
                remove_file(self._reserve)
            ended_at = datetime.now(UTC).isoformat()
            write_json(self.path / "end.json", {"ended_at": ended_at, "reason": reason, "detail": detail})
            # A full disk that took the end of the run may not take more.
            with suppress(StoreError):
                record_digests(self.path)
        finally:
            self._unlock()

    def give_up(self) -> None:
        """Leave a run that did not begin, or was not carried on; a folder without a run is removed."""
        with suppress(OSError):
            remove_file(self._reserve)
        self._unlock()
        # One that has a run is not empty.
        with suppress(OSError):
            self.path.rmdir()

    def _unlock(self) -> None:
        self._lock.release()
        with suppress(OSError):
            remove_file(Path(self._lock.lock_file))
