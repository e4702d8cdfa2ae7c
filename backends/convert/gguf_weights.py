"""What the weights of a GGUF file are stored as, read from its own index."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from gguf import GGUFReader

from backends.convert.failure import ConversionError

_FLOATS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}
_ROTARY = "rope_"


def read_gguf(file: Path) -> Any:
    """A reader of ``file``'s fields and tensors; nothing of the weights is copied.

    Raises:
        ConversionError: it is no GGUF file, or ends before its tensors do.
    """
    try:
        return GGUFReader(file)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise ConversionError(
            f"{file.name} is no whole GGUF file ({type(error).__name__}: {error}): download it again"
        ) from error


def weights_of(file: Path) -> dict[str, Any]:
    """Count the weights of the GGUF ``file``.

    Returns:
        ``weight_elements``: format (``fp32``, ``q4_0``, …) -> parameters stored so; ``stored_bytes``: of weights with
        their scales; ``looked_up_bytes``: of these, the embedding, if the output layer has a table of its own;
        ``architecture``, ``context_tokens`` and ``vocab_size`` as far as the file tells them.

    Raises:
        ConversionError: it is no GGUF file, or not a whole one.
    """
    reader = read_gguf(file)
    elements: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    for tensor in reader.tensors:
        if tensor.name.startswith(_ROTARY):
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
