"""Which files of a folder are the model, as people have their folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backends.hf_weights import (
    NotWholeError,
    learned_tensors,
    quantization_of,
    source_files,
    stored_tensors,
    weight_files,
)
from tests.support.models import write_index, write_weights

SINGLE = "model.safetensors"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
EMBEDDING, LAYER, HEAD = "model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight", "lm_head.weight"
VALUES = {EMBEDDING: np.arange(32).reshape(8, 4), LAYER: np.ones((4, 4)), HEAD: np.zeros((8, 4))}
PLACED = {EMBEDDING: SHARDS[0], LAYER: SHARDS[1], HEAD: SHARDS[1]}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    for shard in SHARDS:
        write_weights(tmp_path / shard, {name: VALUES[name] for name, file in PLACED.items() if file == shard})
    write_index(tmp_path, PLACED)
    return tmp_path


@pytest.fixture
def single(tmp_path: Path) -> Path:
    write_weights(tmp_path / SINGLE, VALUES)
    return tmp_path


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


@pytest.mark.parametrize(
    "stray", ["consolidated.safetensors", "adapter_model.safetensors", "model.fp16.safetensors", "zz.safetensors"]
)
def test_only_the_files_that_the_index_names_are_the_model(sharded: Path, stray: str) -> None:
    write_weights(sharded / stray, VALUES)
    (sharded / "config.json").write_text("{}", "utf-8")
    assert names(weight_files(sharded)) == [*SHARDS]
    assert names(source_files(sharded)) == ["config.json", *SHARDS, "model.safetensors.index.json"]


@pytest.mark.parametrize("index", [[], "x", {}, {"weight_map": []}, {"weight_map": None}])
def test_an_index_that_places_nothing_is_named(tmp_path: Path, index: object) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    with pytest.raises(NotWholeError, match=r"model\.safetensors\.index\.json does not say where the weights are"):
        stored_tensors(tmp_path)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"[]", "names no tensors"),
        (b"null", "names no tensors"),
        (b'{"a": 1}', "does not say what the tensor 'a' is"),
        (b'{"a": {}}', "does not say what the tensor 'a' is"),
        (b'{"a": {"dtype": [], "shape": [1], "data_offsets": [0, 4]}}', "which cannot be"),
        (b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": null}}', "does not say what the tensor 'a' is"),
    ],
)
def test_a_header_that_describes_no_tensors_is_named(tmp_path: Path, header: bytes, why: str) -> None:
    (tmp_path / SINGLE).write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(ValueError, match=rf"model\.safetensors .*{why}"):
        stored_tensors(tmp_path)


@pytest.mark.parametrize("data", [b"", b"1234", bytes(8)])
def test_a_file_that_ends_in_its_header_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / SINGLE).write_bytes(data)
    with pytest.raises(ValueError, match=r"model\.safetensors is no safetensors file"):
        stored_tensors(tmp_path)


def test_a_configuration_without_settings_is_told(single: Path) -> None:
    (single / "config.json").write_text("[]", "utf-8")
    with pytest.raises(ValueError, match=r"config\.json has no settings"):
        quantization_of(single)


def test_a_single_file_is_the_model_whatever_lies_beside_it(single: Path) -> None:
    write_weights(single / "consolidated.safetensors", {"layers.0.w1": np.ones((4, 4))})
    assert names(weight_files(single)) == [SINGLE]
    assert stored_tensors(single).keys() == VALUES.keys()


def test_an_index_left_beside_a_file_of_all_shards_is_not_followed(single: Path) -> None:
    write_index(single, PLACED)
    assert names(weight_files(single)) == [SINGLE]


def test_an_index_may_name_the_single_file(single: Path) -> None:
    write_index(single, dict.fromkeys(VALUES, SINGLE))
    assert stored_tensors(single).keys() == VALUES.keys()


def test_two_different_sets_of_weights_are_refused(sharded: Path) -> None:
    write_weights(sharded / SINGLE, {LAYER: VALUES[LAYER]})
    with pytest.raises(NotWholeError, match="hold different weights"):
        weight_files(sharded)


def test_a_tensor_in_two_shards_is_taken_where_the_index_places_it(sharded: Path) -> None:
    write_weights(sharded / SHARDS[0], {EMBEDDING: VALUES[EMBEDDING], LAYER: VALUES[LAYER]})
    assert stored_tensors(sharded)[LAYER].file.name == SHARDS[1]


def test_a_missing_shard_is_named(sharded: Path) -> None:
    (sharded / SHARDS[1]).unlink()
    with pytest.raises(NotWholeError, match=f"{SHARDS[1]} is missing, of 2 that model.safetensors.index.json names"):
        stored_tensors(sharded)


def test_shards_without_their_index_are_refused(sharded: Path) -> None:
    (sharded / "model.safetensors.index.json").unlink()
    with pytest.raises(NotWholeError, match=r"index\.json.* is missing"):
        stored_tensors(sharded)


def test_a_shard_that_was_cut_off_is_named(sharded: Path) -> None:
    file = sharded / SHARDS[0]
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(NotWholeError, match=f"{SHARDS[0]} is cut off"):
        stored_tensors(sharded)


def test_a_tensor_that_is_not_where_the_index_places_it_is_named(sharded: Path) -> None:
    write_weights(sharded / SHARDS[1], {LAYER: VALUES[LAYER]})
    with pytest.raises(NotWholeError, match=f"{SHARDS[1]} lacks the tensor {HEAD}"):
        stored_tensors(sharded)


def test_a_git_lfs_pointer_is_called_that(single: Path) -> None:
    (single / SINGLE).write_bytes(POINTER)
    with pytest.raises(NotWholeError, match=r"is a Git LFS pointer.*git lfs pull"):
        stored_tensors(single)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("adapter_model.safetensors", "is an adapter"), ("consolidated.safetensors", "not in the layout of transformers")],
)
def test_weights_that_transformers_does_not_find_are_refused(tmp_path: Path, name: str, reason: str) -> None:
    write_weights(tmp_path / name, VALUES)
    with pytest.raises(NotWholeError, match=reason):
        weight_files(tmp_path)


@pytest.mark.parametrize("named", ["../other.safetensors", "C:\\x.safetensors", "/etc/x.safetensors", "x.bin", 3])
def test_an_index_names_files_of_its_folder_alone(sharded: Path, named: str) -> None:
    write_index(sharded, {**PLACED, LAYER: named})
    with pytest.raises(NotWholeError, match="no safetensors file of the folder"):
        weight_files(sharded)


@pytest.mark.parametrize(
    ("tied", "head", "counted"),
    [
        (True, VALUES[EMBEDDING], 2),
        (None, VALUES[EMBEDDING], 2),
        (False, VALUES[EMBEDDING], 3),
        (True, VALUES[HEAD], 3),
        (None, VALUES[HEAD], 3),
    ],
)
def test_a_stored_head_is_tied_where_it_equals_the_embedding(
    tmp_path: Path, tied: bool | None, head: np.ndarray, counted: int
) -> None:
    write_weights(tmp_path / SINGLE, {**VALUES, HEAD: head})
    assert len(learned_tensors(tmp_path, tied=tied)) == counted


@pytest.mark.parametrize(
    ("name", "shape", "learned"),
    [
        ("h.0.attn.bias", (1, 1, 8, 8), False),
        ("h.0.attn.masked_bias", (), False),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", (4,), False),
        ("h.0.attn.bias", (8,), True),
    ],
)
def test_masks_and_rotary_frequencies_are_not_learned(
    tmp_path: Path, name: str, shape: tuple[int, ...], learned: bool
) -> None:
    write_weights(tmp_path / SINGLE, {name: np.ones(shape)})
    assert (name in learned_tensors(tmp_path, tied=None)) is learned


CONFIGURED = [
    ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, "fp8"),
    ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq"),
    ({"quantization_config": {"quant_method": "awq"}}, "awq"),
    ({"quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": []}}, "mxfp4"),
    ({"quantization_config": {"load_in_4bit": True}}, "bitsandbytes"),
    ({"quantization_config": {"bits": 4}}, "in a way that its configuration does not name"),
    ({"compression_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors"),
    ({"text_config": {"quantization_config": {"quant_method": "compressed-tensors"}}}, "compressed-tensors"),
    (
        {
            "quantization_config": {
                "quant_method": "torchao",
                "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}},
            }
        },
        "torchao Int8WeightOnlyConfig",
    ),
    ({"quantization_config": {"quant_method": "torchao", "quant_type": "int4_weight_only"}}, "torchao"),
    ({"quantization_config": None}, None),
    ({}, None),
]


@pytest.mark.parametrize(("config", "named"), CONFIGURED)
def test_quantized_weights_are_known_by_their_configuration(single: Path, config: object, named: str | None) -> None:
    (single / "config.json").write_text(json.dumps(config), "utf-8")
    assert quantization_of(single) == named


@pytest.mark.parametrize(
    ("name", "kind", "named"),
    [
        ("model.layers.0.mlp.up_proj.weight", "F8_E4M3", "f8_e4m3"),
        ("model.layers.0.mlp.up_proj.qweight", "I32", "qweight tensors"),
        ("model.layers.0.mlp.experts.gate_up_proj_blocks", "U8", "gate_up_proj_blocks tensors"),
        ("model.layers.0.mlp.up_proj.weight.absmax", "F32", "absmax tensors"),
        ("model.layers.0.mlp.up_proj.weight", "I8", None),
    ],
)
def test_quantized_weights_are_known_by_their_tensors(tmp_path: Path, name: str, kind: str, named: str | None) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    write_weights(tmp_path / SINGLE, {name: np.ones((4, 4))}, kind)
    assert quantization_of(tmp_path) == named


@pytest.mark.parametrize(("file", "named"), [("quantize_config.json", "gptq"), ("hf_quant_config.json", "modelopt")])
def test_quantized_weights_are_known_by_the_files_of_older_tools(single: Path, file: str, named: str) -> None:
    for name in ("config.json", file):
        (single / name).write_text("{}", "utf-8")
    assert quantization_of(single) == named


def test_scales_of_torchao_are_no_parameters(tmp_path: Path) -> None:
    codes = {f"up_proj._weight_{part}": np.ones(shape) for part, shape in {"qdata": (4, 4), "scale": (4, 1)}.items()}
    write_weights(tmp_path / SINGLE, codes)
    assert [*learned_tensors(tmp_path, tied=None)] == ["up_proj._weight_qdata"]
