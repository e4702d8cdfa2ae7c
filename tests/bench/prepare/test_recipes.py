from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import UsageError
from bench.prepare.model_source import DEFAULT_FACTS, SHAPES
from bench.prepare.recipes import INT4, Corpus, group_size, recipe_for, weight_recipe

CORPUS = Corpus("0123", ["chat.txt"])


@pytest.mark.parametrize(
    ("widths", "device", "size"),
    [
        ((3_072, 8_192), "CPU", 128),
        ((576, 1_536), "CPU", 64),
        ((96,), "CPU", 32),
        ((100,), "CPU", -1),
        ((3_072, 8_192), "NPU", 128),
        ((576, 1_536), "NPU", -1),
    ],
)
def test_the_group_is_the_largest_that_divides_every_width(widths: tuple[int, ...], device: str, size: int) -> None:
    assert group_size(widths, device) == size


def test_openvino_int4_states_group_size_ratio_and_symmetry() -> None:
    values = recipe_for("openvino-ir", "int4", "CPU", DEFAULT_FACTS).values
    assert (values["group_size"], values["ratio"], values["symmetric"]) == (64, 1.0, True)


def test_openvino_is_given_what_the_recipe_states() -> None:
    arguments = recipe_for("openvino-ir", "int4", "CPU", DEFAULT_FACTS).options["arguments"]
    assert arguments[2:] == ["--weight-format", "int4", "--group-size", "64", "--ratio", "1.0", "--sym", "--awq"]


def test_cpu_and_npu_share_a_recipe_where_both_take_it() -> None:
    facts = SHAPES["phi-3-mini"].facts
    assert recipe_for("openvino-ir", "int4", "CPU", facts) == recipe_for("openvino-ir", "int4", "NPU", facts)


def test_ort_computes_the_last_logits_only_and_records_it() -> None:
    assert recipe_for("ort-genai", "int8", "CPU", DEFAULT_FACTS).values["extra_options"] == {"prune_lm_head": "true"}


def test_a_window_of_all_layers_is_part_of_what_is_made() -> None:
    facts = replace(DEFAULT_FACTS, window_everywhere=True)
    assert recipe_for("ort-genai", "fp32", "CPU", facts).values["windows"] == "every layer"
    assert "windows" not in recipe_for("ort-genai", "fp32", "CPU", DEFAULT_FACTS).values


@pytest.mark.parametrize(
    ("device", "provider"),
    [
        ("CPU", "cpu"),
        ("OPENVINO.GPU", "cpu"),
        ("OVEP.NPU", "cpu"),
        ("DML.1", "dml"),
        ("WINML", "dml"),
        ("CUDA", "cuda"),
    ],
)
def test_a_device_has_its_execution_provider(device: str, provider: str) -> None:
    assert recipe_for("ort-genai", "int4", device, DEFAULT_FACTS).values["execution_provider"] == provider


@pytest.mark.parametrize(
    ("artifact_format", "precision", "device"),
    [
        ("openvino-ir", "bf16", "CPU"),
        ("ort-genai", "bf16", "CPU"),
        ("ort-genai", "int4", "NPU"),
        ("huggingface", "int4", "CPU"),
        ("gguf", "bf16", "CPU"),
        ("tflite", "int4", "CPU"),
    ],
)
def test_what_no_converter_makes_is_refused(artifact_format: str, precision: str, device: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be made|no converter"):
        recipe_for(artifact_format, precision, device, DEFAULT_FACTS)


@pytest.mark.parametrize(("artifact_format", "int4"), [(name, int4) for name, ways in INT4.items() for int4 in ways])
def test_each_way_of_making_int4_is_another_artifact(artifact_format: str, int4: str) -> None:
    ways = [recipe_for(artifact_format, "int4", "CPU", DEFAULT_FACTS, way, CORPUS) for way in INT4[artifact_format]]
    mine = recipe_for(artifact_format, "int4", "CPU", DEFAULT_FACTS, int4, CORPUS)
    assert [one.identity for one in ways].count(mine.identity) == 1


def test_the_first_way_is_the_default() -> None:
    assert recipe_for("ort-genai", "int4", "CPU", DEFAULT_FACTS) == recipe_for(
        "ort-genai", "int4", "CPU", DEFAULT_FACTS, next(iter(INT4["ort-genai"]))
    )


@pytest.mark.parametrize("device", ["DML", "CUDA", "WINML", "OPENVINO.GPU", "OVEP.NPU"])
def test_onnx_weights_for_other_providers_are_plain_unless_asked_otherwise(device: str) -> None:
    assert recipe_for("ort-genai", "int4", device, DEFAULT_FACTS).values["extra_options"] == {"prune_lm_head": "true"}
    mixed = recipe_for("ort-genai", "int4", device, DEFAULT_FACTS, "k-quant-mixed").values["extra_options"]
    assert mixed["algo_config"] == "k_quant"


def test_weights_are_calibrated_with_the_texts_that_the_identity_names() -> None:
    recipe = recipe_for("openvino-ir", "int4", "NPU", DEFAULT_FACTS, "calibrated", CORPUS)
    assert recipe.options["corpus"] == ["chat.txt"]
    assert (recipe.values["corpus"], recipe.values["calibrated"]["group_size"]) == ("0123", -1)


def test_the_users_document_has_a_recipe_of_its_own() -> None:
    facts = SHAPES["phi-3-mini"].facts
    arguments = recipe_for("openvino-ir", "int4", "GPU", facts, "document").options["arguments"]
    assert arguments[2:] == ["--weight-format", "int4", "--group-size", "128", "--ratio", "0.6", "--sym"]


@pytest.mark.parametrize(
    ("device", "int4", "words"),
    [
        ("CPU", "finest", "int4 weights of openvino-ir are made as awq, .*, not as 'finest'"),
        ("NPU", "k-quant-mixed", "int4 weights of openvino-ir are made as awq, .*, not as 'k-quant-mixed'"),
    ],
)
def test_a_way_that_there_is_not_is_refused(device: str, int4: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recipe_for("openvino-ir", "int4", device, DEFAULT_FACTS, int4)


def test_other_weight_formats_have_one_way() -> None:
    assert recipe_for("openvino-ir", "int8", "CPU", DEFAULT_FACTS, "calibrated", CORPUS) == recipe_for(
        "openvino-ir", "int8", "CPU", DEFAULT_FACTS
    )


# -- what a run keeps of it


def test_what_was_chosen_for_int4_weights_is_told() -> None:
    made = recipe_for("openvino-ir", "int4", "CPU", DEFAULT_FACTS)
    told = {"group_size": "64", "symmetric": "true", "ratio": "1.0", "quant_method": "awq"}
    assert weight_recipe({"recipe": made.identity}) == told


def test_a_calibrated_recipe_tells_its_method() -> None:
    made = recipe_for("openvino-ir", "int4", "CPU", DEFAULT_FACTS, "calibrated", CORPUS)
    found = weight_recipe({"recipe": made.identity})
    assert (found["quant_method"], found["scale_estimation"], found["group_size"]) == ("awq", "true", "64")


def test_blocks_of_an_onnx_graph_are_told_with_what_the_builder_was_given() -> None:
    made = recipe_for("ort-genai", "int4", "CPU", DEFAULT_FACTS, "k-quant-mixed")
    blocks = [{"block_size": 32, "accuracy_level": 0}, {"block_size": 32, "accuracy_level": 4}]
    assert weight_recipe({"recipe": made.identity, "facts": {"blocks": blocks}}) == {
        "algo_config": "k_quant",
        "matmul_mixed_precision": "last_matmul:int8,mixed_layers:int8",
        "block_size": "32",
        "accuracy_level": "0+4",
    }


@pytest.mark.parametrize("artifact_format", ["openvino-ir", "ort-genai", "gguf"])
def test_float_weights_have_no_recipe(artifact_format: str) -> None:
    made = recipe_for(artifact_format, "fp32", "CPU", DEFAULT_FACTS)
    assert weight_recipe({"recipe": made.identity, "facts": {"blocks": []}}) == {}


def test_a_ready_made_artifact_tells_no_recipe() -> None:
    assert weight_recipe({"recipe": {"task": "none", "note": "ready-made"}}) == {}
