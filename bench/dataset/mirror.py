"""Datasets on object stores: read through a mirror on this machine, and written file by file, the manifest last."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from backends.held_files import remove_file
from bench.errors import StoreError
from bench.store.dataset import MANIFEST, Manifest, is_data_file, read_manifest
from bench.store.files import write_bytes
from bench.store.machine_names import MACHINES
from bench.store.remote import ORIGIN, Store

_LOCK = "lock.json"


def mirror_of(url: str, cache: Path) -> Path:
    """The folder of the mirror of a dataset."""
    return cache / "datasets" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]


def mirrored(url: str, cache: Path) -> Path:
    """The mirror of the dataset at ``url``, as it is now; its files are fetched when they are asked for.

    Raises:
        UsageError: there is no such kind of store.
        StoreError: it cannot be reached, or holds no dataset.
    """
    store, mirror = Store(url), mirror_of(url, cache)
    if not renew(store, mirror):
        raise StoreError(
            f"{url} holds no dataset: it has no {MANIFEST}; `nox -s collect -- SOURCE --into {url}` makes one"
        )
    named = read_manifest(mirror / MANIFEST).files
    for path in mirror.glob("*/machine=*/month=*/*.parquet"):
        if path.relative_to(mirror).as_posix() not in named:
            # Another process may read it.
            with suppress(OSError):
                remove_file(path)
    return mirror


def renew(store: Store, mirror: Path) -> bool:
    """Bring the manifest and the names of machines up to date; returns whether there is a dataset."""
    write_bytes(mirror / ORIGIN, store.url.encode("utf-8"))
    found = {name: store.read(name) for name in (MACHINES, MANIFEST)}
    for name, content in found.items():
        if content is None:
            remove_file(mirror / name)
        elif not (mirror / name).is_file() or (mirror / name).read_bytes() != content:
            write_bytes(mirror / name, content)
    return found[MANIFEST] is not None


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """Holds the store's dataset against other processes that collect into it.

    Raises:
        StoreError: another one holds it.
    """
    now = datetime.now(UTC).isoformat(" ", "seconds")
    holder = f"process {os.getpid()} on {socket.gethostname()}, since {now}"
    if not store.create(_LOCK, holder.encode("utf-8")):
        other = (store.read(_LOCK) or b"nobody any more").decode("utf-8", "replace")[:200]
        raise StoreError(
            f"another process writes the dataset {store.url}: {other}; wait for its end, or if it was killed remove "
            f"{store.url}/{_LOCK}"
        )
    try:
        yield
    finally:
        store.remove([_LOCK])


def publish(store: Store, mirror: Path, manifest: Manifest) -> None:
    """Send the files that the store lacks, then the manifest, and remove what it does not name, if that may be.

    Raises:
        StoreError: the store cannot be written; it is as it was before.
    """
    there = {name for name in store.names() if is_data_file(name)}
    store.send([name for name in manifest.files if name not in there], mirror)
    store.write(MANIFEST, (mirror / MANIFEST).read_bytes())
    # What is left is no part of the dataset, and is removed with the next runs.
    with suppress(StoreError):
        store.remove(sorted(there - set(manifest.files)))
