"""How large a model's KV cache is, by its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
