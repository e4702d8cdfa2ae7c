"""How models of transformers are written as GGUF: what llama.cpp asks of each architecture, and where it stops.

An architecture is listed here once a test has seen that llama.cpp answers as transformers does.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gguf
import numpy as np

from backends.convert import ConversionError, RefusedError

Config = Mapping[str, Any]
"""The configuration of a model as transformers completes it, with the defaults of its class."""

REMEDY = "give a .gguf file of the model with --model"

_ELSEWHERE = "measure the model with another stack"
_LONGROPE = "longrope"


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture.

    Args:
        arch: its name in GGUF.
        rotary: the ways of scaling rotary positions that llama.cpp has for it.
        turned: whether the rows of queries and keys are reordered, so that the two halves of a rotary pair are
            neighbours.
        shifted_norms: whether its norms multiply by one more than their weight.
        output: whether llama.cpp reads the output layer from a tensor of its own: ``free`` to be left out where it is
            the embedding, ``always``, or ``never``.
        windowed: whether llama.cpp computes attention in windows where the model does.
        biased: whether llama.cpp adds biases elsewhere than to queries, keys and values.
        activation: of the feed-forward layers; llama.cpp has no other for it.
        copied: what ``GGUFWriter`` adds -> the setting that it is; one that is not set is left out.
        experts: whether its layers choose among experts.
        unlike: why a configuration computes what llama.cpp does not.
        query_scale: by what llama.cpp divides the products of queries and keys, where it does not ask.
    """

    arch: Any
    rotary: tuple[str, ...] = ("default", "linear", "yarn")
    turned: bool = False
    shifted_norms: bool = False
    output: str = "free"
    windowed: bool = False
    biased: bool = False
    activation: str = "silu"
    copied: Mapping[str, str] = field(default_factory=dict)
    experts: bool = False
    metadata: Callable[[Any, Config], None] | None = None
    unlike: Callable[[Config], str | None] | None = None
    query_scale: Callable[[Config], int] | None = None


def family_of(named: str) -> Family:
    """The family of an architecture, by its name in ``config.json``.

    Raises:
        RefusedError: it has none.
    """
    if named not in FAMILIES:
        raise RefusedError(f"{named} cannot be written as GGUF here: {REMEDY}")
    return FAMILIES[named]


def refuse_what_differs(named: str, family: Family, config: Config) -> None:
    """Refuse a model that llama.cpp would compute otherwise than transformers.

    Raises:
        ConversionError: with what it is.
    """
    kind = rotary_of(config)["rope_type"]
    if kind not in family.rotary:
        raise RefusedError(f"rotary scaling {kind!r} of {named} cannot be written as GGUF here: {REMEDY}")
    activation = config.get("hidden_act") or config.get("hidden_activation") or family.activation
    if activation not in (family.activation, {"silu": "swish"}.get(family.activation)):
        raise ConversionError(f"{_not_computed(named)} {activation} instead of {family.activation}: {_ELSEWHERE}")
    reason = family.unlike(config) if family.unlike else None
    if family.output == "never" and not config["tie_word_embeddings"]:
        reason = "an output layer that is not the embedding"
    if reason:
        raise ConversionError(f"{_not_computed(named)} {reason}: {_ELSEWHERE}")


def _not_computed(named: str) -> str:
    return f"llama.cpp does not compute {named} with"


def rotary_of(config: Config) -> dict[str, Any]:
    """The rotary settings of the layers that see everything."""
    settings = dict(config.get("rope_parameters") or {})
    settings = dict(settings.get("full_attention") or settings)
    settings.setdefault("rope_type", "default")
    for name in ("partial_rotary_factor", "original_max_position_embeddings"):
        if settings.get(name) is None:
            settings[name] = config.get(name)
    return settings


def head_size(config: Config) -> int:
    """How many numbers a head has."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def query_factor(family: Family, config: Config) -> float:
    """What queries are multiplied by where the model divides by another root than llama.cpp."""
    if family.query_scale is None:
        return 1.0
    return math.sqrt(family.query_scale(config) / config["query_pre_attn_scalar"])


def window(config: Config) -> int | None:
    """How many tokens a layer sees that does not see everything; ``None`` where all layers do."""
    kinds = config.get("layer_types")
    return None if kinds and "sliding_attention" not in kinds else config.get("sliding_window") or None


def write_metadata(writer: Any, family: Family, config: Config) -> None:
    """Write what llama.cpp reads of ``config``.

    Where it has no windows, the context ends where the first token would leave the window: up to there both compute the
    same.
    """
    seen, context = window(config), config["max_position_embeddings"]
    heads = config["num_attention_heads"]
    writer.add_context_length(context if seen is None or family.windowed else min(context, seen))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(_feed_forward(config))
    writer.add_head_count(heads)
    writer.add_head_count_kv(_key_heads(config))
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"] if "rms_norm_eps" in config else config["norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    _write_rotary(writer, config)
    if seen is not None and family.windowed:
        writer.add_sliding_window(seen)
        writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in config["layer_types"]])
    for added, setting in family.copied.items():
        if config.get(setting):
            getattr(writer, f"add_{added}")(config[setting])
    if family.experts:
        writer.add_expert_count(config.get("num_local_experts") or config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
        if config.get("moe_intermediate_size"):
            writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    if family.metadata:
        family.metadata(writer, config)


def rotary_factors(config: Config) -> dict[str, Any]:
    """Name -> the float32 tensor in which a GGUF has what rotary frequencies are divided by."""
    rotary = rotary_of(config)
    if rotary["rope_type"] == _LONGROPE:
        found = {f"rope_factors_{length}.weight": rotary[f"{length}_factor"] for length in ("short", "long")}
    elif rotary["rope_type"] == "llama3":
        found = {"rope_freqs.weight": _llama3_factors(rotary, head_size(config))}
    else:
        found = {}
    return {name: np.array(values, dtype=np.float32) for name, values in found.items()}


def _llama3_factors(rotary: Config, size: int) -> list[float]:
    """Llama 3.1's: long waves are stretched, short ones are not, and those between in part."""
    factor, low, high = rotary["factor"], rotary["low_freq_factor"], rotary["high_freq_factor"]
    factors = []
    for place in range(0, size, 2):
        turns = rotary["original_max_position_embeddings"] / (2 * math.pi * rotary["rope_theta"] ** (place / size))
        share = min(max((turns - low) / (high - low), 0.0), 1.0)
        factors.append(1 / ((1 - share) / factor + share))
    return factors


def _write_rotary(writer: Any, config: Config) -> None:
    rotary = rotary_of(config)
    kind = rotary["rope_type"]
    writer.add_rope_dimension_count(int(head_size(config) * (rotary["partial_rotary_factor"] or 1.0)))
    writer.add_rope_freq_base(float(rotary["rope_theta"]))
    if kind == _LONGROPE:
        writer.add_rope_scaling_orig_ctx_len(_original_context(rotary, config))
        writer.add_rope_scaling_attn_factors(_longrope_attention(config, rotary))
    elif kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rotary["factor"]))
    elif kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(float(rotary["factor"]))
        writer.add_rope_scaling_orig_ctx_len(_original_context(rotary, config))


def _original_context(rotary: Config, config: Config) -> int:
    return int(rotary["original_max_position_embeddings"] or config["max_position_embeddings"])


def _longrope_attention(config: Config, rotary: Config) -> float:
    """By what longrope scales the attention: sqrt(1 + ln(s) / ln(c)), s the extension of a context that was c."""
    if rotary.get("attention_factor") is not None:
        return float(rotary["attention_factor"])
    original = _original_context(rotary, config)
    extension = config["max_position_embeddings"] / original
    return math.sqrt(1 + math.log(extension) / math.log(original)) if extension > 1 else 1.0


def _feed_forward(config: Config) -> int:
    size = config["intermediate_size"]
    if not config.get("block_auto_adjust_ff_dim"):
        return int(size)
    # LFM2's: two thirds, scaled, and rounded up.
    size, multiple = int(config["block_ffn_dim_multiplier"] * int(2 * size / 3)), config["block_multiple_of"]
    return int(multiple * -(-size // multiple))


def _key_heads(config: Config) -> int | list[int]:
    heads = int(config.get("num_key_value_heads") or config["num_attention_heads"])
    kinds = config.get("layer_types") or ()
    return [0 if kind == "conv" else heads for kind in kinds] if "conv" in kinds else heads


def _yarn_differs(config: Config) -> str | None:
    rotary = rotary_of(config)
    if rotary["rope_type"] != "yarn":
        return None
    own = {"attention_factor": None, "mscale": None, "mscale_all_dim": None, "beta_fast": 32, "beta_slow": 1}
    return next(
        (f"{name} {rotary[name]} of yarn" for name, usual in own.items() if rotary.get(name) not in (None, usual)),
        None,
    )


def _phi3(writer: Any, config: Config) -> None:
    if rotary_of(config)["rope_type"] != _LONGROPE:
        writer.add_rope_scaling_orig_ctx_len(_original_context(rotary_of(config), config))


def _gemma2_unlike(config: Config) -> str | None:
    missing = [name for name in ("attn_logit_softcapping", "final_logit_softcapping") if not config.get(name)]
    return f"no {missing[0]}" if missing else None


def _gemma3(writer: Any, config: Config) -> None:
    local = (config.get("rope_parameters") or {}).get("sliding_attention")
    if local:
        writer.add_rope_freq_base_swa(float(local["rope_theta"]))


def _gemma3_unlike(config: Config) -> str | None:
    return "attn_logit_softcapping" if config.get("attn_logit_softcapping") else None


def _largest_or_head(layers: int) -> Callable[[Config], int]:
    """The width of a head, but for the largest model of a family, which llama.cpp knows by its number of layers."""

    def scale(config: Config) -> int:
        if config["num_hidden_layers"] == layers:
            return int(config["hidden_size"] // config["num_attention_heads"])
        return head_size(config)

    return scale


def _experts_unlike(config: Config) -> str | None:
    if config.get("mlp_only_layers") or config.get("decoder_sparse_step", 1) != 1:
        return "layers without experts among those with them"
    return None if config.get("norm_topk_prob", True) else "weights of experts that do not sum to 1"


def _olmoe_unlike(config: Config) -> str | None:
    if config.get("clip_qkv"):
        return "clip_qkv"
    return "weights of experts that sum to 1" if config.get("norm_topk_prob") else None


def _smollm3_unlike(config: Config) -> str | None:
    usual = [int((layer + 1) % 4 != 0) for layer in range(config["num_hidden_layers"])]
    return None if list(config["no_rope_layers"]) == usual else "rotary positions in other layers than three of four"


_ARCH = gguf.MODEL_ARCH
_LLAMA = Family(_ARCH.LLAMA, ("default", "linear", "llama3", "yarn"), turned=True, biased=True, unlike=_yarn_differs)
_GELU = "gelu_pytorch_tanh"
_SOFT_CAPS = {name: name for name in ("attn_logit_softcapping", "final_logit_softcapping")}
_GRANITE = {
    "attention_scale": "attention_multiplier",
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
    "logit_scale": "logits_scaling",
}

FAMILIES: Mapping[str, Family] = {
    "LlamaForCausalLM": _LLAMA,
    "MistralForCausalLM": _LLAMA,
    "MixtralForCausalLM": Family(_ARCH.LLAMA, ("default",), turned=True, experts=True),
    "Phi3ForCausalLM": Family(_ARCH.PHI3, ("default", _LONGROPE), metadata=_phi3),
    "Qwen2ForCausalLM": Family(_ARCH.QWEN2, unlike=_yarn_differs),
    "Qwen3ForCausalLM": Family(_ARCH.QWEN3, unlike=_yarn_differs),
    "Qwen3MoeForCausalLM": Family(_ARCH.QWEN3MOE, ("default",), experts=True, unlike=_experts_unlike),
    "GemmaForCausalLM": Family(_ARCH.GEMMA, ("default",), shifted_norms=True, output="never", activation=_GELU),
    "Gemma2ForCausalLM": Family(
        _ARCH.GEMMA2,
        ("default",),
        shifted_norms=True,
        output="never",
        windowed=True,
        activation=_GELU,
        copied=_SOFT_CAPS,
        unlike=_gemma2_unlike,
        query_scale=_largest_or_head(46),
    ),
    "Gemma3ForCausalLM": Family(
        _ARCH.GEMMA3,
        ("default", "linear"),
        shifted_norms=True,
        windowed=True,
        activation=_GELU,
        copied=_SOFT_CAPS,
        metadata=_gemma3,
        unlike=_gemma3_unlike,
        query_scale=_largest_or_head(62),
    ),
    "GraniteForCausalLM": Family(_ARCH.GRANITE, ("default",), turned=True, biased=True, copied=_GRANITE),
    "GraniteMoeForCausalLM": Family(_ARCH.GRANITE_MOE, ("default",), turned=True, copied=_GRANITE, experts=True),
    "SmolLM3ForCausalLM": Family(_ARCH.SMOLLM3, ("default",), turned=True, unlike=_smollm3_unlike),
    "Olmo2ForCausalLM": Family(_ARCH.OLMO2, ("default",), output="always"),
    "Olmo3ForCausalLM": Family(_ARCH.OLMO2, ("default",), output="always", windowed=True),
    "OlmoeForCausalLM": Family(_ARCH.OLMOE, ("default",), output="always", experts=True, unlike=_olmoe_unlike),
    "Lfm2ForCausalLM": Family(_ARCH.LFM2, ("default",), copied={"shortconv_l_cache": "conv_L_cache"}),
}
"""Architecture of transformers -> how it is written."""
