"""What a model directory says about itself, by its configuration and safetensors headers; no weights are loaded."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from bench.errors import UsageError

WEIGHT_FORMATS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "I8": "int8", "U8": "int8"}
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I8": 1, "U8": 1, "F8_E4M3": 1, "F8_E5M2": 1}
_LARGEST_HEADER = 100_000_000  # the safetensors format's own limit


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What conversions and estimates need to know of a model.

    Args:
        parameters: learned numbers, tied ones counted once.
        context_tokens: the longest sequence that it takes; ``None`` where its configuration does not say.
        linear_widths: the input widths of its linear layers, ascending.
        weight_elements: weight format -> parameters stored so.
    """

    parameters: int
    vocab_size: int
    context_tokens: int | None
    linear_widths: tuple[int, ...]
    weight_elements: Mapping[str, int]
    stored_bytes: int

    @property
    def only_format(self) -> str | None:
        """The weight format of all its weights; ``None`` for a mixture."""
        return next(iter(self.weight_elements)) if len(self.weight_elements) == 1 else None


def facts_of(directory: Path) -> ModelFacts:
    """Read the facts of the Hugging Face directory ``directory``.

    Raises:
        UsageError: its configuration or a weight file cannot be read.
    """
    try:
        config = json.loads((directory / "config.json").read_text("utf-8"))
        text = config.get("text_config", config)
        tensors = dict(_tensors(directory, tied=bool(config.get("tie_word_embeddings", False))))
        return _facts(text, tensors)
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise UsageError(
            f"{directory} cannot be read as a model directory ({type(error).__name__}: {error}): download it again"
        ) from error


def _facts(config: Mapping[str, Any], tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> ModelFacts:
    elements: Counter[str] = Counter()
    stored = 0
    for kind, shape in tensors.values():
        elements[WEIGHT_FORMATS.get(kind, kind.lower())] += prod(shape)
        stored += prod(shape) * _BYTES.get(kind, 8)
    widths = {shape[1] for name, (_, shape) in tensors.items() if len(shape) == 2 and "embed" not in name}
    context = config.get("max_position_embeddings", config.get("n_positions"))
    return ModelFacts(
        parameters=sum(elements.values()),
        vocab_size=int(config["vocab_size"]),
        context_tokens=None if context is None else int(context),
        linear_widths=tuple(sorted(widths)),
        weight_elements=dict(elements),
        stored_bytes=stored,
    )


def _tensors(directory: Path, *, tied: bool) -> Iterator[tuple[str, tuple[str, tuple[int, ...]]]]:
    for file in sorted(directory.glob("*.safetensors")):
        for name, entry in _header(file).items():
            # A tied head is the embedding over again, and rotary frequencies are computed.
            if (tied and name.endswith("lm_head.weight")) or name.endswith("inv_freq"):
                continue
            yield name, (entry["dtype"], tuple(entry["shape"]))


def _header(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > _LARGEST_HEADER:
            raise ValueError(f"{file.name} is no safetensors file")
        header: dict[str, Any] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    whole = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if file.stat().st_size < whole:
        raise ValueError(f"{file.name} is cut off: {file.stat().st_size} bytes of {whole}")
    return header


def kv_values_per_token(directory: Path) -> int | None:
    """How many numbers the keys and values of one token are, over all layers of a model or ready-made artifact.

    ``None`` where no configuration says it in the usual words, or where layers do not all keep every token.
    """
    try:
        config = json.loads((directory / "config.json").read_text("utf-8"))
        text = config.get("text_config", config)
        return None if _keeps_less(text) else _values(text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return None


def _keeps_less(config: Mapping[str, Any]) -> bool:
    """Whether a layer's cache is bounded by a window, compressed, or a state of another kind."""
    window, context = config.get("sliding_window") or 0, config.get("max_position_embeddings") or 0
    windowed = 0 < window < context and config.get("use_sliding_window", True)
    kinds = set(config.get("layer_types") or ()) - {"full_attention"}
    return bool(windowed or kinds or config.get("kv_lora_rank"))


def _values(config: Mapping[str, Any]) -> int:
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    width = config.get("head_dim") or config["hidden_size"] // heads
    return int(2 * config["num_hidden_layers"] * kv_heads * width)
