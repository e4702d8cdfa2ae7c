"""Tiny models with random weights, one per architecture: ``python -m studies.architectures.tiny OUT CORPUS NAME…``.

It runs in the conversion venv. Each becomes the Hugging Face folder ``OUT/NAME``, by transformers' own configuration
class, with the settings that decide how the model of that name computes: windows, rotary scaling, biases, experts.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

VOCABULARY = 2_000
CONTEXT = 1_024
WINDOW = 24
"""Of the architectures whose layers do not look back on all tokens: between the lengths of the study's two prompts."""

_SPREAD = 0.2
"""Of matrices: so wide that each part of a layer shows in the answer."""
_EMBEDDING_SPREAD = 0.02
"""So little that the answer depends on the layers, where the output layer is the embedding."""
_VECTOR_SPREAD = 0.2
"""Of norms and biases: a bias of 0 and a norm of 1 would hide that a converter leaves them out."""

_IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
_BASE = {
    **_IDS,
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
}
_LLAMA_3 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10_000.0,
    "partial_rotary_factor": 0.75,
    "short_factor": [1.0 + 0.02 * place for place in range(24)],
    "long_factor": [1.0 + 0.5 * place for place in range(24)],
    "original_max_position_embeddings": CONTEXT // 4,
}
_SCALED = {
    "full_attention": {"rope_type": "linear", "rope_theta": 1_000_000.0, "factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_HYBRID = {
    **_EXPERTS,
    "intermediate_size": 64,
    "layer_types": ["mamba", "attention", "mamba", "mamba"],
    "shared_intermediate_size": 256,
    "mamba_n_heads": 8,
    "mamba_d_head": 32,
    "mamba_d_state": 16,
    "mamba_expand": 2,
    "embedding_multiplier": 12.0,
    "logits_scaling": 8.0,
    "residual_multiplier": 0.22,
    "attention_multiplier": 0.0078125,
    "position_embedding_type": "nope",
}
_ELDER = {**_IDS, "vocab_size": VOCABULARY, "n_layer": 4, "n_head": 4}
_VISION = {
    "hidden_size": 64,
    "image_size": 56,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "patch_size": 14,
}


def _gemma_3(**more: Any) -> dict[str, Any]:
    return _BASE | {"head_dim": 32, "sliding_window": WINDOW, "query_pre_attn_scalar": 32} | more


MODELS: dict[str, Callable[[Any], Any]] = {
    "Llama-3": lambda hf: hf.LlamaConfig(**_BASE, rope_parameters=_LLAMA_3),
    "Qwen2.5": lambda hf: hf.Qwen2Config(**_BASE, tie_word_embeddings=True),
    "Qwen3": lambda hf: hf.Qwen3Config(**_BASE, head_dim=32),
    "Qwen3-MoE": lambda hf: hf.Qwen3MoeConfig(
        **_BASE, head_dim=32, moe_intermediate_size=64, num_experts=4, num_experts_per_tok=2, norm_topk_prob=True
    ),
    "Phi-3": lambda hf: hf.Phi3Config(
        **{**_BASE, "max_position_embeddings": 4_096}, original_max_position_embeddings=4_096, sliding_window=2_047
    ),
    "Phi-4-mini": lambda hf: hf.Phi3Config(
        **{**_BASE, "num_attention_heads": 2, "num_key_value_heads": 1},
        sliding_window=262_144,
        original_max_position_embeddings=CONTEXT // 4,
        rope_parameters=_LONGROPE,
        tie_word_embeddings=True,
    ),
    "Phi-4": lambda hf: hf.Phi3Config(**_BASE, sliding_window=None, original_max_position_embeddings=CONTEXT),
    "Gemma-2": lambda hf: hf.Gemma2Config(**_BASE, head_dim=32, sliding_window=WINDOW, query_pre_attn_scalar=32),
    "Gemma-3": lambda hf: hf.Gemma3TextConfig(**_gemma_3()),
    "Gemma-3-with-pictures": lambda hf: hf.Gemma3Config(
        **_IDS,
        text_config=_gemma_3(rope_parameters=_SCALED),
        vision_config=_VISION,
        image_token_index=3,
        boi_token_index=4,
        eoi_token_index=5,
    ),
    "Mistral": lambda hf: hf.MistralConfig(**_BASE, sliding_window=None),
    "Mistral-with-window": lambda hf: hf.MistralConfig(**_BASE, sliding_window=WINDOW),
    "Granite-3": lambda hf: hf.GraniteConfig(
        **_BASE, embedding_multiplier=12.0, logits_scaling=8.0, residual_multiplier=0.22, attention_multiplier=0.0078125
    ),
    "Granite-3-MoE": lambda hf: hf.GraniteMoeConfig(**{**_BASE, **_EXPERTS, "intermediate_size": 96}),
    "Granite-4-hybrid": lambda hf: hf.GraniteMoeHybridConfig(**{**_BASE, **_HYBRID}),
    "Granite-4-dense": lambda hf: hf.GraniteMoeHybridConfig(
        **{**_BASE, **_HYBRID, "num_local_experts": 0, "num_experts_per_tok": 0, "tie_word_embeddings": True}
        | {"layer_types": ["attention"] * 4, "position_embedding_type": "rope"}
    ),
    "GPT-OSS": lambda hf: hf.GptOssConfig(
        **{**_BASE, **_EXPERTS, "max_position_embeddings": 131_072}, head_dim=32, sliding_window=WINDOW
    ),
    "SmolLM3": lambda hf: hf.SmolLM3Config(**_BASE, no_rope_layers=[1, 1, 1, 0], tie_word_embeddings=True),
    "LFM2": lambda hf: hf.Lfm2Config(
        **_BASE, layer_types=["conv", "conv", "full_attention", "conv"], block_auto_adjust_ff_dim=False
    ),
    "OLMo-2": lambda hf: hf.Olmo2Config(**_BASE),
    "Mamba": lambda hf: hf.MambaConfig(
        vocab_size=VOCABULARY, hidden_size=128, num_hidden_layers=4, state_size=16, **_IDS
    ),
    "GPT-2": lambda hf: hf.GPT2Config(**_ELDER, n_positions=CONTEXT, n_embd=128),
    "BLOOM": lambda hf: hf.BloomConfig(**_ELDER, hidden_size=128),
}
"""Name of a model that people run, without blanks -> the configuration of one like it."""


def write(name: str, output: Path, corpus: Sequence[Path]) -> None:
    """Write the model of :data:`MODELS` into ``output``, with a tokenizer that is trained on the files ``corpus``."""
    # The harness reads the names above, and has none of these.
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    from backends.convert.synthetic import write_tokenizer  # noqa: PLC0415

    config = MODELS[name](transformers)
    whole = config.get_text_config() is not config
    kind = transformers.AutoModelForImageTextToText if whole else transformers.AutoModelForCausalLM
    model = kind.from_config(config).to(torch.float32)
    for key, parameter in model.named_parameters():
        # Seeded by name, so that a weight does not depend on how many were drawn before it.
        draw = torch.Generator().manual_seed(zlib.crc32(key.encode()))
        values = torch.randn(parameter.shape, generator=draw)
        if parameter.dim() < 2:
            parameter.data += _VECTOR_SPREAD * values
        elif any(part in key for part in ("embed", "wte")):
            parameter.data = _EMBEDDING_SPREAD * values
        elif "A_log" not in key:
            parameter.data = _SPREAD * values
    model.save_pretrained(output)
    write_tokenizer(VOCABULARY, corpus, output, CONTEXT)


def main(arguments: Sequence[str]) -> None:
    """Write all that are named and not there yet."""
    out, corpus, *names = arguments
    for name in names:
        if not (Path(out) / name / "config.json").is_file():
            write(name, Path(out) / name, sorted(Path(corpus).glob("*.txt")))


if __name__ == "__main__":
    main(sys.argv[1:])
