"""What transformers 5 saved, in the words of 4.45, and models that are not as their folder has them."""

from __future__ import annotations

from typing import Any

import pytest

from backends.hf_folder import UntranslatableError, in_older_words, not_as_stored

LLAMA = {"rope_theta", "rope_scaling", "max_position_embeddings", "tie_word_embeddings"}
"""Of the arguments of transformers 4.45.2's ``LlamaConfig``, those that are asked for here; the others likewise."""
PHI = {*LLAMA, "partial_rotary_factor"}
PHI3 = {*LLAMA, "original_max_position_embeddings"}
GPT_NEOX = {"rotary_emb_base", "rotary_pct", "rope_scaling"}
QWEN2 = {"rope_theta", "sliding_window"}

FACTORS = {"short_factor": [1.0, 1.1], "long_factor": [2.0, 2.1]}


def rotary(**settings: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_theta": 100_000.0, "rope_type": "default", **settings}}


def named(config: dict[str, Any], *names: str) -> list[Any]:
    return [config.get(name) for name in names]


def test_the_default_models_base_is_said_in_older_words() -> None:
    saved = {"model_type": "llama", "dtype": "float32", "transformers_version": "5.5.4", **rotary()}

    assert in_older_words(saved, LLAMA) == {
        "model_type": "llama",
        "dtype": "float32",
        "torch_dtype": "float32",
        "transformers_version": "5.5.4",
        "rope_theta": 100_000.0,
        "rope_scaling": None,
    }


def test_what_was_saved_in_older_words_stays_as_it_is() -> None:
    saved = {"rope_theta": 5e5, "rope_scaling": {"rope_type": "linear", "factor": 2.0}, "torch_dtype": "bfloat16"}

    assert in_older_words(saved, LLAMA) == saved


def test_a_model_without_rotary_positions_stays_as_it_is() -> None:
    assert in_older_words({"n_positions": 1024}, {"n_positions"}) == {"n_positions": 1024}


def test_a_partial_share_of_each_head_is_told() -> None:
    assert in_older_words(rotary(partial_rotary_factor=0.4), PHI)["partial_rotary_factor"] == 0.4


def test_a_class_with_names_of_its_own_is_told_by_these() -> None:
    told = in_older_words(rotary(partial_rotary_factor=0.25), GPT_NEOX)

    assert named(told, "rotary_emb_base", "rotary_pct") == [100_000.0, 0.25]


def test_the_whole_head_need_not_be_told() -> None:
    assert in_older_words(rotary(partial_rotary_factor=1.0), PHI3)["rope_theta"] == 100_000.0


def test_scaling_keeps_its_settings() -> None:
    scaling = {"factor": 8.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192}
    told = in_older_words(rotary(rope_type="llama3", attention_factor=None, **scaling), LLAMA)

    assert named(told, "rope_theta", "rope_scaling") == [100_000.0, {"type": "llama3", **scaling}]


def test_longrope_of_phi_3_has_three_settings_and_the_original_context_outside() -> None:
    saved = rotary(rope_type="longrope", original_max_position_embeddings=4096, partial_rotary_factor=1.0, **FACTORS)
    told = in_older_words(saved, PHI3)

    assert named(told, "rope_scaling", "original_max_position_embeddings") == [{"type": "longrope", **FACTORS}, 4096]


@pytest.mark.parametrize(
    ("saved", "accepted", "unknown"),
    [
        ({"rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {}}}, LLAMA, "by layer"),
        ({"text_config": rotary()}, LLAMA, "text_config"),
        (rotary(partial_rotary_factor=0.75), PHI3, "partial_rotary_factor"),
        (rotary(rope_type="yarn", factor=4.0, original_max_position_embeddings=4096), LLAMA, "yarn"),
        (rotary(rope_type="linear", factor=4.0), QWEN2, "rope_scaling"),
        (rotary(), {"vocab_size"}, "rope_theta"),
        (rotary(mrope_section=[16, 24]), LLAMA, "mrope_section"),
        # An older transformers saved these, and one that is older still does not know them.
        ({"rope_theta": 1e4, "partial_rotary_factor": 0.75}, PHI3, "partial_rotary_factor"),
        ({"rope_theta": 1e6, "rope_scaling": {"type": "yarn", "factor": 4.0}}, QWEN2, "rope_scaling"),
    ],
)
def test_what_has_no_older_word_is_refused_by_name(saved: dict[str, Any], accepted: set[str], unknown: str) -> None:
    with pytest.raises(UntranslatableError, match=unknown):
        in_older_words(saved, accepted)


# -- weights

PARTS = {
    "": True,
    "model": True,
    "model.embed_tokens": False,
    "model.layers": True,
    "model.layers.0": True,
    "model.layers.0.self_attn": True,
    "model.layers.0.self_attn.q_proj": False,
    "lm_head": False,
}


def loaded(**found: Any) -> dict[str, Any]:
    return {"missing_keys": set(), "mismatched_keys": set(), "unexpected_keys": set(), **found}


def test_a_whole_model_is_as_stored() -> None:
    assert not_as_stored(loaded(), PARTS, "model") is None


def test_missing_weights_are_named() -> None:
    keys = {f"model.layers.{number}.mlp.up_proj.weight" for number in range(5)}
    reason = not_as_stored(loaded(missing_keys=keys), PARTS, "model")

    assert reason is not None
    assert ("model.layers.0.mlp.up_proj.weight" in reason, reason.endswith("and 2 more)")) == (True, True)


@pytest.mark.parametrize("key", ["lm_head.weight", ("lm_head.weight", (9, 4), (8, 4))])
def test_weights_of_another_shape_are_named(key: object) -> None:
    reason = not_as_stored(loaded(mismatched_keys=[key]), PARTS, "model")

    assert reason == "weights have another shape than the configuration says (lm_head.weight)"


@pytest.mark.parametrize(
    "key",
    [
        "model.layers.0.self_attn.q_proj.bias",
        "model.layers.0.self_attn.q_norm.weight",
        "model.layers.7.self_attn.q_proj.weight",
        "lm_head.bias",
    ],
)
def test_weights_that_the_model_would_leave_out_are_named(key: str) -> None:
    assert key in str(not_as_stored(loaded(unexpected_keys=[key]), PARTS, "model"))


@pytest.mark.parametrize(
    "key",
    [
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.layers.0.self_attn.masked_bias",
        "vision_tower.patch_embed.weight",
        "model.vision_tower.patch_embed.weight",
        "score.weight",
    ],
)
def test_what_changes_nothing_of_the_text_may_be_left_out(key: str) -> None:
    assert not_as_stored(loaded(unexpected_keys=[key]), PARTS, "model") is None
