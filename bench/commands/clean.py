"""Lists the cache of models, and what killed runs left elsewhere, and removes it all.

``python -m bench.commands clean [--remove]``.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.cli import Parser, command
from bench.prepare.cache import ArtifactStore, cache_root, read_manifest
from bench.prepare.conversion_cost import gigabytes
from bench.scratch import abandoned, remove_abandoned


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder in the cache.

    Args:
        lock: the name of the lock under which it may be removed.
        changed_s: when it was changed last, in seconds since 1970.
        kind: the artifact's format, or ``interrupted`` for the rest of a conversion or download.
    """

    path: Path
    lock: str
    kind: str
    model: str
    precision: str
    bytes: int
    changed_s: float

    @property
    def line(self) -> str:
        """The folder with its size and age."""
        minutes = max(0.0, time.time() - self.changed_s) / 60
        age = f"{minutes:.0f} min" if minutes < 60 else f"{minutes / 60:.0f} h"
        age = age if minutes < 24 * 60 else f"{minutes / 60 / 24:.0f} d"
        what = f"{self.kind:<12} {self.model:<24} {self.precision:<5}"
        return f"  {what} {gigabytes(self.bytes):>8}  {age:>6}  {self.path.name}"


def kept(root: Path) -> list[Kept]:
    """All artifacts and rests of conversions and downloads in the cache ``root``, largest first."""
    store = ArtifactStore(root)
    finished = [_kept(folder, folder.name) for folder in _folders(store.artifacts)]
    left = [_kept(folder, folder.name.rpartition("-")[0], kind="interrupted") for folder in _folders(store.making)]
    left += [_kept(folder, folder.name, kind="interrupted") for folder in _folders(store.downloads)]
    return sorted([*finished, *left], key=lambda item: -item.bytes)


def remove_kept(root: Path, items: Sequence[Kept]) -> list[Kept]:
    """Remove ``items``, but for what is being made or in use; returns what stayed."""
    store = ArtifactStore(root)
    return [item for item in items if not store.remove(item.path, item.lock)]


@command
def main(arguments: Sequence[str]) -> int:
    """List the cache and, on request, remove it; the exit status is 1 if some of it stayed."""
    parser = Parser(prog="nox -s clean --", description="Say what lies in the cache of models.")
    parser.add_argument("--remove", action="store_true", help="remove it all (it is made again when it is needed)")
    options = parser.parse_args(arguments)
    root = cache_root()
    items = kept(root)
    print(f"{root}: {len(items)} folders, {gigabytes(sum(item.bytes for item in items))}")
    for item in items:
        print(item.line)
    left = abandoned()
    for folder in left:
        print(f"  left by a run that was killed: {gigabytes(_bytes(folder))}  {folder}")
    if not options.remove:
        if items or left:
            print("nothing was removed; add --remove to do so")
        return 0
    stayed = [
        *(item.path for item in remove_kept(root, items)),
        *(folder for folder in left if not remove_abandoned(folder)),
    ]
    print(f"removed {len(items) + len(left) - len(stayed)} folders")
    for path in stayed:
        print(f"in use, stayed: {path}")
    return 1 if stayed else 0


def _bytes(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            # What a run is making comes and goes.
            with suppress(OSError):
                total += Path(place, name).stat().st_size
    return total


def _folders(parent: Path) -> list[Path]:
    return [folder for folder in sorted(parent.iterdir()) if folder.is_dir()] if parent.is_dir() else []


def _kept(folder: Path, lock: str, kind: str | None = None) -> Kept:
    manifest, changed_s = read_manifest(folder), time.time()
    # A conversion that has just ended takes its folder away.
    with suppress(OSError):
        changed_s = folder.stat().st_mtime
    return Kept(
        path=folder,
        lock=lock,
        kind=kind or manifest.get("format", "damaged"),
        model=manifest.get("model") or "-",
        precision=manifest.get("precision") or "-",
        bytes=_bytes(folder),
        changed_s=changed_s,
    )
