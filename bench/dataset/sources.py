"""What can be collected: folders of runs, results folders, datasets, and zips of these, here or on an object store."""

import fnmatch
import glob
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from backends.file_names import is_plain
from bench.dataset.mirror import mirrored
from bench.errors import BenchError, StoreError, cause
from bench.store.dataset import DOCUMENTS, MANIFEST, is_dataset
from bench.store.lookup import folders_in
from bench.store.remote import Store, is_url
from bench.store.schema import TABLES

_MOST_FILES = 200_000
_MOST_BYTES = 32 * 2**30
_MOST_TIMES = 200
"""How many times its own size a zip may unpack to, beyond the first :data:`_FREE_BYTES`; JSON compresses to a tenth."""
_FREE_BYTES = 64 * 2**20


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip into ``folder``; returns the folders of the runs in it.

    Raises:
        StoreError: it is damaged or too large, or a file in it would leave the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [(member, _checked(member, archive)) for member in opened.infolist() if not member.is_dir()]
            _bounded([member for member, _ in members], archive)
            for member, name in members:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                # A second file of that name is refused too.
                with opened.open(member) as packed, target.open("xb") as stream:
                    shutil.copyfileobj(packed, stream)
    except StoreError:
        raise
    except FileExistsError as error:
        raise StoreError(f"{archive} holds two files of one name: {error.filename}") from error
    except OSError as error:
        raise StoreError(f"cannot unpack {archive}: {error.strerror or error}") from error
    except Exception as error:  # every compression has errors of its own
        raise StoreError(f"{archive} is a damaged zip or none ({error}): fetch it again") from error
    return sorted(path.parent for path in folder.rglob("run.json"))


def _checked(member: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    name = PurePosixPath(member.filename)
    inside = not name.is_absolute() and ".." not in name.parts
    if not inside or not all(map(is_plain, name.parts)):
        raise StoreError(f"{archive} holds {member.filename[:100]!r}, which would leave its folder: nothing is taken")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise StoreError(f"{archive} holds the link {member.filename[:100]!r}: nothing is taken")
    return name


def _bounded(members: list[zipfile.ZipInfo], archive: Path) -> None:
    # zipfile reads no more of a member than its header says.
    size, own = sum(member.file_size for member in members), archive.stat().st_size
    if len(members) > _MOST_FILES or size > min(_MOST_BYTES, _FREE_BYTES + _MOST_TIMES * own):
        raise StoreError(
            f"{archive} would unpack to {len(members)} files of {size / 1e9:.1f} GB from {own / 1e6:.1f} MB, "
            "more than runs do: nothing is taken"
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A run to be taken, or what is none.

    Args:
        folder: of the run, which is there until the next one is asked for; ``None`` where there is none.
        why_not: ``None`` where there is a run.
        fetch: fetches the files of a run on an object store beside its JSON; ``None`` where all are there.
    """

    shown: str
    folder: Path | None
    why_not: str | None = None
    fetch: Callable[[], None] | None = None


def runs_of(source: str, scratch: Path, cache: Path) -> Iterator[Found]:
    """All runs of a source: the path, URL or a glob of run folders, of results folders, of datasets, or of zips.

    ``source``: as it is named on the command line; of a URL the last part alone may be a glob.
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
