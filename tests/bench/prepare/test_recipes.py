from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.prepare.model_source import DEFAULT_FACTS, SHAPES
from bench.prepare.recipes import group_size, recipe_for


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
    assert arguments[2:] == ["--weight-format", "int4", "--group-size", "64", "--ratio", "1.0", "--sym"]


def test_cpu_and_npu_share_a_recipe_where_both_take_it() -> None:
    facts = SHAPES["phi-3-mini"].facts
    assert recipe_for("openvino-ir", "int4", "CPU", facts) == recipe_for("openvino-ir", "int4", "NPU", facts)


def test_ort_computes_the_last_logits_only_and_records_it() -> None:
    assert recipe_for("ort-genai", "int8", "CPU", DEFAULT_FACTS).values["extra_options"] == {"prune_lm_head": "true"}


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
