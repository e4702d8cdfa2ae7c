"""Whether a run can be taken into a dataset: whole, as it was at its end, and of a schema that this version reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError, cause
from bench.store.dataset import DOCUMENTS, RUNS, is_run_id, open_dataset
from bench.store.digests import DIGESTS, differences, digests_of
from bench.store.files import read_json
from bench.store.reader import StoredRun, open_run
from bench.store.schema import TABLES
from bench.store.writer import goes_on

_INTERRUPTED = "interrupted"
_MOST_NAMED = 3


class NotYet(StoreError):  # noqa: N818 - named for what it says
    """A run that can be taken later."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that may be taken.

    Args:
        digest: of all its files, as they were recorded; of a run without that record, as they are.
        recorded: whether there is such a record.
    """

    run: StoredRun
    digest: str
    recorded: bool


def candidate(folder: Path) -> Candidate:
    """What is known of the run in ``folder`` before its files are read.

    Raises:
        NotYet: it has no end.
        StoreError: it is none, or cannot be read.
    """
    run = open_run(folder)
    if run.shared is not None:
        return Candidate(run, open_dataset(folder.parent).held(run.run_id).digest, recorded=True)
    if goes_on(folder):
        raise NotYet("still goes on: collect it when it has ended")
    for file, why in run.damaged.items():
        raise StoreError(f"{file.name} is not as a run writes it: {why}")
    if run.end is None:
        raise NotYet(
            "has no end.json: it goes on elsewhere, was killed, or is not copied whole; it is taken once it has an end"
        )
    if not is_run_id(run.run_id):
        raise StoreError(f"its run_id {run.run_id[:100]!r} is none that `nox -s bench` gives")
    if run.created_at is None:
        raise StoreError("run.json does not say when it was measured")
    recorded = (folder / DIGESTS).is_file()
    return Candidate(run, _digest(read_json(folder / DIGESTS) if recorded else digests_of(folder, [folder])), recorded)


def _digest(digests: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def read_whole(found: Candidate) -> dict[str, pa.Table]:
    """The rows of a run that is as it was recorded, by table, ``runs`` among them.

    Raises:
        StoreError: it is not, or a file cannot be read or holds what no run does.
    """
    run = found.run
    if found.recorded and (changed := differences(run.path)):
        more = f" (and {len(changed) - _MOST_NAMED} more)" if len(changed) > _MOST_NAMED else ""
        raise StoreError(f"{'; '.join(changed[:_MOST_NAMED])}{more}: it is not as it was at its end")
    tables = {table: run.table(table) for table in TABLES}
    for table, rows in tables.items():
        if pc.any(pc.not_equal(rows["run_id"], run.run_id)).as_py():
            raise StoreError(f"{table} holds rows of another run")
        for column in rows.schema:
            if not column.nullable and rows[column.name].null_count:
                raise StoreError(f"{table} has no {column.name} in some rows, and no run is without")
    return {"runs": _documents(run), **tables}


def _documents(run: StoredRun) -> pa.Table:
    if run.shared is not None:
        return pa.Table.from_pylist([open_dataset(run.path.parent).documents(run.run_id)], schema=RUNS)
    interrupted = {file.name: file.read_bytes() for file in sorted((run.path / _INTERRUPTED).glob("*.parquet"))}
    there = {column: run.path / name for column, name in DOCUMENTS.items()}
    row = {
        "run_id": run.run_id,
        "machine_id": run.machine_id,
        "created_at": run.created_at,
        **{column: _text(file) for column, file in there.items() if file.is_file()},
        "interrupted": list(interrupted.items()) or None,
    }
    return pa.Table.from_pylist([row], schema=RUNS)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {file.name}: {cause(error, file)}") from error
