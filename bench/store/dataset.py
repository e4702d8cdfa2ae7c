"""A dataset: the runs of many machines in shared parquet files, and the manifest that says which of them count.

::

    DATASET/dataset.json                                        the manifest
    DATASET/machines.toml                                       names and labels, written by people
    DATASET/<table>/machine=<id>/month=<YYYY-MM>/<name>.parquet

A row group holds rows of one run, so that a run is read without the others. What the manifest does not name is no part
of the dataset.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from backends.file_names import is_plain
from bench.errors import NewerSchemaError, StoreError, cause
from bench.store.bounds import check, open_parquet, read_footer
from bench.store.files import read_json, write_json
from bench.store.remote import fetch_missing
from bench.store.schema import ANSWERS, PIECES, SCHEMA_VERSION, TABLES, UTC

MANIFEST = "dataset.json"
DATASET_VERSION = 1

RUNS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("machine_id", pa.string(), nullable=False),
        pa.field("created_at", UTC, nullable=False),
        pa.field("run_json", pa.string(), nullable=False),
        pa.field("end_json", pa.string(), nullable=False),
        pa.field("answers_json", pa.string()),
        pa.field("pieces_json", pa.string()),
        pa.field("digests_json", pa.string()),
        pa.field("interrupted", pa.map_(pa.string(), pa.binary())),
    ]
)
"""One row per run: the text of its JSON files, and the files of its visits that were measured again."""

LATENCIES = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("cell_key", pa.string(), nullable=False),
        pa.field("model", pa.string()),
        pa.field("backend", pa.string()),
        pa.field("device", pa.string()),
        pa.field("precision", pa.string()),
        pa.field("prompt_tokens", pa.int32(), nullable=False),
        pa.field("new_tokens", pa.int32(), nullable=False),
        pa.field("batch_size", pa.int32(), nullable=False),
        pa.field("turn", pa.int32()),
        pa.field("bin", pa.list_(pa.int16()), nullable=False),
        pa.field("tokens", pa.list_(pa.int32()), nullable=False),
    ]
)
"""One row per run, cell and device: how many counted inter-token latencies lie in each bin.

See :mod:`bench.dataset.bins`; the columns of a load are null where a generation has no row in ``loads``.
"""

DATASET_TABLES: dict[str, pa.Schema] = {"runs": RUNS, "latencies": LATENCIES, **TABLES}
DOCUMENTS = {
    "run_json": "run.json",
    "end_json": "end.json",
    "answers_json": ANSWERS,
    "pieces_json": PIECES,
    "digests_json": "digests.json",
}
"""Column of :data:`RUNS` -> the file of a run's folder whose text it holds."""

_ID = r"[0-9A-Za-z][0-9A-Za-z_.-]{0,127}"
_RUN_ID = re.compile(_ID)
MACHINE = re.compile(r"[0-9A-Za-z_-]{1,80}")
_MONTH = re.compile(r"\d{4}-\d{2}")
_FILE = re.compile(rf"({'|'.join(DATASET_TABLES)})/machine={MACHINE.pattern}/month=\d{{4}}-\d{{2}}/[0-9a-f]+\.parquet")


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file of the dataset."""

    bytes: int
    sha256: str
    rows: int
    row_groups: int


@dataclass(frozen=True, slots=True)
class HeldRun:
    """Where a run is.

    Args:
        machine: the machine's id, with a number where another machine has the same id.
        month: of its beginning, in UTC.
        digest: of all files that it was taken from.
    """

    machine: str
    month: str
    digest: str

    @property
    def partition(self) -> str:
        """The folder below that of each table."""
        return f"machine={self.machine}/month={self.month}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dataset holds.

    Args:
        files: path below the dataset -> the file.
        runs: id -> the run.
        machines: id -> what tells machines of one id apart, as ``run.json`` has it.
    """

    files: Mapping[str, HeldFile] = field(default_factory=dict)
    runs: Mapping[str, HeldRun] = field(default_factory=dict)
    machines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_json(
            path,
            {
                "dataset_version": DATASET_VERSION,
                "schema_version": SCHEMA_VERSION,
                "files": {name: asdict(one) for name, one in sorted(self.files.items())},
                "runs": {run_id: asdict(one) for run_id, one in sorted(self.runs.items())},
                "machines": dict(self.machines),
            },
        )


def is_data_file(name: str) -> bool:
    """Whether a path below a dataset is one that its data may have."""
    return _FILE.fullmatch(name) is not None


def read_manifest(path: Path) -> Manifest:
    """The manifest in the file ``path``.

    Raises:
        NewerSchemaError: the dataset was written by a newer version of this project.
        StoreError: it cannot be read, or is none.
    """
    found = read_json(path)
    for what, known in (("dataset", DATASET_VERSION), ("schema", SCHEMA_VERSION)):
        version = found.get(f"{what}_version")
        if not isinstance(version, int):
            raise StoreError(f"{path} is no manifest of a dataset: it names no {what}_version")
        if version > known:
            raise NewerSchemaError(
                f"{path.parent} is a dataset of {what} version {version}, this version reads up to {known}; "
                "update AIPC Bench"
            )
    try:
        manifest = Manifest(
            files={name: HeldFile(**one) for name, one in found["files"].items()},
            runs={run_id: HeldRun(**one) for run_id, one in found["runs"].items()},
            machines={name: dict(facts) for name, facts in found["machines"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} is not as `nox -s collect` writes it: {type(error).__name__}: {error}") from error
    # Nobody's manifest names a file elsewhere.
    wrong = [name for name in manifest.files if not is_data_file(name)]
    wrong += [run_id for run_id, one in manifest.runs.items() if not _is_run(run_id, one)]
    wrong += [name for name, facts in manifest.machines.items() if not _is_machine(facts)]
    if wrong:
        raise StoreError(f"{path} is not as `nox -s collect` writes it: it names {wrong[0][:100]!r}")
    return manifest


def is_run_id(run_id: str) -> bool:
    """Whether a run of that id can be in a dataset: it becomes the name of a report's folder."""
    return _RUN_ID.fullmatch(run_id) is not None and is_plain(run_id)


def _is_run(run_id: str, run: HeldRun) -> bool:
    texts = all(isinstance(one, str) for one in (run.machine, run.month, run.digest))
    return bool(texts and is_run_id(run_id) and MACHINE.fullmatch(run.machine) and _MONTH.fullmatch(run.month))


def _is_machine(facts: Mapping[str, Any]) -> bool:
    machine = facts.get("machine")
    if not isinstance(facts.get("machine_id"), str) or not isinstance(machine, dict):
        return False
    return isinstance(machine.get("cpu"), dict) and isinstance(machine.get("memory_bytes"), int | None)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset on this machine's disk."""

    root: Path
    manifest: Manifest

    def files(self, table: str, partition: str | None = None) -> list[Path]:
        """The files of a table, of one partition where that is given; those of a mirror are fetched."""
        start = f"{table}/{partition}/" if partition else f"{table}/"
        names = [name for name in sorted(self.manifest.files) if name.startswith(start)]
        fetch_missing(self.root, names)
        return [self.root / name for name in names]

    def documents(self, run_id: str) -> dict[str, Any]:
        """A run's row of :data:`RUNS`.

        Raises:
            StoreError: the dataset has no such run, or cannot be read.
        """
        for path in self.files("runs", self.held(run_id).partition):
            try:
                check(path, RUNS)
                file, groups = open_part(path)
                with file:
                    found = file.read_row_groups(groups.get(run_id, []), use_threads=False).to_pylist()
            except (OSError, ValueError, pa.ArrowException) as error:
                raise StoreError(f"cannot read {path}: {cause(error, path)}") from error
            if found:
                return dict(found[0])
        raise StoreError(f"{self.root} names the run {run_id} and does not hold it: collect it again")

    def held(self, run_id: str) -> HeldRun:
        """Where a run is; raises StoreError as :meth:`documents`."""
        if run_id not in self.manifest.runs:
            raise StoreError(f"the dataset {self.root} holds no run {run_id}")
        return self.manifest.runs[run_id]

    def shared(self, run_id: str) -> dict[str, list[Path]]:
        """Table -> the files that hold a run's rows, among those of other runs."""
        partition = self.held(run_id).partition
        return {table: self.files(table, partition) for table in TABLES}


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a dataset."""
    return (folder / MANIFEST).is_file()


def open_dataset(folder: Path) -> Dataset:
    """The dataset in ``folder``; raises StoreError and NewerSchemaError as :func:`read_manifest`."""
    try:
        found = (folder / MANIFEST).stat()
    except OSError as error:
        raise StoreError(f"{folder} holds no dataset: it has no {MANIFEST}") from error
    return _opened(folder, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _opened(folder: Path, changed_ns: int, size: int) -> Dataset:  # noqa: ARG001 - another manifest is read again
    return Dataset(folder, read_manifest(folder / MANIFEST))


def open_part(path: Path) -> tuple[pq.ParquetFile, Mapping[str, Sequence[int]]]:
    """A file of a dataset, and id of each run in it -> its row groups, in their order.

    Raises:
        ValueError: a row group holds rows of several runs, as none does that `nox -s collect` wrote.
    """
    found = path.stat()
    metadata, groups = _index(path, found.st_mtime_ns, found.st_size)
    return open_parquet(path, metadata=metadata), groups


@lru_cache(maxsize=512)
def _index(path: Path, changed_ns: int, size: int) -> tuple[pq.FileMetaData, dict[str, list[int]]]:  # noqa: ARG001
    with open_parquet(path) as file:
        metadata = file.metadata
    groups: dict[str, list[int]] = {}
    own = (chunk for chunk in read_footer(path).chunks if chunk.name == "run_id")
    for group, chunk in enumerate(own):
        if chunk.least is None or chunk.least != chunk.greatest:
            raise ValueError("a row group holds rows of several runs")
        groups.setdefault(chunk.least.decode("utf-8", "replace"), []).append(group)
    return metadata, groups
