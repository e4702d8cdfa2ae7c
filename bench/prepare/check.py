"""Whether artifacts, and the models that users have themselves, are still what was made or measured."""

from collections.abc import Collection, Iterator
from pathlib import Path

from backends.file_digest import file_sha256
from backends.hf_weights import source_files
from bench.errors import PrepareError, UsageError
from bench.plan.cells import digest as digest_of
from bench.prepare.cache import ArtifactStore, differences, read_manifest
from bench.prepare.model_source import READY_MADE, resolve_model
from bench.prepare.ready_made import own_files
from bench.prepare.vet.take import take


def check_artifacts(
    store: ArtifactStore, digests: Collection[str] | None = None
) -> Iterator[tuple[Path, frozenset[str], list[str]]]:
    """Read every byte of the artifacts in the cache, or of those with one of ``digests``.

    Yields: an artifact, what its rows name it by, and what is not as it was made, a line each.
    """
    folders = sorted(store.artifacts.iterdir()) if store.artifacts.is_dir() else []
    for folder in filter(Path.is_dir, folders):
        own = _digests_of(folder)
        if digests is None or own & set(digests):
            yield folder, own, differences(folder)


def _digests_of(folder: Path) -> frozenset[str]:
    """The digest of an artifact, and of a ready-made model that it is a copy of, by which its rows name it."""
    manifest = read_manifest(folder)
    try:
        copied = manifest["recipe"].get("task") == "take"
        return frozenset((manifest["digest"], *([manifest["source"]] if copied else ())))
    except (KeyError, TypeError, AttributeError):
        return frozenset()


def check_model(kind: str, spec: str, measured: str, store: ArtifactStore) -> list[str]:
    """In which way a user's own model is not what was measured; nothing of a model that this project has made.

    ``measured``: its digest then.
    """
    if kind not in ("directory", *READY_MADE):
        return []
    try:
        source = resolve_model(spec)
        if source.ready_made is None:
            files = source_files(source.directory)
        else:
            files = own_files(source, take(source.kind, source.directory, source.label, store.artifacts))
        now = digest_of({"kind": source.kind, "files": {file.name: file_sha256(file) for file in files}}, length=64)
    except (PrepareError, UsageError) as error:
        return [str(error)]
    except OSError as error:
        return [f"the model {spec} cannot be read ({error.strerror or error})"]
    return [] if now == measured else [f"the model {spec} has the digest {now[:16]}…, {measured[:16]}… was measured"]
