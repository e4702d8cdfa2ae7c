"""Artifacts that one machine has converted, copied to the others by their digests."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from distributed import Future, worker_client
from distributed.scheduler import KilledWorker

from backends.contract import one_line
from backends.file_names import is_plain
from backends.held_files import replace_file
from bench.errors import MachineError
from bench.fleet.machine import follow, own_resource, this_place
from bench.prepare.cache import (
    MANIFEST,
    ArtifactStore,
    cache_root,
    differences,
    read_artifact,
    remove,
)

Manifests = Mapping[str, Mapping[str, Any]]
"""Folder in the cache -> what its ``manifest.json`` says."""
Read = Callable[[str, str, int], bytes]
"""Reads a part of a file: of a folder in the cache, by its name there, from a byte on."""

_PART_BYTES = 32 * 2**20


# -- where they are converted -----------------------------------------------------------------------------------------


def prepare(request: str, arguments: Sequence[str], config: str | None, every_s: float) -> dict[str, Any]:
    """Convert what a sweep needs, in a process of its own; returns ``status``, ``error``, ``artifacts``."""
    place = this_place()
    job = place.job(f"{request}-models")
    job.write(place.models, arguments, config)
    status, error = follow(job, request, every_s)
    return {"status": status, "error": error, "artifacts": _named_in(job.folder / "output.txt")}


def _named_in(output: Path) -> dict[str, Mapping[str, Any]]:
    """The artifacts whose paths ``nox -s models`` has printed, and the prompts of their models."""
    kept = ArtifactStore(cache_root()).artifacts
    printed = {line.rpartition(": ")[2] for line in output.read_text("utf-8", "replace").splitlines()}
    found = {folder.name: artifact for folder in kept.glob("*") if (artifact := read_artifact(folder)) is not None}
    named = {name for name in found if any(Path(kept, name) in (path, *path.parents) for path in map(Path, printed))}
    models = {found[name].manifest["model"] for name in named}
    named |= {name for name, one in found.items() if one.format == "prompts" and one.manifest["model"] in models}
    return {name: found[name].manifest for name in sorted(named)}


def part(folder: str, name: str, offset: int) -> bytes:
    """A part of a file of an artifact."""
    file = ArtifactStore(cache_root()).artifacts / _plain(folder) / _plain(name)
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read(_PART_BYTES)


# -- where they are needed --------------------------------------------------------------------------------------------


def fetch(source: str, artifacts: Manifests, wait_s: float) -> dict[str, Any]:
    """Take from the machine ``source`` what this one lacks; returns how many ``artifacts`` and ``bytes`` that were.

    ``wait_s``: how long each part is waited for.

    Raises:
        MachineError: ``source`` gives none, or what :func:`take` raises.
    """
    with worker_client() as client:

        def read(folder: str, name: str, offset: int) -> bytes:
            key = f"part-{uuid4().hex}"
            task = client.submit(part, folder, name, offset, key=key, resources={own_resource(source): 1}, pure=False)
            return received(task, source, wait_s)

        taken = [manifest for folder, manifest in artifacts.items() if take(folder, manifest, read)]
    size = sum(file["bytes"] for manifest in taken for file in manifest["files"].values())
    return {"artifacts": len(taken), "bytes": size}


def received(task: Future, source: str, wait_s: float) -> bytes:
    """What :func:`part` gives at the machine ``source``.

    Raises:
        MachineError: it does not within ``wait_s``, and is told apart from what this machine lacks.
    """
    try:
        data: bytes = task.result(timeout=wait_s)
    except TimeoutError as error:
        raise MachineError(f"{source}, which has them, gave nothing for {wait_s:g} s") from error
    except (OSError, CancelledError, KilledWorker) as error:
        raise MachineError(f"{source}, which has them, could not give them: {one_line(error)}") from error
    return data


def take(folder: str, manifest: Mapping[str, Any], read: Read) -> bool:
    """Write an artifact into the cache unless it is there; what does not have its digests is not kept.

    Raises:
        MachineError: the cache cannot be written, or the copy differs from the manifest.
    """
    store = ArtifactStore(cache_root())
    target = store.artifacts / _plain(folder)
    scratch = store.making / f"{folder}-{os.getpid()}"
    try:
        with store.lock(folder):
            if read_artifact(target) is not None:
                return False
            remove(scratch)
            for name, made in manifest["files"].items():
                file = scratch / _plain(name)
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("wb") as stream:
                    stream.writelines(_parts(folder, name, int(made["bytes"]), read))
            (scratch / MANIFEST).write_text(json.dumps(manifest, indent=2), "utf-8", newline="\n")
            if wrong := differences(scratch):
                raise MachineError(f"the copy of {folder} is not what was made: {wrong[0]}")
            store.artifacts.mkdir(parents=True, exist_ok=True)
            remove(target)
            replace_file(scratch, target)
    except OSError as error:
        raise MachineError(f"the cache folder {store.root} cannot be written: {error.strerror or error}") from error
    finally:
        remove(scratch)
    return True


def _parts(folder: str, name: str, size: int, read: Read) -> Iterator[bytes]:
    offset = 0
    while offset < size and (data := read(folder, name, offset)):
        yield data
        offset += len(data)


def _plain(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or not all(map(is_plain, path.parts)):
        raise MachineError(f"{name!r} is no file of an artifact")
    return path
