"""Writes files so that a reader only ever sees them whole."""

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from backends import bounded_json
from backends.held_files import replace_file
from bench.errors import MachineError, StoreError

LARGEST_JSON = 32 * 1024 * 1024
"""Of run.json, which has some three hundred bytes for each cell."""
_GROUP_BYTES = 64 * 1024 * 1024


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as JSON to ``path``, whole or not at all."""
    text = json.dumps(value, indent=2, sort_keys=False, ensure_ascii=False, allow_nan=False) + "\n"
    # An undecodable byte of a path is a lone surrogate, which JSON can escape and UTF-8 cannot encode.
    data = text.encode("utf-8", "backslashreplace")
    with _committing(path) as partial:
        partial.write_bytes(data)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all, whoever else writes it meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def write_table(path: Path, table: pa.Table) -> None:
    """Write ``table`` as parquet to ``path``, whole or not at all."""
    with _committing(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def write_tables(path: Path, tables: Iterable[pa.Table], metadata: Mapping[bytes, bytes] | None = None) -> None:
    """Write ``tables`` of one schema, one at least, as one parquet file to ``path``, whole or not at all.

    ``tables``: taken one after the other; a group of rows is written when it has some tens of megabytes.
    """
    rest = iter(tables)
    with _committing(path) as partial:
        group = [next(rest)]
        size, schema = group[0].nbytes, group[0].schema.with_metadata(metadata)
        with pq.ParquetWriter(partial, schema, compression="zstd", write_page_checksum=True) as writer:
            for table in rest:
                if size >= _GROUP_BYTES:
                    writer.write_table(pa.concat_tables(group))
                    group, size = [], 0
                group.append(table)
                size += table.nbytes
            writer.write_table(pa.concat_tables(group))


def write_files(folder: Path, contents: Mapping[Path, str | bytes]) -> None:
    """Write the files of a report into ``folder``, each whole or not at all, whoever else writes them meanwhile.

    Raises:
        MachineError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            with replacing(path) as partial:
                # No line end of the system's own: the page's policy names a digest of its style.
                partial.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise MachineError(
            f"cannot write the report to {folder}: {error.strerror or error}; choose another folder with --reports-dir"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        value = bounded_json.read_json(path, LARGEST_JSON, finite=True)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"cannot read {path}: it holds no JSON object")
    return value


@contextmanager
def _committing(path: Path) -> Iterator[Path]:
    """As :func:`replacing`, and what was written is on the disk before it takes the place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            yield partial
            with partial.open("rb+") as stream:
                os.fsync(stream.fileno())
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose --results-dir"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to be written, which takes the place of ``path`` at the end, or is removed where that fails."""
    # Named for this process: another one may be writing the same file.
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield partial
        replace_file(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
