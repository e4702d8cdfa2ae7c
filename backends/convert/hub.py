"""A model of the Hugging Face hub, as a directory on this disk."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from backends.convert import RefusedError
from backends.convert.hub_client import fetch
from backends.convert.hub_words import UnreachableError

_AT_ONCE = 4


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Put the files ``options["files"]`` of ``source`` (``owner/name``) at ``options["commit"]`` into ``output``.

    Each is linked from its ``place`` on this machine, and else downloaded into ``options["folder"]``, in which it
    survives an interruption, and linked from there.

    Raises:
        RefusedError: they cannot be downloaded.
    """
    commit, folder = options["commit"], Path(options["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    take = partial(_take, source, commit, folder, output)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(take, *zip(*options["files"].items(), strict=True)))
    except UnreachableError as error:
        raise RefusedError(str(error)) from error
    return {"commit": commit}


def _take(source: str, commit: str, folder: Path, output: Path, name: str, known: dict[str, Any]) -> None:
    place = known["place"]
    file = Path(place) if place else fetch(source, commit, name, known, folder)
    try:
        os.link(file, output / name)
    except OSError:
        put = shutil.copyfile if place else shutil.move
        put(file, output / name)
