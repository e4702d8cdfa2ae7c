"""What of a repository is a model, by the names of its files."""

from __future__ import annotations

import pytest

from backends.convert.hub_files import needed, placed, refusal
from tests.support import phi3_repository as phi3

PLAIN = ["config.json", "tokenizer.json"]


def test_of_phi_3_mini_what_is_needed_is_taken() -> None:
    where = dict.fromkeys(("a", "b"), "model-00001-of-00002.safetensors") | {"c": "model-00002-of-00002.safetensors"}
    assert needed([*phi3.NEEDED, *phi3.BESIDE], where) == sorted(phi3.NEEDED)


def test_one_file_of_weights_comes_before_shards() -> None:
    names = [*PLAIN, "model.safetensors", "model.safetensors.index.json", "model-00001-of-00001.safetensors"]
    assert needed(names, {}) == [*PLAIN[:1], "model.safetensors", *PLAIN[1:]]


def test_nothing_of_a_folder_is_taken_even_where_the_index_names_it() -> None:
    names = [*PLAIN, "model.safetensors.index.json", "sub/model.safetensors", "sub/config.json"]
    assert needed(names, {"a": "sub/model.safetensors"}) == [*PLAIN[:1], "model.safetensors.index.json", *PLAIN[1:]]


@pytest.mark.parametrize(
    "name", ["NUL.json", "a\\b.json", "C:x.json", "config.json.", "\u202egnp.json", "x" * 300 + ".json"]
)
def test_a_name_that_is_no_files_everywhere_is_not_taken(name: str) -> None:
    assert needed([*PLAIN, name, "model.safetensors"], {}) == [*PLAIN[:1], "model.safetensors", *PLAIN[1:]]


@pytest.mark.parametrize("where", [None, [], "x", {"a": None}, {"a": ["b"]}, {"a": 1}])
def test_an_index_of_another_kind_places_nothing(where: object) -> None:
    assert placed({"weight_map": where}) == {}


def test_an_index_places_each_tensor() -> None:
    assert placed({"weight_map": {"a": "b"}, "metadata": {}}) == {"a": "b"}


@pytest.mark.parametrize("weights", ["model.safetensors", "model.safetensors.index.json"])
def test_a_model_is_not_refused(weights: str) -> None:
    assert refusal("acme/tiny", [*PLAIN, weights, "a.gguf", "pytorch_model.bin"], "hf") is None


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["openvino_model.xml", "config.json"],
            (
                "holds an OpenVINO model: download it with `hf download acme/tiny --local-dir FOLDER` and give "
                "FOLDER with --model"
            ),
        ),
        (
            ["cpu/int4/genai_config.json", "cuda/genai_config.json"],
            (
                "holds an ONNX Runtime GenAI model in cpu/int4, cuda: download it with `hf download acme/tiny "
                '--include "cpu/int4/*" --local-dir FOLDER` and give FOLDER/cpu/int4 with --model'
            ),
        ),
        (
            ["a.gguf", "b.gguf", "c.gguf", "d.gguf", "config.json"],
            (
                "holds GGUF files and no safetensors (a.gguf, b.gguf, c.gguf and 1 more): download one of them "
                "with `hf download acme/tiny FILE --local-dir FOLDER` and give its path with --model"
            ),
        ),
        (
            ["adapter_model.safetensors", "adapter_config.json"],
            "is an adapter (adapter_model.safetensors), not a model: give one that it was merged into",
        ),
        (
            ["consolidated.safetensors", "params.json"],
            (
                "has weights (consolidated.safetensors) that are not in the layout of transformers, "
                "model.safetensors or model.safetensors.index.json: choose another edition"
            ),
        ),
        (["README.md"], "holds no weights (README.md): choose another model"),
        ([], "holds no weights (no file at all): choose another model"),
        (
            ["model.safetensors", "tokenizer.json"],
            "has weights but no config.json, so it is no model for transformers: choose another one",
        ),
    ],
)
def test_what_is_no_model_says_what_it_is_and_what_to_do(names: list[str], said: str) -> None:
    assert refusal("acme/tiny", names, "hf") == f"acme/tiny {said}"


def test_pickles_alone_are_refused() -> None:
    said = refusal("acme/tiny", [*PLAIN, "pytorch_model.bin"], "hf") or ""
    assert said.startswith("acme/tiny has its weights as pickles alone (pytorch_model.bin), which can run code")


def test_a_model_without_a_tokenizer_is_refused() -> None:
    said = refusal("acme/tiny", ["model.safetensors", "config.json"], "hf") or ""
    assert said.startswith("acme/tiny has no tokenizer (tokenizer.json, tokenizer.model, vocab.json), and prompts are")
