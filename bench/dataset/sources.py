"""What can be collected: folders of runs, results folders, datasets, and zips of these."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.dataset.archives import unpack
from bench.errors import StoreError
from bench.store.dataset import is_dataset
from bench.store.lookup import folders_in
from bench.store.schema import TABLES


@dataclass(frozen=True, slots=True)
class Found:
    """A run to be taken, or what is none.

    Args:
        shown: how it is named to people.
        folder: of the run, which is there until the next one is asked for; ``None`` where there is none.
        why_not: ``None`` where there is a run.
    """

    shown: str
    folder: Path | None
    why_not: str | None = None


def runs_of(source: str, scratch: Path) -> Iterator[Found]:
    """All runs of a source: the path or a glob of run folders, of results folders, of datasets, or of zips.

    Args:
        source: as it is named on the command line.
        scratch: a folder for what is unpacked.
    """
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
        yield Found(str(folder), None, str(error))
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
