"""The files of a partition: few, and each with a row group per run."""

import os
import secrets
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from backends.file_digest import file_sha256
from backends.held_files import replace_file
from bench.errors import StoreError, cause
from bench.store.bounds import check, open_parquet
from bench.store.dataset import DATASET_TABLES, HeldFile
from bench.store.remote import fetch_missing
from bench.store.schema import in_columns

FULL_BYTES, FULL_ROW_GROUPS = 256 * 2**20, 1000
"""A file of this size is left alone, and more rows go into another one."""


def merge(
    root: Path,
    partition: str,
    files: dict[str, HeldFile],
    new: Sequence[Path],
    without: Collection[str],
    scratch: Path,
) -> None:
    """Merge new rows with the small files of a partition into one; the old files stay on the disk.

    Args:
        partition: ``<table>/machine=<id>/month=<YYYY-MM>``.
        without: ids of runs whose old rows are left out.

    Raises:
        StoreError: a file cannot be read or written.
    """
    old = [name for name in files if name.startswith(f"{partition}/")]
    full = {name for name in old if files[name].bytes >= FULL_BYTES or files[name].row_groups >= FULL_ROW_GROUPS}
    small = [name for name in old if without or name not in full]
    if not new and not without:
        return
    schema = DATASET_TABLES[partition.partition("/")[0]]
    fetch_missing(root, small)
    made = scratch / f"{secrets.token_hex(8)}.parquet"
    try:
        kept, more = _groups(schema, [root / name for name in small], without), _groups(schema, new, (), own=True)
        rows, row_groups = _write(made, schema, kept, more)
        for name in small:
            del files[name]
        if rows:
            digest = file_sha256(made)
            name = f"{partition}/{digest[:24]}.parquet"
            files[name] = HeldFile(made.stat().st_size, digest, rows, row_groups)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            replace_file(made, root / name)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"cannot write {partition} of the dataset {root}: {cause(error)}") from error


def _groups(
    schema: pa.Schema, files: Iterable[Path], without: Collection[str], *, own: bool = False
) -> Iterable[pa.Table]:
    """The row groups of files, without those of some runs; a column that an older file lacks is null.

    Files that this process has written, its ``own``, need no check.
    """
    for path in files:
        if not own:
            check(path, schema)
        with open_parquet(path) as file:
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                if rows.num_rows and rows["run_id"][0].as_py() not in without:
                    yield in_columns(rows, schema)


def _write(path: Path, schema: pa.Schema, *groups: Iterable[pa.Table]) -> tuple[int, int]:
    """Rows and row groups of what was written."""
    written = row_groups = 0
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for rows in (rows for some in groups for rows in some):
            writer.write_table(rows, row_group_size=rows.num_rows)
            written, row_groups = written + rows.num_rows, row_groups + 1
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
    return written, row_groups
