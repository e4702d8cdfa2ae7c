"""Writing files so that a reader only ever sees them whole."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import StoreError

_WAITS_S = (0.05, 0.2, 0.5, 1.0, None)
"""Between tries."""


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as JSON to ``path``, whole or not at all.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    text = json.dumps(value, indent=2, sort_keys=False, ensure_ascii=False, allow_nan=False) + "\n"
    # An undecodable byte of a path is a lone surrogate, which JSON may hold as an escape and UTF-8 may not.
    data = text.encode("utf-8", "backslashreplace")
    _commit(path, lambda partial: partial.write_bytes(data))


def write_table(path: Path, table: pa.Table) -> None:
    """Write ``table`` as parquet to ``path``, whole or not at all.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    _commit(path, lambda partial: pq.write_table(table, partial, compression="zstd"))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        StoreError: the file is missing, unreadable or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"cannot read {path}: it holds no JSON object")
    return value


def _commit(path: Path, write: Any) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        replace_file(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose --results-dir"
        ) from error


def replace_file(partial: Path, path: Path) -> None:
    """Put a file that is whole in the place of another.

    Raises:
        OSError: it cannot be done.
    """
    _patiently(lambda: partial.replace(path))


def remove_file(path: Path) -> None:
    """Remove a file that may be gone already.

    Raises:
        OSError: it cannot be done.
    """
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(act: Callable[[], object]) -> None:
    # On Windows a virus scanner or indexer may hold a new file for a moment.
    for wait_s in _WAITS_S:
        try:
            act()
        except PermissionError:
            if wait_s is None:
                raise
            time.sleep(wait_s)
        else:
            return
