"""Where artifacts live: found by what they were made from, never half-made."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from backends.bounded_json import read_json
from backends.file_digest import file_sha256
from backends.held_files import replace_file
from bench import PROJECT_ROOT
from bench.errors import MachineError, PrepareError
from bench.plan.cells import digest as digest_of

CACHE_VARIABLE = "AIPC_BENCH_CACHE"
MANIFEST = "manifest.json"
MANIFEST_VERSION = 2
_KEPT_DIGITS = 16


def cache_root(setting: Path | None = None) -> Path:
    """The folder of all artifacts: ``setting``, else the environment's ``AIPC_BENCH_CACHE``, else the user's cache.

    A user without a home folder, or with one that is not there or not theirs as in many containers, has no cache:
    artifacts then lie in the checkout, beside the venvs.
    """
    if setting is not None:
        return setting
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    instead = PROJECT_ROOT / ".nox" / "cache"
    try:
        own = user_cache_path("aipc-bench", appauthor=False)
    except RuntimeError:
        return instead
    # Path.exists() raises where a folder above may not be looked into.
    there = next(path for path in (own, *own.parents) if os.access(path, os.F_OK))
    return own if there == own or os.access(there, os.W_OK) else instead


@dataclass(frozen=True, slots=True)
class ArtifactKey:
    """What an artifact is made from; its digest is the artifact's address.

    Args:
        precision: the weight format that was asked for; empty for what has none.
        source: the digest of what is converted.
        recipe: how it is converted, with everything that changes the result.
        versions: package -> version of the converters.
    """

    format: str
    precision: str
    model: str
    source: str
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def digest(self) -> str:
        return digest_of(
            {"source": self.source, "recipe": dict(self.recipe), "versions": dict(self.versions)}, length=64
        )

    @property
    def folder(self) -> str:
        return f"{self.format}-{self.digest[:_KEPT_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished artifact.

    Args:
        digest: of source, recipe and converter versions, 64 hex digits.
        weight_bits: weight format -> share of the stored parameters; ``None`` for what holds no weights.
        bits_per_weight: stored bits of weights, scales and zero points, over the model's parameters (tied ones once).
        bits_read_per_weight: of these, without tables of which a token reads one row; ``None`` if that is not known.
    """

    path: Path
    format: str
    precision: str
    digest: str
    bytes: int
    weight_bits: dict[str, float] | None
    bits_per_weight: float | None
    bits_read_per_weight: float | None
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """What the maker of an artifact knows about it.

    Args:
        facts: whatever the converter says; kept in the manifest.
        weight_elements: weight format -> parameters stored so; ``None`` for what holds no weights.
        stored_bytes: of weights, scales and zero points; ``None`` likewise.
        parameters: of the model, tied ones once; ``None`` likewise.
        looked_up_bytes: of ``stored_bytes``, tables of which a token reads one row; ``None`` if that is not known.
    """

    facts: Mapping[str, Any]
    weight_elements: Mapping[str, int] | None = None
    stored_bytes: int | None = None
    parameters: int | None = None
    looked_up_bytes: int | None = None


class ArtifactStore:
    """The artifacts in the cache folder, which is made when something is first kept in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.artifacts = root / "artifacts"
        self.making = root / "making"
        self.locks = root / "locks"
        self.downloads = root / "downloads"

    def find(self, key: ArtifactKey) -> Artifact | None:
        """The artifact of ``key``, ``None`` if it was never finished or files of it are gone."""
        return read_artifact(self.artifacts / key.folder)

    def get(
        self, key: ArtifactKey, make: Callable[[Path], Made], waiting: Callable[[], object] = lambda: None
    ) -> Artifact:
        """The artifact of ``key``; if there is none, ``make`` fills an empty folder, whose parent is scratch space.

        Where another process makes it, ``waiting`` is called, and what that made is taken. If that one is killed, its
        lock goes with it and the artifact is made here.

        Raises:
            MachineError: the cache folder cannot be written. ``make`` reads what it is made from under
                :func:`reading`.
        """
        if (found := self.find(key)) is not None:
            return found
        try:
            lock = self.lock(key.folder)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire()
            try:
                return self.find(key) or self._make(key, make)
            finally:
                lock.release()
        except OSError as error:
            reason = error.strerror or str(error)
            raise MachineError(
                f"the cache folder {self.root} cannot be written ({reason}): free or unlock it, or set {CACHE_VARIABLE}"
                " to another folder"
            ) from error

    def lock(self, folder: str, timeout: float = -1) -> FileLock:
        """The lock under which ``folder`` is made or removed; ``timeout`` in seconds, without end below zero."""
        self.locks.mkdir(parents=True, exist_ok=True)
        return FileLock(self.locks / f"{folder}.lock", timeout=timeout)

    def remove(self, folder: Path, lock: str) -> bool:
        """Remove ``folder`` under its ``lock``, unless somebody makes or uses it; returns whether it is gone."""
        with suppress(OSError), self.lock(lock, timeout=0):
            remove(folder)
            return not folder.exists()
        return False

    def _remove_leftovers(self, key: ArtifactKey) -> None:
        """Remove what interrupted conversions left behind: nobody works where nobody holds the lock but this run."""
        for old in self.making.glob("*-*"):
            folder = old.name.rpartition("-")[0]
            if folder == key.folder:
                remove(old)
            else:
                self.remove(old, folder)

    def _make(self, key: ArtifactKey, make: Callable[[Path], Made]) -> Artifact:
        self._remove_leftovers(key)
        scratch, target = self.making / f"{key.folder}-{os.getpid()}", self.artifacts / key.folder
        output = scratch / "out"
        output.mkdir(parents=True)
        try:
            start = time.perf_counter()
            made = make(output)
            manifest = _manifest(key, made, output, time.perf_counter() - start)
            (output / MANIFEST).write_text(json.dumps(manifest, indent=2), "utf-8", newline="\n")
            self.artifacts.mkdir(parents=True, exist_ok=True)
            if target.exists():  # it was found damaged
                remove(target)
            replace_file(output, target)
        finally:
            remove(scratch)
        return _artifact(target, manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What is noted of the artifact in ``folder``; empty where that cannot be read."""
    try:
        manifest = read_json(folder / MANIFEST)
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def read_artifact(folder: Path) -> Artifact | None:
    """The artifact in ``folder``; ``None`` if there is none, or files are missing. Only :func:`damage` looks inside."""
    manifest = read_manifest(folder)
    try:
        whole = (
            manifest["schema_version"] == MANIFEST_VERSION
            and all((folder / name).is_file() for name in manifest["files"])
            # No link leads nowhere.
            and not any(path.is_symlink() and not path.exists() for path in folder.rglob("*"))
        )
        return _artifact(folder, manifest) if whole else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def damage(artifact: Artifact) -> str | None:
    """Which file of ``artifact`` is not what was made, with what to do; ``None`` if all are. Reads every byte."""
    for name, what in _changes(artifact.path, artifact.manifest.get("files", {})):
        return (
            f"{artifact.path / name} is damaged: it {what}; remove the folder {artifact.path} and run again, which "
            "makes it anew"
        )
    return None


def _changes(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The name of each of ``files`` that is not what the manifest says, and in which way; reads every byte."""
    for name, made in files.items():
        try:
            size = (folder / name).stat().st_size
            if size != made["bytes"]:
                yield name, f"is {size} bytes long, {made['bytes']} were made"
            elif (found := file_sha256(folder / name)) != made["sha256"]:
                yield name, f"has the SHA-256 {found[:16]}…, {made['sha256'][:16]}… was made"
        except OSError as error:
            yield name, f"cannot be read ({error.strerror or error})"
        except (LookupError, TypeError):
            yield name, f"has no size and SHA-256 in {MANIFEST}"


def differences(folder: Path) -> list[str]:
    """All that is not as it was made in the ``folder`` of an artifact, a line each; reads every byte."""
    manifest = read_manifest(folder)
    try:
        made, version = dict(manifest["files"]), manifest["schema_version"]
    except (ValueError, KeyError, TypeError):
        return [f"it has no {MANIFEST} that can be read, so no run uses it"]
    if version != MANIFEST_VERSION:
        return [f"its {MANIFEST} is of another version of this project, so no run uses it"]
    found = [f"{name} {what}" for name, what in _changes(folder, made)]
    there = (file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*")) if not file.is_dir())
    return [*found, *(f"{name} was not made" for name in there if name not in made and name != MANIFEST)]


def remove(folder: Path) -> None:
    """Remove ``folder`` with all in it, as far as the system lets go of it; what stays is tried again next time."""
    shutil.rmtree(folder, ignore_errors=True)


def digests_of(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Name -> SHA-256 of each of a local model's ``files``.

    The cache folder ``root`` keeps the digests, so a file with the same path, size and time is not read again.
    """
    with remembered(root / "file-digests.json") as known:
        found = {}
        for file in files:
            with reading(file):
                state = file.stat()
                key = f"{file.resolve()}|{state.st_size}|{state.st_mtime_ns}"
                found[file.name] = known[key] = known.get(key) or file_sha256(file)
    return found


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Tell a model that cannot be read inside the ``with`` block apart from a cache that cannot be written.

    Raises:
        PrepareError: in place of an OSError; ``source`` is the model's file or folder.
    """
    try:
        yield
    except OSError as error:
        raise PrepareError(
            f"the model cannot be read at {source} ({error.strerror or error}): copy or download it again, to a disk "
            "that can be read"
        ) from error


@contextmanager
def remembered(file: Path) -> Iterator[dict[str, Any]]:
    """The JSON object in ``file``, to read and to change, for one process at a time; empty if there is none.

    Where ``file`` cannot be written nothing is remembered: what is known by it can be found out again.
    """
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.with_name(f"{file.name}.lock"))
    with suppress(OSError):
        lock.acquire()
    try:
        text = file.read_text("utf-8")
        read = json.loads(text)
        known: dict[str, Any] = read if isinstance(read, dict) else {}
    except (OSError, ValueError):
        text, known = "", {}
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        yield known
        if (new := json.dumps(known)) != text and lock.is_locked:
            with suppress(OSError):
                draft.write_text(new, "utf-8")
                replace_file(draft, file)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        lock.release()


def _artifact(folder: Path, manifest: dict[str, Any]) -> Artifact:
    return Artifact(
        path=folder,
        format=manifest["format"],
        precision=manifest["precision"],
        digest=manifest["digest"],
        bytes=sum(file["bytes"] for file in manifest["files"].values()),
        weight_bits=manifest["weight_bits"],
        bits_per_weight=manifest["bits_per_weight"],
        bits_read_per_weight=manifest.get("bits_read_per_weight"),
        manifest=manifest,
    )


def _manifest(key: ArtifactKey, made: Made, output: Path, seconds: float) -> dict[str, Any]:
    stored, looked_up = made.stored_bytes, made.looked_up_bytes
    read_bytes = None if stored is None or looked_up is None else stored - looked_up
    return {
        "schema_version": MANIFEST_VERSION,
        "format": key.format,
        "precision": key.precision,
        "digest": key.digest,
        "model": key.model,
        "source": key.source,
        "recipe": dict(key.recipe),
        "converter_versions": dict(key.versions),
        "facts": dict(made.facts),
        "parameters": made.parameters,
        "weight_bits": weight_shares(made.weight_elements),
        "bits_per_weight": bits_per_weight(stored, made.parameters),
        "bits_read_per_weight": bits_per_weight(read_bytes, made.parameters),
        "stored_bytes": made.stored_bytes,
        "files": {
            file.relative_to(output).as_posix(): {"bytes": file.stat().st_size, "sha256": file_sha256(file)}
            for file in sorted(output.rglob("*"))
            if file.is_file() and file != output / MANIFEST
        },
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
    }


def weight_shares(elements: Mapping[str, int] | None) -> dict[str, float] | None:
    """Weight format -> share of all stored parameters, largest first; they sum to 1."""
    if not elements:
        return None
    total = sum(elements.values())
    return {name: count / total for name, count in sorted(elements.items(), key=lambda item: -item[1])}


def bits_per_weight(stored_bytes: int | None, parameters: int | None) -> float | None:
    """Bits that a parameter of the model takes on the whole, scales and zero points included."""
    return None if stored_bytes is None or not parameters else stored_bytes * 8 / parameters
