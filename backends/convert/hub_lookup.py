"""Which commit of a model of the Hugging Face hub is meant, and what of it would be downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.convert import ConversionError
from backends.convert.hub_client import cached, describe, fetch
from backends.convert.hub_files import TOKENIZERS, needed, refusal
from backends.convert.hub_words import HF, UnreachableError
from backends.hf_weights import INDEX, SINGLE, source_files, stated_quantization, stored_tensors


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Ask for ``source`` (``owner/name``) at ``options["revision"]``, ``None`` for the newest.

    Of a model whose commit is among ``options["here"]`` nothing more is asked.

    Returns:
        ``commit``; of one that is not here also ``files``, ``parameters`` (weight type -> how many, as the hub counts
        them), ``quantized``, ``vocab_size`` and ``context_tokens``. Each file has ``bytes``, digests, ``download``
        (bytes that the user's own cache of the hub lacks) and ``room`` (bytes that it takes on the disk of the folder
        ``options["disk"]``). If the hub cannot be asked, ``unreachable`` and ``remedy`` say so, and the rest is that of
        the user's cache, or absent. If there is no such model, ``refused`` alone says why.
    """
    try:
        return _asked(source, output, options)
    except ConversionError as error:
        return {"refused": str(error)}
    except UnreachableError as error:
        why = {"unreachable": error.reason, "remedy": error.remedy}
        return {**why, **_in_cache(source, options["revision"] or "main", Path(options["disk"]))}


def _asked(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    commit, files, parameters = describe(source, options["revision"])
    if commit in options["here"]:
        return {"commit": commit}
    if (why := refusal(source, files, HF)) is not None:
        return {"refused": why}

    def read(name: str) -> Any:
        file = cached(source, commit, name, files[name]["bytes"]) or fetch(source, commit, name, files[name], output)
        return json.loads(file.read_text("utf-8"))

    # A gated model shows its list to everybody: its configuration is the first that is refused.
    config = read("config.json")
    placed = {} if SINGLE in files else read(INDEX)["weight_map"]
    if missing := sorted(set(placed.values()) - files.keys()):
        return {"refused": f"{source} lacks {missing[0]}, which its {INDEX} names: choose another model or revision"}
    disk = Path(options["disk"])
    wanted = {
        name: {**files[name], **_cost(cached(source, commit, name, files[name]["bytes"]), files[name]["bytes"], disk)}
        for name in needed(files, placed)
    }
    found = {"commit": commit, "files": wanted, "parameters": parameters, "quantized": stated_quantization(config)}
    return {**found, **_sizes(config)}


def _cost(here: Path | None, size: int, disk: Path) -> dict[str, int]:
    """What a file of ``size`` bytes takes that lies at ``here``, from where it is linked to the same ``disk``."""
    linked = here is not None and here.stat().st_dev == disk.stat().st_dev
    return {"download": 0 if here else size, "room": 0 if linked else size}


def _known(file: Path, disk: Path) -> dict[str, Any]:
    size = file.stat().st_size
    return {"bytes": size, "sha256": None, "git_sha1": None, **_cost(file, size, disk)}


def _in_cache(source: str, revision: str, disk: Path) -> dict[str, Any]:
    """What lies in the user's own cache, if all of it does."""
    found = cached(source, revision, "config.json")
    if found is None:
        return {}
    folder = found.parent
    try:
        stored_tensors(folder)
        config = json.loads(found.read_text("utf-8"))
        files = [file for file in source_files(folder) if file.is_file()]
    except (OSError, ValueError, KeyError):
        return {}
    if not any((folder / name).is_file() for name in TOKENIZERS):
        return {}
    known = {file.name: _known(file, disk) for file in files}
    return {"commit": folder.name, "files": known, "parameters": None, "quantized": None, **_sizes(config)}


def _sizes(config: dict[str, Any]) -> dict[str, Any]:
    text = config.get("text_config") or config
    context = text.get("max_position_embeddings", text.get("n_positions"))
    return {"vocab_size": text.get("vocab_size"), "context_tokens": context}
