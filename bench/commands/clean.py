"""What lies in the cache, and its removal: ``python -m bench.commands.clean [--remove]``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from bench.prepare.cache import MANIFEST, ArtifactStore, cache_root, remove
from bench.prepare.conversion_cost import gigabytes

_DAY_S = 86_400
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder in the cache.

    Args:
        path: the folder.
        kind: the artifact's format, or ``interrupted`` for what a conversion left behind.
        model: the model's name, ``-`` where unknown.
        precision: the weight format, ``-`` where there is none.
        bytes: of all its files.
        age_s: seconds since it was last written.
        lock: the name of the lock under which it may be removed.
    """

    path: Path
    kind: str
    model: str
    precision: str
    bytes: int
    age_s: float
    lock: str


def kept(root: Path) -> list[Kept]:
    """All artifacts and leftovers in the cache ``root``, largest first."""
    store = ArtifactStore(root)
    finished = [_kept(folder, folder.name) for folder in _folders(store.artifacts)]
    left = [_kept(folder, folder.name.rpartition("-")[0], kind="interrupted") for folder in _folders(store.making)]
    return sorted([*finished, *left], key=lambda item: -item.bytes)


def remove_kept(root: Path, items: Sequence[Kept]) -> list[Kept]:
    """Remove ``items``, but for what is being made right now or held by another process; return what stayed."""
    store = ArtifactStore(root)
    stayed = []
    for item in items:
        try:
            with store.lock(item.lock, timeout=0):
                remove(item.path)
        except Timeout:
            stayed.append(item)
            continue
        if item.path.exists():
            stayed.append(item)
    return stayed


def main(arguments: Sequence[str] | None = None) -> int:
    """Say what lies in the cache and, if asked, remove it; the exit status is 1 if some of it stayed."""
    parser = argparse.ArgumentParser(prog="nox -s clean --", description="Say what lies in the cache of models.")
    parser.add_argument("--remove", action="store_true", help="remove it all (it is made again when it is needed)")
    options = parser.parse_args(arguments)
    root = cache_root()
    items = kept(root)
    _tell([f"{root}: {len(items)} folders, {gigabytes(sum(item.bytes for item in items))}", *map(_line, items)])
    if not options.remove:
        _tell(["nothing was removed; add --remove to do so"] if items else [])
        return 0
    stayed = remove_kept(root, items)
    _tell([f"removed {len(items) - len(stayed)} folders", *(f"in use, stayed: {item.path}" for item in stayed)])
    return 1 if stayed else 0


def _folders(parent: Path) -> list[Path]:
    return [folder for folder in sorted(parent.iterdir()) if folder.is_dir()] if parent.is_dir() else []


def _kept(folder: Path, lock: str, kind: str | None = None) -> Kept:
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        manifest = {}
    return Kept(
        path=folder,
        kind=kind or manifest.get("format", "damaged"),
        model=manifest.get("model") or "-",
        precision=manifest.get("precision") or "-",
        bytes=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        age_s=max(0.0, time.time() - folder.stat().st_mtime),
        lock=lock,
    )


def _line(item: Kept) -> str:
    what = f"{item.kind:<12} {item.model:<24} {item.precision:<5}"
    return f"  {what} {gigabytes(item.bytes):>8}  {_age(item.age_s):>6}  {item.path.name}"


def _age(seconds: float) -> str:
    if seconds >= _DAY_S:
        return f"{seconds / _DAY_S:.0f} d"
    return f"{seconds / _HOUR_S:.0f} h" if seconds >= _HOUR_S else f"{seconds / 60:.0f} min"


def _tell(lines: Sequence[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
