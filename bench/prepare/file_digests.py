"""Digests of a local model's files, remembered, so that gigabytes are not read again at every start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from bench.prepare.cache import file_sha256, replace_when_free

_MEMORY = "file-digests.json"


def digests_of(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Name -> SHA-256 of each of ``files``; one that kept its path, size and time is not read again.

    Args:
        files: the files.
        root: the cache folder, in which the digests are remembered.
    """
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{_MEMORY}.lock"):
        known = _recall(root / _MEMORY)
        found, fresh = {}, dict(known)
        for file in files:
            key = _key(file)
            fresh[key] = known.get(key) or file_sha256(file)
            found[file.name] = fresh[key]
        if fresh != known:
            _remember(root / _MEMORY, fresh)
    return found


def _key(file: Path) -> str:
    state = file.stat()
    return f"{file.resolve()}|{state.st_size}|{state.st_mtime_ns}"


def _recall(memory: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known


def _remember(memory: Path, digests: dict[str, str]) -> None:
    draft = memory.with_name(f"{memory.name}.{os.getpid()}")
    draft.write_text(json.dumps(digests), "utf-8")
    replace_when_free(draft, memory)
