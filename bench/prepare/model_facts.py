"""What a model directory says about itself, by its configuration and safetensors headers; no weights are loaded."""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from backends.bounded_json import read_json
from backends.hf_folder import context_tokens, text_settings
from backends.hf_weights import NotWholeError, Tensor, embedding_of, learned_tensors, output_layer
from bench.errors import UsageError, cause

WEIGHT_FORMATS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "I8": "int8", "U8": "int8"}
_ALIKE = ("mistral", "mixtral", "phi3", "phimoe", "starcoder2")
"""Architectures whose layers all have the window of the configuration, and which have no list of kinds of layers."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What conversions and estimates need to know of a model.

    Args:
        parameters: learned numbers, tied ones counted once.
        context_tokens: the longest sequence that it takes; ``None`` where its configuration does not say.
        linear_widths: the input widths of its linear layers, ascending.
        weight_elements: weight format -> parameters stored so.
        embedding_parameters: of ``parameters``, those of the embedding and the output layer; 0 where that is not known.
        window_everywhere: whether every layer looks back on a window alone.
    """

    parameters: int
    vocab_size: int
    context_tokens: int | None
    linear_widths: tuple[int, ...]
    weight_elements: Mapping[str, int]
    stored_bytes: int
    embedding_parameters: int = 0
    window_everywhere: bool = False

    @property
    def only_format(self) -> str | None:
        """The weight format of all its weights; ``None`` for a mixture."""
        return next(iter(self.weight_elements)) if len(self.weight_elements) == 1 else None


def facts_of(directory: Path) -> ModelFacts:
    """Read the facts of the Hugging Face directory ``directory``.

    Raises:
        UsageError: its configuration or a weight file cannot be read, or is missing.
    """
    with unreadable_refused(directory):
        config = text_settings(read_json(directory / "config.json"))
        return _facts(config, learned_tensors(directory, tied=config.get("tie_word_embeddings")))


@contextmanager
def unreadable_refused(directory: Path) -> Iterator[None]:
    """Refuse the Hugging Face directory ``directory`` where reading its files inside the ``with`` block fails.

    Raises:
        UsageError: with the file's name where that is known, and what to do.
    """
    try:
        yield
    except NotWholeError as error:
        raise UsageError(f"the model {directory} cannot be used: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, struct.error) as error:
        raise UsageError(
            f"{directory} cannot be read as a model directory ({type(error).__name__}: {cause(error)}): "
            "download it again"
        ) from error


def _facts(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ModelFacts:
    elements: Counter[str] = Counter()
    for tensor in tensors.values():
        elements[WEIGHT_FORMATS.get(tensor.kind, tensor.kind.lower())] += prod(tensor.shape)
    widths = {width for name, tensor in tensors.items() for width in _widths(name, tensor.shape)}
    embedding = embedding_of(tensors)
    outer = (tensors[name] for name in (embedding, output_layer(tensors)) if name is not None)
    return ModelFacts(
        parameters=sum(elements.values()),
        vocab_size=int(config.get("vocab_size") or _rows(tensors, embedding)),
        context_tokens=context_tokens(config),
        linear_widths=tuple(sorted(widths)),
        weight_elements=dict(elements),
        stored_bytes=sum(tensor.end - tensor.begin for tensor in tensors.values()),
        embedding_parameters=sum(prod(tensor.shape) for tensor in outer),
        window_everywhere=bool(config.get("sliding_window")) and config.get("model_type") in _ALIKE,
    )


def _widths(name: str, shape: tuple[int, ...]) -> Iterator[int]:
    """The input width of a linear layer; of experts in one tensor both sides, of which models differ in the order."""
    if len(shape) == 2 and "embed" not in name:
        yield shape[1]
    elif len(shape) == 3 and "conv" not in name:
        yield from shape[1:]


def _rows(tensors: Mapping[str, Tensor], embedding: str | None) -> int:
    """The size of the vocabulary of a model whose configuration leaves it to its class."""
    if embedding is None:
        raise NotWholeError("its config.json has no vocab_size, and its weights no embedding that would tell it")
    return tensors[embedding].shape[0]


def kv_values_per_token(directory: Path) -> int | None:
    """How many numbers the keys and values of one token are, over all layers of a model or ready-made artifact.

    ``None`` where no configuration says it in the usual words, or where layers do not all keep every token.
    """
    try:
        config = text_settings(read_json(directory / "config.json"))
        window, context = config.get("sliding_window") or 0, config.get("max_position_embeddings") or 0
        windowed = 0 < window < context and config.get("use_sliding_window", True)
        other_layers = set(config.get("layer_types") or ()) - {"full_attention"}
        # Their cache is bounded by the window, a state of another kind, or compressed.
        if windowed or other_layers or config.get("kv_lora_rank"):
            return None
        heads = _named(config, "num_attention_heads", "n_head", "n_heads")
        kv_heads = config.get("num_key_value_heads") or heads
        width = config.get("head_dim") or _named(config, "hidden_size", "n_embd", "d_model") // heads
        return int(2 * _named(config, "num_hidden_layers", "n_layer", "n_layers") * kv_heads * width)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        return None


def _named(config: Mapping[str, Any], *names: str) -> Any:
    return config[next((name for name in names if name in config), names[0])]
