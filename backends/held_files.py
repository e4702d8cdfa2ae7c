"""Files and folders that something else may hold for a moment: a virus scanner or an indexer of Windows."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_WAITS_S = (0.05, 0.2, 0.5, 2.0)


def replace_file(made: Path, path: Path) -> Path:
    """Put the finished file or folder ``made`` in the place ``path``; returns ``path``."""
    _retry(lambda: made.replace(path))
    return path


def remove_file(path: Path) -> None:
    """Remove a file that may be gone already."""
    _retry(lambda: path.unlink(missing_ok=True))


def _retry(act: Callable[[], object]) -> None:
    for wait_s in _WAITS_S:
        with suppress(PermissionError):
            act()
            return
        time.sleep(wait_s)
    act()
