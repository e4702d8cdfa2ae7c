from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import UsageError
from bench.prepare.model_facts import facts_of, kv_values_per_token
from tests.support.models import write_weights

SMOLLM = {
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "hidden_size": 576,
    "max_position_embeddings": 8192,
}


def test_parameters_are_counted_from_the_headers(model_directory: Path) -> None:
    assert facts_of(model_directory).parameters == 96


def test_a_tied_head_is_counted_once(tied_directory: Path) -> None:
    assert facts_of(tied_directory).parameters == 64


def test_linear_widths_leave_the_embedding_out(tied_directory: Path) -> None:
    assert facts_of(tied_directory).linear_widths == (8,)


def test_the_context_is_read_from_the_configuration(model_directory: Path) -> None:
    assert facts_of(model_directory).context_tokens == 100


def test_one_weight_format_is_named(model_directory: Path) -> None:
    assert facts_of(model_directory).only_format == "fp32"


TEXT = {"hidden_size": 4, "max_position_embeddings": 64}
"""What the text part of a model says that leaves the size of its vocabulary to its class."""


@pytest.mark.parametrize("config", [{"text_config": TEXT}, {"llm_config": TEXT}, TEXT, {"seq_length": 64}])
def test_what_a_configuration_does_not_say_is_read_from_the_embedding(
    model_directory: Path, config: dict[str, Any]
) -> None:
    (model_directory / "config.json").write_text(json.dumps(config), "utf-8")
    facts = facts_of(model_directory)
    assert (facts.vocab_size, facts.context_tokens) == (8, 64)


def test_a_vocabulary_beside_the_text_part_is_its_own(model_directory: Path) -> None:
    (model_directory / "config.json").write_text(json.dumps({"text_config": TEXT, "vocab_size": 7}), "utf-8")
    assert facts_of(model_directory).vocab_size == 7


def test_a_vocabulary_that_nothing_tells_is_refused_by_name(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors", {"layer.weight": np.zeros((4, 8))})
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match=r"its config\.json has no vocab_size"):
        facts_of(tmp_path)


@pytest.mark.parametrize(
    ("tensors", "widths"),
    [
        ({"block_sparse_moe.input_linear.weight": (4, 192, 256), "output_linear.weight": (4, 256, 96)}, (96, 192, 256)),
        ({"mixer.conv1d.weight": (8, 1, 4), "mixer.in_proj.weight": (16, 8)}, (8,)),
    ],
)
def test_experts_in_one_tensor_have_widths_too(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], widths: tuple[int, ...]
) -> None:
    write_weights(tmp_path / "model.safetensors", {name: np.zeros(shape) for name, shape in tensors.items()})
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 8}), "utf-8")
    assert facts_of(tmp_path).linear_widths == widths


@pytest.mark.parametrize(
    ("config", "everywhere"),
    [
        ({"model_type": "mistral", "sliding_window": 4096}, True),
        ({"model_type": "mistral", "sliding_window": None}, False),
        ({"model_type": "gemma2", "sliding_window": 4096}, False),
        ({"model_type": "qwen2", "sliding_window": 131072, "use_sliding_window": False}, False),
    ],
)
def test_a_window_of_all_layers_is_told_from_one_of_some(
    model_directory: Path, config: dict[str, Any], everywhere: bool
) -> None:
    (model_directory / "config.json").write_text(json.dumps(config), "utf-8")
    assert facts_of(model_directory).window_everywhere is everywhere


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0{]"])
def test_a_damaged_weight_file_is_refused(model_directory: Path, content: bytes) -> None:
    (model_directory / "model.safetensors").write_bytes(content)
    with pytest.raises(UsageError, match="my-model cannot be read"):
        facts_of(model_directory)


def values(folder: Path, config: Any) -> int | None:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return kv_values_per_token(folder)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 2 * 30 * 3 * 64),
        ({"num_key_value_heads": None}, 2 * 30 * 9 * 64),
        ({"head_dim": 100}, 2 * 30 * 3 * 100),
        ({"sliding_window": 9000}, 2 * 30 * 3 * 64),
        ({"sliding_window": 2047, "use_sliding_window": False}, 2 * 30 * 3 * 64),
        ({"text_config": {"num_hidden_layers": 10}}, 2 * 10 * 3 * 64),
    ],
)
def test_keys_and_values_of_all_layers_are_counted(tmp_path: Path, more: dict[str, Any], expected: int) -> None:
    assert values(tmp_path, SMOLLM | more) == expected


def test_keys_and_values_are_counted_in_the_words_of_older_architectures(tmp_path: Path) -> None:
    assert values(tmp_path, {"n_layer": 12, "n_head": 12, "n_embd": 768}) == 2 * 12 * 12 * 64


@pytest.mark.parametrize(
    "more",
    [{"sliding_window": 2047}, {"layer_types": ["full_attention", "linear_attention"]}, {"kv_lora_rank": 512}],
)
def test_a_cache_that_does_not_keep_every_token_is_not_guessed(tmp_path: Path, more: dict[str, Any]) -> None:
    assert values(tmp_path, SMOLLM | more) is None


@pytest.mark.parametrize("config", [{}, [], {"num_hidden_layers": "x"}, SMOLLM | {"num_attention_heads": 0}])
def test_a_configuration_in_other_words_is_not_known(tmp_path: Path, config: Any) -> None:
    assert values(tmp_path, config) is None


def test_a_folder_without_a_configuration_is_not_known(tmp_path: Path) -> None:
    assert kv_values_per_token(tmp_path) is None


@pytest.mark.parametrize(("fixture", "counted"), [("model_directory", 64), ("tied_directory", 32)])
def test_the_embedding_and_the_output_layer_are_counted_apart(
    fixture: str, counted: int, request: pytest.FixtureRequest
) -> None:
    assert facts_of(request.getfixturevalue(fixture)).embedding_parameters == counted
