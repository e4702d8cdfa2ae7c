from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.prepare.model_facts import kv_values_per_token

SMOLLM = {
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "hidden_size": 576,
    "max_position_embeddings": 8192,
}


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
    ],
)
def test_keys_and_values_of_all_layers_are_counted(tmp_path: Path, more: dict[str, Any], expected: int) -> None:
    assert values(tmp_path, SMOLLM | more) == expected


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
