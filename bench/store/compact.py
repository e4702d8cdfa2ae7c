"""Gathers many small files into one; safe to stop at any moment."""

import json
import re
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from backends.bounded_json import parse_json
from backends.file_names import is_plain
from backends.held_files import remove_file
from bench.errors import StoreError, cause
from bench.store.bounds import open_parquet
from bench.store.files import write_tables

COMPACT_NAME = "all.parquet"
_GATHERED = b"aipc_bench.gathered_parts"


def compact(folder: Path) -> None:
    """Gather the parquet parts of ``folder`` into one file that names them, then remove them.

    If the process dies in between, :func:`live_files` still counts each row once.

    Raises:
        StoreError: as on a full disk; the parts stay.
    """
    files = live_files(folder)
    if any(path.name != COMPACT_NAME for path in files):
        rewrite(folder, (group for path in files for group in _groups(path)))


def rewrite(folder: Path, tables: Iterable[pa.Table]) -> None:
    """Put ``tables`` in the place of all rows in ``folder``; raises as :func:`compact`.

    They are taken one after the other, so that a large table need not be in memory at once.
    """
    names = sorted({path.name for path in live_files(folder) if path.name != COMPACT_NAME} | _gathered(folder))
    write_tables(folder / COMPACT_NAME, tables, {_GATHERED: json.dumps(names).encode("ascii")})
    for name in names:
        # A part that another program holds open stays; its rows are not counted twice.
        with suppress(OSError):
            remove_file(folder / name)


def _groups(path: Path) -> Iterator[pa.Table]:
    try:
        # Closed before the file is written over or removed, which Windows refuses otherwise.
        with open_parquet(path) as file:
            yield from (file.read_row_group(place) for place in range(file.num_row_groups))
            if not file.num_row_groups:
                yield file.schema_arrow.empty_table()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {path}: {cause(error, path)}") from error


def live_files(folder: Path, without: Container[Path] = ()) -> list[Path]:
    """The parquet files of ``folder`` whose rows count: parts that were gathered already do not.

    Those of ``without`` are as good as not there.
    """
    if not folder.is_dir():
        return []
    gathered = set() if folder / COMPACT_NAME in without else _gathered(folder)
    return [path for path in sorted(folder.glob("*.parquet")) if path.name not in gathered and path not in without]


def parts_ever(folder: Path) -> int:
    """The highest number that a part of ``folder`` has or had: a new part must not be named as a gathered one was."""
    names = [*(path.name for path in live_files(folder)), *_gathered(folder)]
    numbers = (re.fullmatch(r"part-(\d+)\.parquet", name) for name in names)
    return max((int(found[1]) for found in numbers if found), default=0)


def _gathered(folder: Path) -> set[str]:
    compacted = folder / COMPACT_NAME
    if not compacted.is_file():
        return set()
    try:
        with open_parquet(compacted) as file:
            metadata = file.schema_arrow.metadata or {}
        names = parse_json(metadata.get(_GATHERED, b"[]"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {compacted}: {cause(error, compacted)}") from error
    # They are removed, and whoever made the run named them.
    if not isinstance(names, list) or not all(isinstance(name, str) and is_plain(name) for name in names):
        raise StoreError(f"cannot read {compacted}: it names files that are none of its folder")
    return set(names)
