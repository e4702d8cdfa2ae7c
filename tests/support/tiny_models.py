"""Tiny models with random weights, one of each architecture, and what transformers answers.

``python -m tests.support.tiny_models FOLDER KIND…`` in a venv with transformers writes ``FOLDER/KIND``, a Hugging Face
folder without a tokenizer, and prints a JSON object: kind -> prompts and answers, each a list of ids. Weights are wide
enough that every part of a model shows in its answers: with those that transformers draws, many mistakes do not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.interpreters import told

NEW_TOKENS = 12
WINDOW = 24
SHORT, LONG = 10, 90
"""Ids of the prompts: within a window, and beyond it."""

LONGER = {"phi3-longrope": 280}
"""Kind -> ids of its second prompt, beyond the context before it was stretched."""

_VOCABULARY = 300
_SIZES = {
    "vocab_size": _VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 64}
_LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}
_PLAIN = {"rope_type": "default", "rope_theta": 100.0}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 500.0,
    "short_factor": [1.0 + place / 10 for place in range(8)],
    "long_factor": [2.0 + place for place in range(8)],
    "original_max_position_embeddings": 256,
}
_EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
_GEMMA = {"head_dim": 32, "query_pre_attn_scalar": 8, "sliding_window": WINDOW}

_GRANITE = {
    "attention_multiplier": 0.4,
    "embedding_multiplier": 3.0,
    "residual_multiplier": 0.7,
    "logits_scaling": 2.0,
}

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama-qkbias": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama-head-dim": ("Llama", {"head_dim": 32, "tie_word_embeddings": True}),
    "llama3": ("Llama", {"rope_parameters": _LLAMA3}),
    "llama-linear": ("Llama", {"rope_parameters": _LINEAR}),
    "llama-yarn": ("Llama", {"rope_parameters": _YARN}),
    "mistral": ("Mistral", {"sliding_window": None, "head_dim": 32}),
    "mistral-window": ("Mistral", {"sliding_window": WINDOW}),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}),
    "phi3": ("Phi3", {}),
    "phi3-partial": ("Phi3", {"partial_rotary_factor": 0.5}),
    "phi3-longrope": ("Phi3", {"rope_parameters": _LONGROPE, "max_position_embeddings": 1024}),
    "qwen2": ("Qwen2", {}),
    "qwen2-yarn": ("Qwen2", {"rope_parameters": _YARN}),
    "qwen3": ("Qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
    "qwen3moe": ("Qwen3Moe", {**_EXPERTS, "head_dim": 32, "norm_topk_prob": True}),
    "gemma": ("Gemma", {"head_dim": 32}),
    "gemma2": ("Gemma2", _GEMMA),
    "gemma3": ("Gemma3Text", {**_GEMMA, "rope_parameters": {"full_attention": _LINEAR, "sliding_attention": _PLAIN}}),
    "granite": ("Granite", {**_GRANITE, "attention_bias": True, "mlp_bias": True}),
    "granitemoe": ("GraniteMoe", {**_GRANITE, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "smollm3": ("SmolLM3", {}),
    "olmo2": ("Olmo2", {"tie_word_embeddings": True}),
    "olmo3": ("Olmo3", {"sliding_window": WINDOW}),
    "olmoe": ("Olmoe", {**_EXPERTS, "num_key_value_heads": 4, "norm_topk_prob": False}),
    "lfm2": ("Lfm2", {"full_attn_idxs": [1, 3], "block_multiple_of": 32}),
}
"""Name -> the class of transformers, without ``Config``, and what differs from :data:`_SIZES`."""

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3-biases": ("Qwen3", {"attention_bias": True}),
    "olmo3-yarn": ("Olmo3", {"sliding_window": WINDOW, "rope_parameters": _YARN}),
    "olmoe-summing": ("Olmoe", {**_EXPERTS, "num_key_value_heads": 4, "norm_topk_prob": True}),
}
"""As :data:`KINDS`, of models that llama.cpp would compute otherwise than transformers."""


@dataclass(frozen=True)
class Answered:
    """A tiny model, and what transformers makes of prompts in float32."""

    folder: Path
    prompts: Sequence[Sequence[int]]
    answers: Sequence[Sequence[int]]


def made(python: str, folder: Path, kinds: Sequence[str]) -> dict[str, Answered]:
    """The tiny models ``kinds`` in ``folder``, made by the interpreter ``python``."""
    found = told(python, "-m", "tests.support.tiny_models", str(folder), *kinds)
    return {kind: Answered(folder / kind, *found[kind]) for kind in kinds}


def main(folder: Path, kinds: Sequence[str]) -> None:
    """Write the models and print what they answer."""
    print(json.dumps({kind: _made(folder / kind, kind) for kind in kinds}))


def _made(folder: Path, kind: str) -> tuple[list[list[int]], list[list[int]]]:
    import torch  # noqa: PLC0415 - for the process that makes them
    import transformers  # noqa: PLC0415

    torch.set_num_threads(1)  # layers as small as these are computed faster by one
    torch.manual_seed(5)
    named, settings = (KINDS | REFUSED)[kind]
    config = getattr(transformers, f"{named}Config")(**{**_SIZES, **settings})
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").to(torch.float32).eval()
    for name, weight in model.named_parameters():
        _widen(torch, name, weight, tied=config.tie_word_embeddings)
    model.save_pretrained(folder)
    again = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    prompts = [torch.randint(3, _VOCABULARY, (length,)).tolist() for length in (SHORT, LONGER.get(kind, LONG))]
    return prompts, [answer(torch, again, prompt) for prompt in prompts]


def _widen(torch: Any, name: str, weight: Any, *, tied: bool) -> None:
    if weight.dim() == 1:
        # A norm multiplies by its weight, or in Gemma by one more.
        torch.nn.init.normal_(weight, mean=float(weight.detach().mean()) if "norm" in name else 0.0, std=0.4)
    elif "embed" in name:
        # A model whose output layer is a wide embedding answers with what it was asked.
        torch.nn.init.normal_(weight, std=0.05 if tied else 1.0)
    else:
        torch.nn.init.normal_(weight, std=0.25)


def answer(torch: Any, model: Any, prompt: list[int]) -> list[int]:
    """The likeliest continuation, each step computed anew, so that no cache has a part in it."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(NEW_TOKENS):
            ids.append(int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return ids[len(prompt) :]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
