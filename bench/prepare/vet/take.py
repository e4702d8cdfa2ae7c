"""What is taken of a ready-made artifact, by its format."""

import json
from pathlib import Path
from typing import Any

from backends.bounded_json import read_json
from backends.gguf_parts import parts_of
from bench.errors import UsageError, cause
from bench.prepare.cache import reading
from bench.prepare.vet import genai_config, gguf_file, onnx_file, openvino_ir
from bench.prepare.vet.files import Folder, RefusedError, Taken

RULES = 1
"""Raised where another copy is made of what is taken."""

TOKENIZER = "tokenizer.json"

_BESIDE = (
    *("generation_config.json", TOKENIZER, "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "vocab.txt", "merges.txt"),
    *("tokenizer.model", "spiece.model", "sentencepiece.bpe.model"),
)
"""What is taken as it is, where it is there; what is named nowhere here is not taken at all."""

_CODE = ("auto_map", "custom_pipelines")
"""What names Python code in a configuration of Hugging Face: left out, as that code is never run."""

_REWRITTEN = {"config.json": _CODE, "tokenizer_config.json": (*_CODE, "chat_template")}
"""Configuration that is written anew -> what is left out."""


def take(artifact_format: str, source: Path, label: str, copies: Path) -> Taken:
    """What is taken of the model ``source``, which is ``artifact_format`` already.

    ``artifact_format``: ``gguf``, ``openvino-ir`` or ``ort-genai``.

    Raises:
        UsageError: it is refused, with the file and the reason.
        PrepareError: it cannot be read.
    """
    try:
        with reading(source):
            if artifact_format == "gguf":
                return _gguf(source, copies)
            folder = Folder(source, copies)
            return _openvino(folder) if artifact_format == "openvino-ir" else _ort_genai(folder)
    except RefusedError as error:
        raise UsageError(f"the model {label} is refused: {error}") from error


def _gguf(source: Path, copies: Path) -> Taken:
    # In the hub's cache a file is a link to one of another name.
    parts = {part.name: part.resolve() for part in parts_of(source)}
    for name, file in parts.items():
        gguf_file.vet(file, name)
    return Taken(parts | Folder(source.parent, copies).of_these((TOKENIZER,)))


def _openvino(folder: Folder) -> Taken:
    beside = [stem for stem in openvino_ir.TOKENIZERS if (folder.path / f"{stem}.xml").exists()]
    files: dict[str, Path] = {}
    for stem in (openvino_ir.MODEL, *beside):
        files |= openvino_ir.vet(folder, stem)
    return Taken(files | folder.of_these(_BESIDE), _rewritten(folder))


def _ort_genai(folder: Folder) -> Taken:
    name = genai_config.NAME
    text, graphs = genai_config.vet(folder, _json(folder, name))
    files: dict[str, Path] = {}
    for graph in graphs:
        files |= {graph: folder.file(graph, name)} | onnx_file.vet(folder, graph)
    return Taken(files | folder.of_these(_BESIDE), {**_rewritten(folder), name: text})


def _rewritten(folder: Folder) -> dict[str, str]:
    texts = {}
    for name in folder.of_these(_REWRITTEN):
        settings = _json(folder, name)
        if not isinstance(settings, dict):
            raise RefusedError(f"{name} is no object")
        # What names a file is left out too: a tokenizer is made of the files beside it alone.
        kept = {
            key: value for key, value in settings.items() if key not in _REWRITTEN[name] and not key.endswith("_file")
        }
        texts[name] = json.dumps(kept, indent=2, ensure_ascii=False)
        try:
            texts[name].encode("utf-8")
        except UnicodeEncodeError as error:
            # JSON can name half of a character, which no file can hold.
            raise RefusedError(f"{name} has half of a character in a text ({error.object[error.start]!a})") from error
    return texts


def _json(folder: Folder, name: str) -> Any:
    file = folder.file(name, name)
    try:
        return read_json(file)
    except (OSError, ValueError) as error:
        raise RefusedError(f"{name} cannot be read as JSON ({cause(error, file)})") from error
