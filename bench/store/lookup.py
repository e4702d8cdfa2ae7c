"""Which stored runs the names on a command line mean: ids, folders, or globs of either.

Runs lie in a results folder, each in a folder of its own, or in a dataset, whose runs are named as if they did.
"""

import fnmatch
import glob
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from bench.errors import StoreError, UsageError
from bench.store.dataset import is_dataset, open_dataset
from bench.store.reader import StoredRun, open_run

_One = TypeVar("_One")
_Read = TypeVar("_Read")
LeaveOut = Callable[[StoreError], object]


def readable(
    runs: Iterable[_One],
    read: Callable[[_One], _Read],
    leave_out: LeaveOut | None = None,
    named: Collection[_One] = (),
) -> Iterator[_Read]:
    """What ``read`` makes of each of several runs; one that it cannot read is left out, unless it is ``named`` itself.

    ``leave_out``: told why; ``None`` where nobody has to know.

    Raises:
        StoreError: a run that is named itself cannot be read.
    """
    for one in runs:
        try:
            found = read(one)
        except StoreError as error:
            if one in named:
                raise
            if leave_out is not None:
                leave_out(error)
        else:
            yield found


def find_runs(
    names: Sequence[str],
    results: Path,
    read: Callable[[StoredRun], object] = lambda _run: None,
    leave_out: LeaveOut | None = None,
) -> list[StoredRun]:
    """The runs that ``names`` mean, in their order, each once.

    ``leave_out``: told why a run that a glob means cannot be opened or read; ``None``: that is an error too.

    Raises:
        UsageError: a name means no run.
        StoreError: a run cannot be opened or read.
    """
    found: dict[str, StoredRun] = {}

    def opened(path: Path) -> StoredRun:
        run = open_run(path)
        # A copy in another folder is the same run.
        if run.run_id not in found:
            read(run)
        return run

    for name in names:
        folders = find_folders([name], results)
        named = () if leave_out and _is_glob(name) else folders
        for run in readable(folders, opened, leave_out, named):
            found.setdefault(run.run_id, run)
    if not found and names:
        raise StoreError(f"no run of {', '.join(names)} can be read")
    return list(found.values())


def runs_meant(names: Sequence[str], results: Path) -> tuple[list[Path], set[Path]]:
    """The folders of the runs that ``names`` mean, or of all without names; and of those that are named themselves.

    Raises:
        UsageError: a name means no run.
        StoreError: a dataset cannot be read, or there is no run at all.
    """
    named = find_folders([name for name in names if not _is_glob(name)], results)
    return find_folders(names, results) if names else all_folders(results), {*named}


def _is_glob(name: str) -> bool:
    """Whether ``name`` may mean several runs."""
    return glob.has_magic(name) and not Path(name).exists()


def named_again(names: Sequence[str], results: Path) -> list[str]:
    """The ids of runs that ``names`` mean more than once, as by the names of copies."""
    folders = (path for name in names for path in find_folders([name], results))
    counted = Counter(run.run_id for run in readable(folders, open_run))
    return [run_id for run_id, count in counted.items() if count > 1]


def folders_in(results: Path) -> list[Path]:
    """The folders of all runs in ``results``, a folder of runs or a dataset, by name.

    Raises:
        StoreError: the dataset cannot be read.
    """
    if is_dataset(results):
        return [results / run_id for run_id in sorted(open_dataset(results).manifest.runs)]
    return sorted(path.parent for path in results.glob("*/run.json"))


def all_folders(results: Path) -> list[Path]:
    """The same.

    Raises:
        StoreError: there is none.
    """
    found = folders_in(results)
    if not found:
        raise StoreError(f"{results} holds no run; measure one with `nox -s bench`, or name its folder")
    return found


def known_machine(path: Path) -> str | None:
    """The machine id of a run of a dataset, as it was recorded, without opening the run; ``None`` of any other run."""
    if not is_dataset(path.parent) or (path / "run.json").is_file():
        return None
    manifest = open_dataset(path.parent).manifest
    held = manifest.runs.get(path.name)
    return None if held is None else str(manifest.machines.get(held.machine, {}).get("machine_id", held.machine))


def find_folders(names: Sequence[str], results: Path) -> list[Path]:
    """The folders of the runs that ``names`` mean, in their order.

    Raises:
        UsageError: a name means no run.
        StoreError: a dataset cannot be read.
    """
    found: list[Path] = []
    for name in names:
        # The name of an existing folder may hold brackets.
        literal = glob.escape(name) if Path(name).exists() else name
        patterns = (literal, str(Path(glob.escape(str(results))) / name))
        # Not Path.glob, which takes no absolute pattern.
        matches = [Path(path) for pattern in patterns for path in sorted(glob.glob(pattern))]  # noqa: PTH207
        runs = [path.resolve() for path in matches if (path / "run.json").is_file()]
        runs += [path for place in (Path(name), results / name) for path in _in_dataset(place)]
        if not runs and matches:
            count = "1 file or folder" if len(matches) == 1 else f"{len(matches)} files and folders"
            raise UsageError(f"{name} matches {count} and no run, which is a folder with a run.json")
        if not runs:
            raise UsageError(f"there is no run {name}, neither as a folder nor in {results}")
        found += runs
    return list(dict.fromkeys(found))


def _in_dataset(place: Path) -> list[Path]:
    """The runs of a dataset that ``place`` means: the dataset's folder, and the id of a run or a glob of ids."""
    if not is_dataset(place.parent):
        return []
    return [path.resolve() for path in folders_in(place.parent) if fnmatch.fnmatchcase(path.name, place.name)]
