"""A run as it is read, finished, still running, or killed, and whether its JSON files hold what readers need.

A shape is a type, a list with the shape of its entries, an object with the shapes of the names that are read, or
:class:`Each`, an object with any names. A name with ``!`` at its end has to be there; ``null`` may stand for others.
Names that no shape has are left alone: later versions may add some.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from backends import bounded_json
from bench.errors import NewerSchemaError, StoreError, cause
from bench.store.bounds import check, open_parquet
from bench.store.compact import COMPACT_NAME, live_files
from bench.store.dataset import DOCUMENTS, is_dataset, open_dataset, open_part
from bench.store.files import LARGEST_JSON, read_json
from bench.store.schema import SCHEMA_VERSION, TABLES, in_columns


@dataclass(frozen=True, slots=True)
class Each:
    """An object with any names, whose values all have this shape."""

    shape: Any


class Number:
    """Any number, of those that 64 bits hold."""


class Count:
    """A whole number of things that are gone through."""


_MOST = 10**6
_LONGEST_TEXT = 100_000
_SHOWN = 60

_CELL = {
    "cell_key!": str,
    "load_key!": str,
    "label": str,
    "prompt_tokens!": Count,
    "new_tokens!": Count,
    "batch_size!": Count,
    "ask": str,
    "turn": Count,
}
_LOAD = {
    "load_key!": str,
    **dict.fromkeys(("label", "variant", "backend", "device", "precision"), str),
    "options": Each(object),
}
_COUNTS = ("blocks", "max_blocks", "repeats", "warmups", "max_warmups", "warmup_new_tokens", "threads")
_CORES = ("physical_cores", "logical_cores", "performance_cores", "efficiency_cores")
_DEVICES = [Each(object)]
_SITTING = {
    "began_at!": str,
    **dict.fromkeys(("ended_at", "reason"), str),
    **dict.fromkeys(("block", "position"), Count),
    "changed": Each([object]),
}

RUN: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("run_id", "created_at", "command", "machine_id"), str),
    "seed": int,
    "options": {
        **dict.fromkeys(("model", "reference", "profile"), str),
        **dict.fromkeys(_COUNTS, Count),
        # A number of them, or "stack".
        "threads": object,
        **dict.fromkeys(("interval_target", "cooldown_s", "cooldown_c", "cooldown_max_s"), Number),
        "load_options": Each(Each(object)),
        "quality_limits": {"degraded": Number, "broken": Number},
    },
    "project": Each(str),
    "model": {
        **dict.fromkeys(("name", "kind", "digest", "revision", "note"), str),
        **dict.fromkeys(("context_tokens", "vocab_size", "parameters", "embedding_parameters"), int),
        "kv_cache_values_per_token": Number,
    },
    "plan": {
        "profile": str,
        **dict.fromkeys(_COUNTS, Count),
        "interval_target": Number,
        "max_time_s": Number,
        "variants": Each({"spec!": str, "kind": str, "backend": str}),
        "loads": [_LOAD],
        "cells": [_CELL],
    },
    "machine": {
        "cpu": {"name": str, "architecture": str, **dict.fromkeys(_CORES, int)},
        "memory_bytes": int,
        "memory_read_bytes_per_s": Number,
        "usable": {"memory_bytes": int, "logical_cores": int, "cpu_quota": Number},
        **dict.fromkeys(("os", "kernel", "power_source", "power_mode", "governor"), str),
        "settings": Each(object),
        "gpus": _DEVICES,
        "npus": _DEVICES,
    },
    "venvs": Each(
        {"python": str, "interpreter": str, "packages": Each(str), "failed": [str], "unsupported": str},
    ),
    "observers": Each({"source": str, "cost_us": Number}),
    "selection": {"by": str, "selected": int, "planned": int},
    "sittings": [_SITTING],
}
"""Of run.json."""

_ADAPTIVE = {
    **dict.fromkeys(("blocks", "reached", "cells"), Count),
    "target": Number,
    "ended_by": str,
    "not_reached": [str],
}
BESIDE: Final[Mapping[str, Any]] = {
    "end.json": {"reason!": str, "ended_at": str, "detail": {"adaptive": _ADAPTIVE}},
    "answers.json": {"reference!": str, "answers!": Each([int])},
    "pieces.json": Each(str),
    "digests.json": Each(str),
}
"""File beside run.json, without which a run is still read -> its shape."""

_NAMES: Mapping[Any, str] = {
    str: f"no text of at most {_LONGEST_TEXT:,} characters",
    int: "no whole number",
    Count: f"no whole number from 0 to {_MOST:,}",
    Number: "no number",
}


def flaw(value: Any, shape: Any, where: str = "") -> str | None:
    """What is wrong with ``value``, in words that begin with its place; ``None`` where nothing is."""
    if shape is object:
        return None
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is no list"
        found = (flaw(one, shape[0], f"{where}[{place}]") for place, one in enumerate(value))
        return next(filter(None, found), None)
    if isinstance(shape, Mapping | Each):
        return _flaw_of_object(value, shape, where)
    return None if _fits(value, shape) else f"{where} is {_NAMES[shape]}"


def _fits(value: Any, shape: Any) -> bool:
    if shape is str:
        return isinstance(value, str) and len(value) <= _LONGEST_TEXT
    if isinstance(value, bool):
        return False
    if shape is Number:
        return isinstance(value, int | float) and abs(value) < 2.0**63
    return isinstance(value, int) and (0 <= value <= _MOST if shape is Count else abs(value) < 2**63)


def _flaw_of_object(value: Any, shape: Mapping[str, Any] | Each, where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where or 'it'} is no object"
    parts = dict.fromkeys(value, shape.shape) if isinstance(shape, Each) else shape
    for name, part in parts.items():
        key = name if isinstance(shape, Each) else name.removesuffix("!")
        place = f"{where}.{key[:_SHOWN]}" if where else key[:_SHOWN]
        if key != name and value.get(key) is None:
            return f"{place} is missing"
        # What must have a part is no null: a variant has what was typed.
        has_parts = isinstance(part, Mapping) and any(one.endswith("!") for one in part)
        if (has_parts or value.get(key) is not None) and (found := flaw(value[key], part, place)) is not None:
            return found
    return None


REMEDY = (
    "put a copy of it back; what was measured lies in the parquet files beside it, which any reader of parquet reads"
)
"""What to do where run.json is damaged."""
ROWS_AT_ONCE = 512
"""Some megabytes of generations."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One folder under ``results/``, or one run of a dataset.

    Args:
        path: the folder; of a run of a dataset, the dataset's folder and the run's id.
        end: end.json, which a run lacks that still goes on or was killed.
        damaged: files that are left out, each with what is wrong with it; of run.json, parts of it.
        shared: of a run of a dataset, table -> the files that hold its rows among those of other runs.
        texts: of a run of a dataset, the text of its JSON files by their names.
    """

    path: Path
    record: dict[str, Any]
    end: dict[str, Any] | None
    damaged: Mapping[Path, str] = field(default_factory=dict)
    shared: Mapping[str, Sequence[Path]] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """The run's id, by which its folder was named."""
        return str(self.record.get("run_id") or self.path.name)

    @property
    def machine_id(self) -> str:
        """The id of the machine that measured it; ``unknown`` where it has none."""
        return str(self.record.get("machine_id") or "unknown")

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

        ``columns``: which columns to read; all by default. A column that an older run lacks is null.
        """
        names = list(columns or TABLES[name].names)
        return pa.concat_tables([_part(TABLES[name], names).empty_table(), *self.groups(name, names, where)])

    def groups(self, name: str, columns: Sequence[str], where: pc.Expression | None) -> Iterator[pa.Table]:
        """The same rows as :meth:`table` gives, a group of rows of a file after the other."""
        schema = TABLES[name]
        wanted = schema if where is not None else _part(schema, columns)
        for path in self._files(name):
            with _named(path), self._opened(path, schema) as (file, groups):
                there = file.schema_arrow.names
                stored = [column for column in wanted.names if column in there]
                for group in groups:
                    rows = in_columns(file.read_row_group(group, stored), wanted)
                    yield (rows if where is None else rows.filter(where)).select(columns)

    def batches(self, name: str, columns: Sequence[str], rows: int = ROWS_AT_ONCE) -> Iterator[pa.RecordBatch]:
        """The same rows as :meth:`table` gives, at most ``rows`` at a time; for columns too large to hold twice."""
        wanted = _part(TABLES[name], columns)
        for path in self._files(name):
            # Buffered, or the whole column would be read before its first row is there.
            with _named(path), self._opened(path, TABLES[name]) as (file, groups):
                there = file.schema_arrow.names
                stored = [column for column in columns if column in there]
                for batch in file.iter_batches(rows, row_groups=groups, columns=stored):
                    yield in_columns(batch, wanted)

    def document(self, name: str) -> dict[str, Any]:
        """A JSON file of the run, such as :data:`bench.store.schema.ANSWERS`.

        Raises:
            StoreError: the run has none of that name, or it cannot be read.
        """
        if self.shared is None:
            return read_json(self.path / name)
        try:
            found = bounded_json.parse_json(self.texts[name].encode("utf-8", "replace"), LARGEST_JSON, finite=True)
        except (LookupError, ValueError) as error:
            raise StoreError(f"cannot read {name} of {self.path}: {error}") from error
        if not isinstance(found, dict):
            raise StoreError(f"cannot read {name} of {self.path}: it holds no JSON object")
        return found

    def has(self, name: str) -> bool:
        """Whether the run has a JSON file of that name."""
        return (self.path / name).is_file() if self.shared is None else name in self.texts

    def called(self, file: Path) -> str:
        """A file of the run as people know it: by its path below the run's folder, or below the dataset."""
        return file.relative_to(self.path if self.shared is None else self.path.parent).as_posix()

    def _files(self, table: str) -> list[Path]:
        if self.shared is None:
            return live_files(self.path / table, self.damaged)
        return [path for path in self.shared.get(table, ()) if path not in self.damaged]

    @contextmanager
    def _opened(self, path: Path, schema: pa.Schema) -> Iterator[tuple[pq.ParquetFile, Sequence[int]]]:
        """A file with the row groups of this run: in a dataset, it holds rows of other runs too."""
        check(path, schema)
        if self.shared is None:
            with open_parquet(path) as file:
                yield file, list(range(file.num_row_groups))
        else:
            file, groups = open_part(path)
            with file:
                yield file, groups.get(self.run_id, [])


def without_damaged(run: StoredRun) -> StoredRun:
    """The run without those of its files that cannot be read to their end."""
    damaged = dict(run.damaged)
    for table in TABLES:
        files = run.shared[table] if run.shared is not None else sorted((run.path / table).glob("*.parquet"))
        for path in files:
            try:
                with _named(path), run._opened(path, TABLES[table]) as (file, groups):  # noqa: SLF001 - its own module
                    if path.name == COMPACT_NAME:
                        live_files(path.parent)
                    deque(file.iter_batches(ROWS_AT_ONCE, row_groups=groups), maxlen=0)
            except StoreError as error:
                damaged[path] = _why(error, path)
    return replace(run, damaged=damaged)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        # A damaged name is no UTF-8.
        raise StoreError(f"cannot read {path}: {' '.join(cause(error, path).split())}") from error


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
    """Open the run in the folder ``path``, or of the dataset that is the folder above it.

    Of its JSON files but run.json those that are damaged are left out, as if they were not there.

    ``rest``: whether a run.json whose parts are not all as a run writes them is taken without those parts.

    Raises:
        StoreError: there is no run, or its run.json is damaged.
        NewerSchemaError: the run was written by a newer version of this project.
    """
    if (path / "run.json").is_file():
        return _with_documents(StoredRun(path, {}, None), rest=rest)
    if not is_dataset(path.parent):
        raise StoreError(f"{path} holds no run: it has no run.json")
    dataset = open_dataset(path.parent)
    row = dataset.documents(path.name)
    texts = {name: row[column] for column, name in DOCUMENTS.items() if row[column] is not None}
    return _with_documents(StoredRun(path, {}, None, shared=dataset.shared(path.name), texts=texts), rest=rest)


def _with_documents(run: StoredRun, *, rest: bool) -> StoredRun:
    file = run.path / "run.json"
    record, damaged = _record(run, file), {}
    wrong = {name: why for name, shape in RUN.items() if (why := flaw(record, {name: shape}))}
    listed = "; ".join(wrong.values())
    if wrong and not rest:
        raise StoreError(f"cannot read {file}: {listed}: {REMEDY}, and `nox -s report` shows")
    if wrong:
        damaged[file] = listed
        record = {name: value for name, value in record.items() if name not in wrong}
    end = None
    for name, shape in BESIDE.items():
        try:
            found = run.document(name) if run.has(name) else None
            why = None if found is None else flaw(found, shape)
        except StoreError as error:
            why = _why(error, run.path / name)
        if why:
            damaged[run.path / name] = why
        elif name == "end.json":
            end = found
    return replace(run, record=record, end=end, damaged=damaged)


def _record(run: StoredRun, file: Path) -> dict[str, Any]:
    try:
        record = run.document("run.json")
    except StoreError as error:
        raise StoreError(f"{error}: {REMEDY}") from error
    version = record.get("schema_version")
    if not isinstance(version, int):
        raise StoreError(f"{file} names no schema version: {REMEDY}")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"{run.path} was written with schema {version}, this version reads up to {SCHEMA_VERSION}; update "
            "AIPC Bench"
        )
    return record


def _why(error: StoreError, file: Path) -> str:
    said = str(error).removeprefix(f"cannot read {file}: ").removeprefix(f"cannot read {file.name} of {file.parent}: ")
    return said.replace(str(file), file.name)
