"""A model of the Hugging Face hub, as a directory on this disk."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from backends.convert import ConversionError
from backends.convert.hub_client import cached, fetch
from backends.convert.hub_words import UnreachableError

_AT_ONCE = 4


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Put the files ``options["files"]`` of ``source`` (``owner/name``) at ``options["commit"]`` into ``output``.

    They are linked from the user's own cache of the hub where that has them, and else downloaded into
    ``options["folder"]``, in which they survive an interruption, and linked from there.

    Returns:
        ``commit``, or ``refused``, which says why they cannot be downloaded.
    """
    commit, folder = options["commit"], Path(options["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    take = partial(_take, source, commit, folder, output)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(take, *zip(*options["files"].items(), strict=True)))
    except (ConversionError, UnreachableError) as error:
        return {"refused": str(error)}
    return {"commit": commit}


def _take(source: str, commit: str, folder: Path, output: Path, name: str, known: dict[str, Any]) -> None:
    file = cached(source, commit, name, known["bytes"]) or fetch(source, commit, name, known, folder)
    target = output / name
    try:
        # A file of the cache is a link itself, whose target a second link would not have beside it.
        os.link(file.resolve(), target)
    except OSError:
        place = shutil.move if file.parent == folder else shutil.copyfile
        place(file, target)
