"""A GGUF file: where it lies, what its fields say, and what its weights are stored as."""

import importlib.util
import os
import shutil
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

from gguf import GGUFReader

from backends.convert import ConversionError
from backends.gguf_parts import parts_of

_FLOATS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Put the file that the package ``source`` carries into ``output``, as a hard link where possible."""
    del options
    file = locate(source)
    # A hard link of a relative symbolic link would lead nowhere from another folder.
    whole, target = file.resolve(strict=True), output / file.name
    try:
        os.link(whole, target)
    except OSError:
        shutil.copyfile(whole, target)
    return weights_of(file)


def locate(package: str) -> Path:
    """The one GGUF file that ``package`` carries, found without importing the package.

    Raises:
        ConversionError: there is none, or there are several.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConversionError(
            f"the package {package} is not installed in the conversion venv: install it with --no-deps"
        )
    files = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    if len(files) != 1:
        raise ConversionError(f"the package {package} carries {len(files)} GGUF files, expected one: reinstall it")
    return files[0]


def read_gguf(file: Path) -> Any:
    """A reader of ``file``'s fields and tensors; nothing of the weights is copied.

    Raises:
        ConversionError: it is no GGUF file, or ends before its tensors do.
    """
    try:
        return GGUFReader(file)
    except (OSError, ValueError, IndexError, KeyError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConversionError(
            f"{file.name} is no whole GGUF file ({type(error).__name__}: {why}): download it again"
        ) from error


def weights_of(file: Path) -> dict[str, Any]:
    """Count the weights of the GGUF model that ``file`` is or belongs to, and read its limits as far as it has them.

    ``weight_elements``: format (``fp32``, ``q4_0``, …) -> parameters stored so; ``stored_bytes``: of weights with their
    scales; ``looked_up_bytes``: of these, the embedding, if the output layer has a table of its own.
    """
    readers = [read_gguf(part) for part in parts_of(file)]
    reader = readers[0]
    elements: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    for tensor in chain.from_iterable(one.tensors for one in readers):
        if tensor.name.startswith("rope_"):
            continue
        kind = tensor.tensor_type.name
        elements[_FLOATS.get(kind, kind.lower())] += int(tensor.n_elements)
        sizes[tensor.name] = int(tensor.n_bytes)
    architecture = field(reader, "general.architecture")
    tokens = reader.fields.get("tokenizer.ggml.tokens")
    return {
        "weight_elements": dict(elements),
        "stored_bytes": sum(sizes.values()),
        "looked_up_bytes": sizes.get("token_embd.weight", 0) if "output.weight" in sizes else 0,
        "architecture": architecture,
        "context_tokens": field(reader, f"{architecture}.context_length"),
        "vocab_size": field(reader, f"{architecture}.vocab_size") or (None if tokens is None else len(tokens.data)),
    }


def field(reader: Any, key: str) -> Any:
    """The value of a metadata field, ``None`` where the file has none."""
    found = reader.fields.get(key)
    return None if found is None else found.contents()
