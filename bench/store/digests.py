"""The digests of a run's files, recorded at its end: what has changed since then is damaged, or was edited."""

from collections.abc import Iterable
from pathlib import Path

from backends.file_digest import file_sha256
from bench.errors import StoreError, cause
from bench.store.dataset import DATASET_TABLES, is_dataset, open_dataset
from bench.store.files import read_json, write_json

DIGESTS = "digests.json"
"""File in the folder of a run: each other file -> the SHA-256 of its bytes."""


def record_digests(folder: Path, parts: Iterable[str] | None = None) -> None:
    """Record the digests of the run in ``folder``; of ``parts``, files or folders of it, alone where they are given.

    Raises:
        StoreError: a file cannot be read, or the digests cannot be written.
    """
    if parts is None:
        write_json(folder / DIGESTS, digests_of(folder, [folder]))
    elif (folder / DIGESTS).is_file():
        changed = [folder / part for part in parts]
        kept = {
            name: digest
            for name, digest in read_json(folder / DIGESTS).items()
            if not any((folder / name).is_relative_to(part) for part in changed)
        }
        write_json(folder / DIGESTS, kept | digests_of(folder, changed))


def differences(folder: Path) -> list[str]:
    """What is not as it was recorded, in words, a file each; of a run of a dataset, the files that hold it.

    Raises:
        StoreError: nothing was recorded, or a file cannot be read.
    """
    if is_dataset(folder.parent) and not folder.is_dir():
        dataset = open_dataset(folder.parent)
        partition = dataset.held(folder.name).partition
        holding = [file for table in DATASET_TABLES for file in dataset.files(table, partition)]
        names = [file.relative_to(dataset.root).as_posix() for file in holding]
        then, now = {name: dataset.manifest.files[name].sha256 for name in names}, digests_of(dataset.root, holding)
    elif (folder / DIGESTS).is_file():
        then, now = read_json(folder / DIGESTS), digests_of(folder, [folder])
    else:
        raise StoreError(
            f"{folder} has no {DIGESTS}, which is written at the end of a run: it did not come to its end, or was "
            "measured by an earlier version"
        )
    gone = [f"{name} is missing" for name in then if name not in now]
    changed = [f"{name} has changed" for name in then if name in now and then[name] != now[name]]
    return [*gone, *changed, *(f"{name} was not there" for name in now if name not in then)]


def digests_of(folder: Path, parts: Iterable[Path]) -> dict[str, str]:
    """The digests of the run in ``folder`` as it is now: of ``parts``, which are files of it or folders.

    Raises:
        StoreError: a file cannot be read.
    """
    found: dict[str, str] = {}
    for file in (file for part in parts for file in ([part] if part.is_file() else sorted(part.rglob("*")))):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name != DIGESTS and not file.name.startswith("."):
            try:
                found[name] = file_sha256(file)
            except OSError as error:
                raise StoreError(f"cannot read {file}: {cause(error, file)}") from error
    return found
