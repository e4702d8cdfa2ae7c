"""Which stored runs the names on a command line mean: ids, folders, or globs of either."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.store.reader import StoredRun, open_run


def find_runs(names: Sequence[str], results: Path) -> list[StoredRun]:
    """The runs that ``names`` mean, in their order, each once.

    Raises:
        UsageError: a name means no run.
        StoreError: a run cannot be read.
    """
    found: dict[str, StoredRun] = {}
    for path in find_folders(names, results):
        # A copy in another folder is the same run.
        run = open_run(path)
        found.setdefault(run.run_id, run)
    return list(found.values())


def named_again(names: Sequence[str], results: Path) -> list[str]:
    """The ids of runs that ``names`` mean more than once, as by the names of copies."""
    counted = Counter(open_run(path).run_id for name in names for path in find_folders([name], results))
    return [run_id for run_id, count in counted.items() if count > 1]


def all_folders(results: Path) -> list[Path]:
    """The folders of all runs in ``results``, by name.

    Raises:
        StoreError: there is none.
    """
    found = sorted(path.parent for path in results.glob("*/run.json"))
    if not found:
        raise StoreError(f"{results} holds no run; measure one with `nox -s bench`, or name its folder")
    return found


def find_folders(names: Sequence[str], results: Path) -> list[Path]:
    """The folders of the runs that ``names`` mean, in their order.

    Raises:
        UsageError: a name means no run.
    """
    found: list[Path] = []
    for name in names:
        # The name of an existing folder may hold brackets.
        literal = glob.escape(name) if Path(name).exists() else name
        patterns = (literal, str(Path(glob.escape(str(results))) / name))
        # Not Path.glob, which takes no absolute pattern.
        matches = [Path(path) for pattern in patterns for path in sorted(glob.glob(pattern))]  # noqa: PTH207
        runs = [path.resolve() for path in matches if (path / "run.json").is_file()]
        if not runs and matches:
            count = "1 file or folder" if len(matches) == 1 else f"{len(matches)} files and folders"
            raise UsageError(f"{name} matches {count} and no run, which is a folder with a run.json")
        if not runs:
            raise UsageError(f"there is no run {name}, neither as a folder nor in {results}")
        found += runs
    return list(dict.fromkeys(found))
