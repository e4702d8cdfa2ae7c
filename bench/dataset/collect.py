"""Runs come together: what sources hold is checked and goes into one dataset, all at once or not at all."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from backends.held_files import remove_file
from bench.dataset.bins import count_latencies
from bench.dataset.machines import Machines
from bench.dataset.mirror import alone, mirror_of, publish, renew
from bench.dataset.partitions import merge
from bench.dataset.sources import Found, runs_of
from bench.errors import StoreError, UsageError, cause
from bench.store.dataset import (
    DATASET_TABLES,
    DOCUMENTS,
    MANIFEST,
    RUNS,
    HeldRun,
    Manifest,
    is_dataset,
    is_run_id,
    open_dataset,
)
from bench.store.digests import DIGESTS, differences, digests_of
from bench.store.files import read_json, write_table
from bench.store.machine_names import MACHINES
from bench.store.reader import StoredRun, open_run
from bench.store.remote import ORIGIN, Store, is_url
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
    digests = read_json(folder / DIGESTS) if recorded else digests_of(folder, [folder])
    return Candidate(run, hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest(), recorded)


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


Say = Callable[[str, str], None]
"""Takes what became of a run, in a word, and the rest of the line."""

_LOCK = ".lock"
_NEW = ".new-"
_OWN = re.compile("|".join([*map(re.escape, (_LOCK, ORIGIN, MACHINES)), rf"{re.escape(_NEW)}.*", *DATASET_TABLES]))


@dataclass(slots=True)
class Outcome:
    """How many runs became what, and the manifest after that; ``unproven`` ones are taken and have no digests."""

    taken: int = 0
    known: int = 0
    later: int = 0
    refused: int = 0
    unproven: int = 0
    manifest: Manifest = field(default_factory=Manifest)


def collect(sources: Iterable[str], into: str, say: Say, cache: Path, *, again: bool = False) -> Outcome:
    """Take the runs of ``sources`` into a dataset, which is made where it is missing.

    Args:
        into: the folder or URL of the dataset.
        again: whether a run that is known with other files takes the place of that one; it is refused otherwise.

    Raises:
        UsageError: it is a folder of something else, or there is no such store.
        StoreError: the dataset cannot be read or written, or another process writes it.
    """
    store = Store(into) if is_url(into) else None
    root = Path(into) if store is None else mirror_of(into, cache)
    with _locked(root), nullcontext() if store is None else alone(store):
        if store is not None:
            renew(store, root)
        before = open_dataset(root).manifest if is_dataset(root) else Manifest()
        _clean(root, before)
        with tempfile.TemporaryDirectory(prefix=_NEW, dir=root, ignore_cleanup_errors=True) as scratch:
            taking = _Taking(before, Path(scratch), say, again=again)
            for source in sources:
                for found in runs_of(source, Path(scratch), cache):
                    taking.take(found)
            outcome = taking.outcome
            if taking.new or not is_dataset(root):
                outcome.manifest = _commit(root, taking)
                if store is not None:
                    publish(store, root, outcome.manifest)
                _clean(root, outcome.manifest)
        return outcome


class _Taking:
    """What one call takes: the rows of each new run lie in files of their own until all are merged."""

    def __init__(self, before: Manifest, scratch: Path, say: Say, *, again: bool) -> None:
        self.before = before
        self.scratch = scratch
        self.machines = Machines(before.machines)
        self.new: dict[str, HeldRun] = {}
        self.replaced: set[str] = set()
        self.outcome = Outcome(manifest=before)
        self._say = say
        self._again = again

    def take(self, found: Found) -> None:
        """Take a run, or say why not."""
        try:
            self._take(found)
        except NotYet as error:
            self.outcome.later += 1
            self._say("later", f"{found.shown}: {error}")
        except StoreError as error:
            self.outcome.refused += 1
            said = str(error)
            self._say("refused", said if said.startswith(found.shown) else f"{found.shown}: {said}")

    def _take(self, found: Found) -> None:
        if found.folder is None:
            raise StoreError(found.why_not)
        one = candidate(found.folder)
        run_id = one.run.run_id
        known = self.new.get(run_id) or self.before.runs.get(run_id)
        if known is not None and known.digest == one.digest:
            self.outcome.known += 1
            return
        if known is not None and (not self._again or run_id in self.new):
            raise StoreError(f"the run {run_id} is known with other files; `--replace` takes this one in its place")
        if found.fetch is not None:
            found.fetch()
        tables = read_whole(one)
        try:
            tables["latencies"] = count_latencies(tables["generations"], tables["loads"])
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise StoreError(f"its rows are not those that a run writes ({type(error).__name__}: {error})") from error
        created_at = one.run.created_at
        assert created_at is not None
        machine, shared = self.machines.of(one.run.record)
        held = HeldRun(machine, f"{created_at:%Y-%m}", one.digest)
        for table, rows in tables.items():
            if rows.num_rows:
                write_table(self.scratch / table / held.partition / f"{run_id}.parquet", rows)
        self.new[run_id] = held
        if known is not None:
            self.replaced.add(run_id)
        self.outcome.taken += 1
        self.outcome.unproven += not one.recorded
        self._say("replaced" if known else "taken", f"{run_id} of machine {machine}, from {found.shown}")
        if shared is not None:
            self._say("note", shared)


def _commit(root: Path, taking: _Taking) -> Manifest:
    """Write the new files beside the old ones, then the manifest that names them."""
    before = taking.before
    files = dict(before.files)
    changed = {held.partition for held in taking.new.values()}
    changed |= {before.runs[run_id].partition for run_id in taking.replaced}
    for table in DATASET_TABLES:
        for partition in sorted(changed):
            new = sorted((taking.scratch / table / partition).glob("*.parquet"))
            merge(root, f"{table}/{partition}", files, new, taking.replaced, taking.scratch)
    manifest = replace(before, files=files, runs={**before.runs, **taking.new}, machines=taking.machines.known)
    manifest.write(root / MANIFEST)
    return manifest


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    lock = FileLock(root / _LOCK, timeout=0)
    try:
        root.mkdir(parents=True, exist_ok=True)
        other = [path.name for path in sorted(root.iterdir()) if not _OWN.fullmatch(path.name)]
        if other and not is_dataset(root):
            raise UsageError(f"{root} is no dataset and holds {other[0]}: name a new folder with --into")
        # There are folders on a network that know no locks.
        with suppress(NotImplementedError):
            lock.acquire()
    except Timeout as error:
        raise StoreError(f"another process writes the dataset {root}: wait for its end") from error
    except OSError as error:
        raise StoreError(
            f"cannot write to {root}: {error.strerror or error}; choose another folder with --into"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _clean(root: Path, manifest: Manifest) -> None:
    """Remove what the manifest does not name: what an earlier call left that did not come to its end, or has merged."""
    for left in root.glob(f"{_NEW}*"):
        shutil.rmtree(left, ignore_errors=True)
    for table in DATASET_TABLES:
        for path in sorted((root / table).glob("machine=*/month=*/*.parquet")):
            if path.relative_to(root).as_posix() not in manifest.files:
                # A file that another program holds open stays until the next time.
                with suppress(OSError):
                    remove_file(path)
                for folder in (path.parent, path.parent.parent):
                    with suppress(OSError):
                        folder.rmdir()
