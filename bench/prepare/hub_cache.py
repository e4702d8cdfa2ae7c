"""The cache of the Hugging Face hub on this disk: whose model a folder of it holds, and which folder is the model.

Its layout is ``models--OWNER--NAME/snapshots/REVISION/FILES``, and ``refs/main`` holds the newest revision downloaded;
see https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

import os
from pathlib import Path

from bench.errors import UsageError

_PREFIX, _SNAPSHOTS = "models--", "snapshots"


def snapshot_of(folder: Path) -> Path:
    """The snapshot that ``folder``, of a repository, stands for: that of ``main``, or its only one.

    Any other folder, and a file, stands for itself.

    Raises:
        UsageError: there is none, or there are several and none is ``main``'s.
    """
    if not (folder / _SNAPSHOTS).is_dir() or (folder / "config.json").is_file():
        return folder
    found = sorted(path for path in (folder / _SNAPSHOTS).iterdir() if path.is_dir())
    main = folder / "refs" / "main"
    newest = folder / _SNAPSHOTS / main.read_text("utf-8").strip() if main.is_file() else None
    if newest in found:
        return newest
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"the repository folder {folder} holds no snapshot of the model: download it again")
    names = ", ".join(path.name for path in found)
    raise UsageError(
        f"the repository folder {folder} holds {len(found)} snapshots: name one of {_SNAPSHOTS}/{{{names}}}"
    )


def name_of(path: Path) -> str:
    """What the folder ``path`` is called: in the cache by its repository, elsewhere as it was typed, link or not."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would give a link the name of what it leads to
    repository, below = _split(absolute)
    if repository is None:
        return absolute.name
    owner_and_name = repository.name.removeprefix(_PREFIX).split("--")
    return "/".join([*owner_and_name, *below[2:]])


def revision_of(path: Path) -> str | None:
    """The revision of the snapshot that ``path`` lies in, or leads to; ``None`` outside of the cache."""
    for place in (Path(os.path.abspath(path)), path.resolve()):  # noqa: PTH100 - a link into blobs/ has left it
        _, below = _split(place)
        if below:
            return below[1]
    return None


def blobs_of(folder: Path) -> list[Path]:
    """The folders that the links in the snapshot ``folder`` lead into: none outside of the cache."""
    repository, below = _split(Path(os.path.abspath(folder)))  # noqa: PTH100 - as in name_of
    # Of the folder blobs itself no link is followed: it could lead anywhere.
    return [repository.resolve() / "blobs"] if repository is not None and below else []


def _split(path: Path) -> tuple[Path | None, tuple[str, ...]]:
    """The repository's folder in the cache, and the parts below it from ``snapshots`` on."""
    for parent in (path, *path.parents):
        if parent.name.startswith(_PREFIX):
            below = path.relative_to(parent).parts
            return (parent, below) if below == () or (below[0] == _SNAPSHOTS and len(below) > 1) else (None, ())
    return None, ()
