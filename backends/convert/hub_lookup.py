"""Which commit of a model of the Hugging Face hub is meant, which files it has, and which of them are here already."""

from pathlib import Path
from typing import Any

from backends.bounded_json import LARGEST_BYTES, read_json
from backends.convert import RefusedError
from backends.convert.hub_client import cached, describe, fetch, measure
from backends.convert.hub_files import needed, placed, refusal
from backends.convert.hub_words import HF, UnreachableError
from backends.hf_folder import context_tokens, text_settings
from backends.hf_weights import (
    INDEX,
    LARGEST_HEADER,
    SINGLE,
    TOKENIZERS,
    source_files,
    stated_quantization,
    stored_tensors,
)


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Ask for ``source`` (``owner/name``) at ``options["revision"]``, ``None`` for the newest.

    Of a commit that is among ``options["here"]`` nothing more is asked. ``options["owned"]`` has the SHA-256 of files
    of other commits -> where they lie.

    Returns:
        ``commit``; of one that is not here also ``files``, ``parameters`` (weight type -> how many, as the hub counts
        them), ``quantized``, ``vocab_size`` and ``context_tokens``. Each file has ``bytes``, ``sha256`` or ``git_sha1``
        where the hub tells it, and ``place``, where it lies on this machine, ``None`` for one that must be downloaded.
        If the hub cannot be asked, ``unreachable`` and ``remedy`` say so, and the rest is that of the user's own cache
        of the hub, or absent.

    Raises:
        RefusedError: there is no such model, none that can be converted, or the user has no access to it.
    """
    try:
        return _asked(source, output, options)
    except UnreachableError as error:
        why = {"unreachable": error.reason, "remedy": error.remedy}
        return {**why, **_in_cache(source, options["revision"] or "main")}


def _asked(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    commit, files, parameters = describe(source, options["revision"])
    if commit in options["here"]:
        return {"commit": commit}
    if (why := refusal(source, files, HF)) is not None:
        raise RefusedError(why)
    for name, file in files.items():
        here = cached(source, commit, name, file["bytes"])
        file["place"] = str(here.resolve()) if here else options["owned"].get(file["sha256"])
    # A gated model shows its list to everybody: its configuration is the first that is refused.
    config = _json(source, commit, "config.json", files, output)
    where = {} if SINGLE in files else placed(_json(source, commit, INDEX, files, output))
    if not where and SINGLE not in files:
        raise RefusedError(f"{INDEX} of {source} does not say where the weights are: choose another model or revision")
    wanted = needed(files, where)
    if missing := sorted(set(where.values()) - set(wanted)):
        raise RefusedError(f"{source} lacks {missing[0]}, which its {INDEX} names: choose another model or revision")
    for name in wanted:
        measure(source, commit, name, files[name])
    found = {"commit": commit, "files": {name: files[name] for name in wanted}, "parameters": parameters}
    return {**found, **_stated(config)}


def _json(source: str, commit: str, name: str, files: dict[str, dict[str, Any]], folder: Path) -> dict[str, Any]:
    measure(source, commit, name, files[name])
    place = files[name]["place"]
    file = Path(place) if place else fetch(source, commit, name, files[name], folder)
    try:
        value = read_json(file, LARGEST_HEADER if name == INDEX else LARGEST_BYTES)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise RefusedError(f"{name} of {source} is no JSON object: choose another model or revision")
    return value


def _in_cache(source: str, revision: str) -> dict[str, Any]:
    """What lies in the user's own cache, if all of it does."""
    found = cached(source, revision, "config.json")
    if found is None:
        return {}
    folder = found.parent
    try:
        stored_tensors(folder)
        config = read_json(found)
        files = [file for file in source_files(folder) if file.is_file()]
    except (OSError, ValueError):
        return {}
    if not isinstance(config, dict) or not any((folder / name).is_file() for name in TOKENIZERS):
        return {}
    known = {file.name: {"bytes": file.stat().st_size, "place": str(file.resolve())} for file in files}
    return {"commit": folder.name, "files": known, "parameters": None, **_stated(config)}


def _stated(config: dict[str, Any]) -> dict[str, Any]:
    """What a configuration says of its model."""
    text = text_settings(config)
    known = {"vocab_size": text.get("vocab_size"), "context_tokens": context_tokens(text)}
    return {**known, "quantized": stated_quantization(config)}
