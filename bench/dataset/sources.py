"""What can be collected: folders of runs, results folders, datasets, and zips of these, here or on an object store."""

from __future__ import annotations

import fnmatch
import glob
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.dataset.archives import unpack
from bench.dataset.mirror import mirrored
from bench.errors import BenchError, StoreError, cause
from bench.store.dataset import DOCUMENTS, MANIFEST, is_dataset
from bench.store.lookup import folders_in
from bench.store.remote import Store, is_url
from bench.store.schema import TABLES

Fetch = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A run to be taken, or what is none.

    Args:
        shown: how it is named to people.
        folder: of the run, which is there until the next one is asked for; ``None`` where there is none.
        why_not: ``None`` where there is a run.
        fetch: fetches the files of a run on an object store beside its JSON; ``None`` where all are there.
    """

    shown: str
    folder: Path | None
    why_not: str | None = None
    fetch: Fetch | None = None


def runs_of(source: str, scratch: Path, cache: Path) -> Iterator[Found]:
    """All runs of a source: the path, URL or a glob of run folders, of results folders, of datasets, or of zips.

    Args:
        source: as it is named on the command line; of a URL the last part alone may be a glob.
        scratch: a folder for what is unpacked or fetched.
        cache: where mirrors of datasets lie.
    """
    if is_url(source):
        try:
            yield from _runs_at_url(source, scratch, cache)
        except BenchError as error:
            yield Found(source, None, str(error))
        return
    paths = [Path(source)]
    if not paths[0].exists():
        # Windows' shells do not expand globs.
        paths = [Path(path) for path in sorted(glob.glob(source))]  # noqa: PTH207 - absolute patterns
    if not paths:
        yield Found(source, None, "there is no such folder or file")
    for path in paths:
        yield from _runs_at(path, scratch)


def _runs_at(path: Path, scratch: Path) -> Iterator[Found]:
    if path.is_file():
        yield from _runs_in_zip(path, scratch)
    elif (path / "run.json").is_file():
        yield Found(str(path), path)
    else:
        yield from _runs_in(path, scratch)


def _runs_in(folder: Path, scratch: Path) -> Iterator[Found]:
    try:
        below = [] if is_dataset(folder) else sorted(folder.iterdir())
        held = folders_in(folder)
    except (OSError, StoreError) as error:
        yield Found(str(folder), None, cause(error, folder))
        return
    zips = [path for path in below if path.suffix == ".zip" and path.is_file()]
    no_runs = [path for path in below if path not in held and any((path / table).is_dir() for table in TABLES)]
    if not held and not zips and not no_runs:
        yield Found(str(folder), None, "is no run: it has no run.json, and holds no run and no zip")
    for path in held:
        yield Found(str(path), path)
    for path in no_runs:
        yield Found(str(path), None, "is no run: it has no run.json")
    for path in zips:
        yield from _runs_in_zip(path, scratch)


def _runs_in_zip(archive: Path, scratch: Path) -> Iterator[Found]:
    with tempfile.TemporaryDirectory(dir=scratch) as below:
        try:
            found = unpack(archive, Path(below))
        except StoreError as error:
            yield Found(str(archive), None, str(error))
            return
        if not found:
            yield Found(str(archive), None, "holds no run: no folder in it has a run.json")
        for folder in found:
            inside = folder.relative_to(below).as_posix()
            yield Found(str(archive) if inside == "." else f"{archive}!{inside}", folder)


def _runs_at_url(url: str, scratch: Path, cache: Path) -> Iterator[Found]:
    above, _, last = url.rstrip("/").rpartition("/")
    some = glob.has_magic(last) or last.endswith(".zip")
    store = Store(above if some else url)
    if not some and store.read(MANIFEST) is not None:
        yield from _runs_in(mirrored(url, cache), scratch)
        return
    names = [name for name in store.names() if not some or fnmatch.fnmatchcase(name.partition("/")[0], last)]
    # A run's folder, or one below it: a results folder may hold others.
    runs = sorted(name.removesuffix("run.json") for name in names if name.endswith("run.json") and name.count("/") < 2)
    zips = [name for name in names if name.endswith(".zip") and name.count("/") < 2]
    if not runs and not zips:
        yield Found(url, None, "holds no run and no zip")
    for start in runs:
        with tempfile.TemporaryDirectory(dir=scratch) as below:
            own = [name for name in names if name.startswith(start)]
            documents = [name for name in own if name.removeprefix(start) in DOCUMENTS.values()]
            store.fetch(documents, Path(below))
            rest = [name for name in own if name not in documents]
            yield Found(
                f"{store.url}/{start}".rstrip("/"),
                Path(below, start),
                fetch=lambda rest=rest, below=below: store.fetch(rest, Path(below)),  # type: ignore[misc]
            )
    for name in zips:
        with tempfile.TemporaryDirectory(dir=scratch) as below:
            store.fetch([name], Path(below))
            for found in _runs_in_zip(Path(below, name), scratch):
                yield replace(found, shown=found.shown.replace(str(Path(below)), store.url))
