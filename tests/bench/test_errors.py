from __future__ import annotations

import errno
import inspect
import os
import re
from pathlib import Path

import pytest

from bench import errors
from bench.errors import WorkerError, cause

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == "bench.errors"]


def drawn() -> list[tuple[str, str]]:
    """(error, the error above it) of each line of the tree in the module's docstring."""
    above: list[tuple[int, str]] = []
    found = []
    for line in (errors.__doc__ or "").splitlines():
        if (name := re.match(r"^([\s│├└─]*)([A-Z]\w+)\b", line)) is None or not line.startswith("    "):
            continue
        above = [one for one in above if one[0] < len(name[1])]
        found.append((name[2], above[-1][1] if above else "Exception"))
        above.append((len(name[1]), name[2]))
    return found


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert sorted(drawn()) == sorted((kind.__name__, kind.__bases__[0].__name__) for kind in ALL)


@pytest.mark.parametrize(
    "kind", [kind for kind in ALL if issubclass(kind, WorkerError)], ids=lambda kind: kind.__name__
)
def test_every_worker_error_has_a_status_that_the_store_knows(kind: type[WorkerError]) -> None:
    assert kind("what happened").status in {"failed", "timeout", "crashed", "unsupported"}


def test_a_worker_error_is_named_by_its_class() -> None:
    assert errors.WorkerCrashed("it died").error_type == "WorkerCrashed"


def test_a_worker_error_may_be_named_by_what_the_worker_raised() -> None:
    assert errors.WorkerFailed("no", error_type="ArtifactError").error_type == "ArtifactError"


SHARED = "C:\\data set\\a.json"
MISSING = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), SHARED)


@pytest.mark.parametrize(
    ("error", "named", "said"),
    [
        (MISSING, None, f"{MISSING.strerror}: {SHARED}"),
        (MISSING, Path("another"), f"{MISSING.strerror}: {SHARED}"),
        (MISSING, Path(SHARED), MISSING.strerror),
        (OSError(errno.ENOSPC, "No space left on device"), None, "No space left on device"),
        (OSError("no parquet file"), None, "no parquet file"),
        (ValueError("no JSON"), Path(SHARED), "no JSON"),
    ],
)
def test_a_cause_has_its_path_once_and_as_it_is_typed(error: Exception, named: Path | None, said: str) -> None:
    assert cause(error, named) == said
