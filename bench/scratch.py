"""Folders for temporary files of a process, and the removal of those whose process was killed.

A folder is locked as long as its process lives: the system frees the lock when that ends, however it ends. Where the
folder of temporary files is shared, only folders that belong to this user are looked at, and no link is followed.
"""

import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import MachineError
from bench.processes import TEMPORARY_REMEDY

_PREFIX = "aipc-bench-scratch-"
_LOCK = ".lock"
_NEW_S = 3600
"""How long a folder without a lock may be one that is just being made."""


class Scratch:
    """A new folder, until :meth:`remove` or the end of the process; it removes what killed ones have left.

    Raises:
        MachineError: it cannot be made.
    """

    def __init__(self) -> None:
        for folder in abandoned():
            remove_abandoned(folder)
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._lock = FileLock(self.path / _LOCK)
            self._lock.acquire(timeout=0)
        except OSError as error:
            raise MachineError(
                f"temporary files cannot be written ({error.strerror or error}): {TEMPORARY_REMEDY}"
            ) from error

    def remove(self) -> None:
        _remove(self.path, self._lock)


@contextmanager
def scratch() -> Iterator[Path]:
    """A :class:`Scratch` for as long as the context."""
    held = Scratch()
    try:
        yield held.path
    finally:
        held.remove()


def abandoned() -> list[Path]:
    """The folders of processes of this user that were killed."""
    return [folder for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")) if _is_abandoned(folder)]


def remove_abandoned(folder: Path) -> bool:
    """Remove one of :func:`abandoned`; whether it is gone. One that another process removes too is left to that."""
    if not (folder / _LOCK).exists():
        # Its process was killed between two steps, so it is empty.
        with suppress(OSError):
            folder.rmdir()
        return not folder.exists()
    lock = FileLock(folder / _LOCK)
    with suppress(OSError, Timeout):
        lock.acquire(timeout=0)
        _remove(folder, lock)
    return not folder.exists()


def _is_abandoned(folder: Path) -> bool:
    if not _is_mine(folder, stat.S_ISDIR):
        return False
    if not _is_mine(folder / _LOCK, stat.S_ISREG):
        try:
            old = time.time() - folder.lstat().st_mtime > _NEW_S
            return old and not any(folder.iterdir())
        except OSError:
            return False
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        return False
    lock.release()
    with suppress(OSError):
        # On Windows it is removed as it is released.
        (folder / _LOCK).touch()
    return True


def _is_mine(path: Path, kind: Callable[[int], bool]) -> bool:
    """Whether it is of that kind, no link, and this user's."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if sys.platform == "win32":
        # A junction is a folder and points elsewhere.
        return kind(found.st_mode) and not found.st_file_attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return kind(found.st_mode) and found.st_uid == os.geteuid()


def _remove(folder: Path, lock: FileLock) -> None:
    """Remove ``folder``, of which ``lock`` is held; on Windows a file that is open cannot be removed."""
    with suppress(OSError):
        for entry in [one for one in folder.iterdir() if one.name != _LOCK]:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)
