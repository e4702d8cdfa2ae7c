"""A device's name decides the provider, what it is told, and what is said where it cannot be had."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from backends.contract import Device
from backends.ort_providers import (
    PROVIDERS,
    falls_back_silently,
    find,
    installed_family,
    is_refusal,
    named_device,
    provider_options,
    refusal,
)
from backends.table import BACKENDS


def devices(*names: str) -> list[Device]:
    return [Device(name) for name in names]


def test_every_family_of_the_table_has_a_provider() -> None:
    assert set(PROVIDERS) == set(BACKENDS["ort-genai"].devices)


@pytest.mark.parametrize(
    ("packages", "brought"),
    [
        (["onnxruntime-genai", "onnxruntime"], None),
        (["onnxruntime-genai", "onnxruntime-openvino"], "OPENVINO"),
        (["onnxruntime-genai", "onnxruntime", "onnxruntime-ep-openvino"], "OVEP"),
        (["onnxruntime-genai-directml", "onnxruntime-directml"], "DML"),
        (["onnxruntime-genai-winml", "onnxruntime-windowsml"], "WINML"),
        (["onnxruntime-genai-cuda", "onnxruntime-gpu"], "CUDA"),
    ],
)
def test_the_installed_package_decides_what_there_is_beside_the_cpu(packages: Sequence[str], brought: str) -> None:
    assert installed_family(packages) == brought


@pytest.mark.parametrize(
    ("requested", "present", "meant"),
    [
        ("CPU", ["CPU"], "CPU"),
        ("DML", ["CPU", "DML.0", "DML.1"], "DML.0"),
        ("DML.1", ["CPU", "DML.0", "DML.1"], "DML.1"),
        ("OPENVINO", ["CPU", "OPENVINO.CPU", "OPENVINO.GPU"], "OPENVINO.CPU"),
        ("OPENVINO.GPU", ["CPU", "OPENVINO.CPU", "OPENVINO.GPU.0", "OPENVINO.GPU.1"], "OPENVINO.GPU.0"),
        ("OPENVINO.GPU.0", ["CPU", "OPENVINO.CPU", "OPENVINO.GPU"], "OPENVINO.GPU"),
        ("OVEP", ["CPU", "OVEP.CPU", "OVEP.GPU"], "OVEP.CPU"),
        ("OVEP.GPU.0", ["CPU", "OVEP.CPU", "OVEP.GPU"], "OVEP.GPU"),
    ],
)
def test_a_name_means_a_device(requested: str, present: Sequence[str], meant: str) -> None:
    found = find(requested, devices(*present))

    assert found is not None
    assert found.name == meant


@pytest.mark.parametrize("requested", ["DML", "DML.1", "OPENVINO.NPU", "OPENVINO.AUTO", "CPU.0", "GPU", "ABACUS"])
def test_a_name_that_no_device_has_means_none(requested: str) -> None:
    assert find(requested, devices("CPU", "OPENVINO.CPU")) is None


@pytest.mark.parametrize(
    ("requested", "packages", "remedy"),
    [
        ("DML", ["onnxruntime-genai"], "onnxruntime-genai-directml"),
        ("DML", ["onnxruntime-genai-directml"], "DirectX 12"),
        ("WINML", ["onnxruntime-genai-winml"], "DirectX 12"),
        ("CUDA.1", ["onnxruntime-genai-cuda"], "NVIDIA"),
        ("OPENVINO.GPU", ["onnxruntime-genai", "onnxruntime-openvino"], "install the driver"),
        ("OPENVINO.NPU", ["onnxruntime-genai"], "onnxruntime-openvino"),
        ("GPU", ["onnxruntime-genai"], "OPENVINO.GPU"),
        ("NPU", ["onnxruntime-genai"], "OPENVINO.NPU"),
        ("ABACUS", ["onnxruntime-genai"], "choose one of those"),
    ],
)
def test_what_cannot_be_had_is_named_with_what_to_do(requested: str, packages: Sequence[str], remedy: str) -> None:
    words = refusal(requested, devices("CPU"), packages)

    assert f"no {requested} on this machine, only CPU: " in words
    assert remedy in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "message",
    [
        "Failed to load provider OpenVINO",
        "DML provider requested, but the installed GenAI has not been built with DML support",
        "OpenVINO execution provider is not supported in this build. ",
        "Cuda interface not available: Failed to load library: libonnxruntime-genai-cuda.so",
        "No adapter is available for DML.",
        "Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.13",
        "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
    ],
)
def test_a_provider_that_cannot_be_had_is_told_from_a_bad_model(message: str) -> None:
    assert is_refusal(message)


def test_a_bad_model_is_no_matter_of_the_provider() -> None:
    assert not is_refusal("Load model from model.onnx failed: Protobuf parsing failed.")


def test_openvino_is_told_its_device_and_its_threads() -> None:
    options = provider_options("OPENVINO", Device("OPENVINO.CPU"), 6)

    assert (options["device_type"], json.loads(options["load_config"])) == (
        "CPU",
        {"CPU": {"INFERENCE_NUM_THREADS": "6"}},
    )


def test_openvino_keeps_its_own_threads_where_none_are_asked_for() -> None:
    assert provider_options("OPENVINO.CPU", Device("OPENVINO.CPU"), None) == {"device_type": "CPU"}


def test_an_accelerator_of_openvino_is_told_no_threads() -> None:
    assert provider_options("OPENVINO.GPU", Device("OPENVINO.GPU.1"), 6) == {"device_type": "GPU.1"}


def test_the_plugin_is_told_openvinos_name_of_the_device_too() -> None:
    assert provider_options("OVEP.NPU", Device("OVEP.NPU"), 6) == {"device_type": "NPU"}


def test_a_model_on_the_plugin_names_the_plugin() -> None:
    assert named_device("OVEP.CPU", "OpenVINO", devices("CPU", "OVEP.CPU")) == ("OVEP.CPU", True)


def test_the_plugin_is_not_believed_of_an_npu() -> None:
    assert [falls_back_silently(device) for device in ("OVEP.NPU", "OVEP.CPU")] == [True, False]


@pytest.mark.parametrize(
    ("device", "options"),
    [
        ("DML.0", {}),
        ("DML.1", {"device_index": "1"}),
        ("WINML.2", {"device_index": "2"}),
        ("CUDA.0", {"device_id": "0"}),
    ],
)
def test_a_gpu_is_told_by_its_number(device: str, options: dict[str, str]) -> None:
    assert provider_options(device, Device(device), 6) == options


def test_the_cpu_is_told_nothing() -> None:
    assert provider_options("CPU", Device("CPU"), 6) == {}


def test_a_provider_with_one_device_names_it() -> None:
    assert named_device("OPENVINO.CPU", "OpenVINO", devices("CPU", "OPENVINO.CPU")) == ("OPENVINO.CPU", True)


def test_a_provider_with_several_devices_does_not_tell_which_it_is() -> None:
    present = devices("CPU", "OPENVINO.CPU", "OPENVINO.NPU")

    assert named_device("OPENVINO.NPU", "OpenVINO", present) == ("OPENVINO.NPU", False)


@pytest.mark.parametrize(("answer", "device"), [("CPU", "CPU"), ("OpenVINO", "OPENVINO"), ("WebGPU", "WebGPU")])
def test_another_provider_than_was_asked_for_is_named(answer: str, device: str) -> None:
    assert named_device("DML.0", answer, devices("CPU", "DML.0")) == (device, True)
