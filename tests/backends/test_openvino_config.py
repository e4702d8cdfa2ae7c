"""What OpenVINO is told and what is made of its answers: decided in plain values, so shown without OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backends.contract import BackendError, DeviceUnavailableError, LoadOptions
from backends.openvino_config import (
    NpuShapes,
    Setup,
    activation_quantization,
    adapter_of,
    as_text,
    changed_hints,
    common_properties,
    lacks_npu_compiler,
    listed,
    npu_properties,
    prefill_chunk,
    read_back,
    require,
)
from backends.table import BACKENDS

NO_CACHE = ""


def options(device: str, threads: int | None = 4, **given: Any) -> LoadOptions:
    shape = {"prompt_tokens": 100, "new_tokens": 64}
    return LoadOptions("int4", threads, BACKENDS["openvino-genai"].load_options(device, "int4", shape, given))


# -- which device


@pytest.mark.parametrize("device", ["CPU", "GPU.1", "GPU"])
def test_a_listed_device_is_taken(device: str) -> None:
    require(device, ["CPU", "GPU.0", "GPU.1"])


def test_a_sole_gpu_which_openvino_lists_without_its_number_is_taken_by_it() -> None:
    require("GPU.0", ["CPU", "GPU", "NPU"])


@pytest.mark.parametrize(
    ("device", "remedy"), [("NPU", "NPU driver"), ("GPU.2", "intel-opencl-icd"), ("ABACUS", "choose one")]
)
def test_another_one_is_refused_with_what_is_here_and_a_remedy(device: str, remedy: str) -> None:
    with pytest.raises(DeviceUnavailableError, match=rf"no {device} .* only CPU, GPU\.0; .*{remedy}"):
        require(device, ["CPU", "GPU.0"])


class Core:
    """OpenVINO on a machine that has what the tests' one lacks."""

    def __init__(self) -> None:
        self.available_devices = ("CPU", "GPU.0", "NPU")
        self.properties: dict[tuple[str, str], Any] = {
            ("CPU", "FULL_DEVICE_NAME"): "Intel(R) Core(TM) Ultra 7 258V",
            ("GPU.0", "FULL_DEVICE_NAME"): "Intel(R) Arc(TM) 140V GPU (16GB) (iGPU)",
            ("GPU.0", "GPU_DEVICE_TOTAL_MEM_SIZE"): 17_000_000_000,
            ("GPU.0", "GPU_DRIVER_VERSION"): "32.0.101.6647",
            ("NPU", "FULL_DEVICE_NAME"): "Intel(R) AI Boost",
            ("NPU", "NPU_DRIVER_VERSION"): 1004082,
        }

    def get_property(self, device: str, name: str) -> Any:
        try:
            return self.properties[device, name]
        except KeyError:
            raise RuntimeError(f"Unsupported property {name}") from None


def test_a_device_comes_with_what_openvino_tells_of_it() -> None:
    assert [(one.name, one.driver, one.memory_bytes) for one in listed(Core())] == [
        ("CPU", None, None),
        ("GPU.0", "32.0.101.6647", 17_000_000_000),
        ("NPU", "1004082", None),
    ]


class Place:
    """OpenVINO's PCIInfo."""

    def __init__(self, *numbers: int) -> None:
        self.domain, self.bus, self.device, self.function = numbers


@pytest.mark.parametrize(
    ("place", "adapter"),
    [(Place(0, 0, 2, 0), "0000:00:02.0"), (Place(0, 3, 0, 0), "0000:03:00.0"), (Place(0, 0, 0, 0), None), (None, None)],
)
def test_on_linux_an_adapter_is_a_pci_address_in_hex(place: Place | None, adapter: str | None) -> None:
    core = Core()
    if place is not None:
        core.properties["GPU.0", "DEVICE_PCI_INFO"] = place
    assert adapter_of(core, "GPU.0", windows=False) == adapter


@pytest.mark.parametrize(
    ("told", "adapter"),
    [("c2d1000000000000", "d1c2"), ("efbe000001000000", "10000beef"), ("0" * 16, None), ("none", None), (None, None)],
)
def test_on_windows_an_adapter_is_the_id_of_the_performance_counters(told: str | None, adapter: str | None) -> None:
    core = Core()
    if told is not None:
        core.properties["GPU.0", "DEVICE_LUID"] = told
    assert adapter_of(core, "GPU.0", windows=True) == adapter


# -- what it is told


def test_a_cpu_is_told_threads_one_stream_and_the_type_of_its_cache() -> None:
    assert common_properties("CPU", options("CPU"), NO_CACHE) == {
        "PERFORMANCE_HINT": "LATENCY",
        "CACHE_DIR": "",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": 4,
        "KV_CACHE_PRECISION": "f16",
    }


@pytest.mark.parametrize("device", ["CPU", "GPU", "AUTO"])
def test_openvino_computes_in_the_type_that_is_asked_for(device: str) -> None:
    told = common_properties(device, options(device, inference_precision="f32"), NO_CACHE)
    assert told["INFERENCE_PRECISION_HINT"] == "f32"


def test_openvino_chooses_the_type_where_none_is_asked_for() -> None:
    assert "INFERENCE_PRECISION_HINT" not in common_properties("CPU", options("CPU"), NO_CACHE)


@pytest.mark.parametrize("asked", ["0", "64"])
def test_activations_are_quantized_in_groups_of_the_size_that_is_asked_for(asked: str) -> None:
    told = common_properties("CPU", options("CPU", dynamic_quantization_group_size=asked), NO_CACHE)
    assert told["DYNAMIC_QUANTIZATION_GROUP_SIZE"] == int(asked)


def test_a_group_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(BackendError, match="in groups of a whole number of values, not off"):
        common_properties("CPU", options("CPU", dynamic_quantization_group_size="off"), NO_CACHE)


def test_auto_stays_with_what_it_chose() -> None:
    told = common_properties("AUTO", options("AUTO"), NO_CACHE)
    assert (told["ENABLE_STARTUP_FALLBACK"], told["ENABLE_RUNTIME_FALLBACK"]) == (False, False)


def test_a_gpu_has_no_cpu_threads() -> None:
    assert "INFERENCE_NUM_THREADS" not in common_properties("GPU.0", options("GPU.0"), NO_CACHE)


def test_a_stack_that_is_left_its_own_is_told_nothing_of_it() -> None:
    told = common_properties("CPU", options("CPU", threads=None, kv_cache_precision="stack"), NO_CACHE)
    assert not {"INFERENCE_NUM_THREADS", "KV_CACHE_PRECISION"} & set(told)


def test_an_npu_is_told_its_shapes_and_hints_and_no_more() -> None:
    given = options("NPU", generate_hint="BEST_PERF")
    assert common_properties("NPU", given, NO_CACHE) == {"PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": ""}
    assert npu_properties(given) == {
        "MAX_PROMPT_LEN": 128,
        "MIN_RESPONSE_LEN": 64,
        "PREFILL_HINT": "DYNAMIC",
        "GENERATE_HINT": "BEST_PERF",
    }


def test_a_cpus_load_has_no_option_of_an_npu() -> None:
    assert npu_properties(options("CPU")) == {}


# -- the shapes of an NPU


@pytest.mark.parametrize(
    ("longest", "hint", "chunk", "prompt", "padded"),
    [
        (128, "DYNAMIC", 1024, 100, 128),
        (100, "DYNAMIC", 1024, 100, 128),
        (1024, "DYNAMIC", 1024, 100, 1024),
        (1088, "DYNAMIC", 1024, 1070, 2048),
        (4096, "DYNAMIC", 1024, 100, 1024),
        (4096, "DYNAMIC", 256, 300, 512),
        (4096, "DYNAMIC", 0, 300, 4096),
        (4096, "STATIC", 1024, 300, 4096),
    ],
)
def test_a_prompt_is_padded_to_whole_chunks_or_to_the_longest(
    longest: int, hint: str, chunk: int, prompt: int, padded: int
) -> None:
    assert NpuShapes.of({"MAX_PROMPT_LEN": longest, "PREFILL_HINT": hint}, chunk).padded(prompt) == padded


def test_what_the_pipeline_is_not_told_has_its_own_defaults() -> None:
    assert NpuShapes.of({}, 256) == NpuShapes(1024, 128, 256)


@pytest.mark.parametrize(
    ("prompt", "new", "option"),
    [
        (128, 64, None),
        (100, 92, None),
        (129, 1, "max_prompt_len"),
        (128, 65, "min_response_len"),
        (100, 93, "at least 93"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_option_that_helps(prompt: int, new: int, option: str | None) -> None:
    problem = NpuShapes(128, 64, 1024).problem(prompt, new)
    assert problem is None if option is None else option in str(problem)


def test_the_chunk_is_the_plugins_own_and_none_where_it_does_not_tell() -> None:
    core = Core()
    silent = prefill_chunk(core)
    core.properties["NPU", "NPUW_LLM_PREFILL_CHUNK_SIZE"] = 1024
    assert (silent, prefill_chunk(core)) == (0, 1024)


# -- the compile cache


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run, with the worker in one of its own below."""
    (tmp_path / "worker").mkdir()
    monkeypatch.chdir(tmp_path / "worker")
    return tmp_path


def test_without_a_cache_nothing_is_kept(run_folder: Path) -> None:
    setup = Setup.of(run_folder / "model", "CPU", options("CPU"))
    assert (setup.properties["CACHE_DIR"], setup.compile_cache()) == ("", "none")


def test_a_cache_is_cold_and_then_a_hit(run_folder: Path) -> None:
    given = options("CPU", compile_cache="on")
    first = Setup.of(run_folder / "model", "CPU", given)
    folder = Path(first.properties["CACHE_DIR"])
    folder.mkdir(parents=True)
    (folder / "1.blob").touch()
    second = Setup.of(run_folder / "model", "CPU", given)
    assert (first.compile_cache(), second.compile_cache()) == ("cold", "hit")


def test_a_cache_that_stays_empty_tells_nothing(run_folder: Path) -> None:
    setup = Setup.of(run_folder / "model", "CPU", options("CPU", compile_cache="on"))
    assert setup.compile_cache() == "unknown"


def test_each_device_has_a_cache_of_its_own(run_folder: Path) -> None:
    given = options("CPU", compile_cache="on")
    folders = {Setup.of(run_folder / "model", device, given).properties["CACHE_DIR"] for device in ("CPU", "GPU")}
    assert len(folders) == 2


# -- what it answers


class Compiled:
    """A compiled model that has some of the properties."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.properties = properties

    def get_property(self, name: str) -> Any:
        if name not in self.properties:
            raise RuntimeError(f"Unsupported property {name}")
        return self.properties[name]


def test_properties_that_a_device_lacks_are_left_out() -> None:
    assert read_back(Compiled({"EXECUTION_DEVICES": ["GPU.0"], "PERFORMANCE_HINT": "LATENCY"})) == {
        "EXECUTION_DEVICES": "GPU.0",
        "PERFORMANCE_HINT": "LATENCY",
    }


class Named:
    name = "LATENCY"


class Type:
    def to_string(self) -> str:
        return "f16"


@pytest.mark.parametrize(
    ("value", "text"),
    [(["GPU.0", "CPU"], "GPU.0+CPU"), (["(CPU)"], "CPU"), (Named(), "LATENCY"), (Type(), "f16"), (2, "2")],
)
def test_a_property_is_a_word(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_only_what_was_asked_for_and_became_something_else_is_changed() -> None:
    asked = {"INFERENCE_PRECISION_HINT": "f16", "KV_CACHE_PRECISION": "u8", "INFERENCE_NUM_THREADS": 2}
    read = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "u8", "INFERENCE_NUM_THREADS": "2", "X": "y"}
    assert changed_hints(asked, read) == {"INFERENCE_PRECISION_HINT": "asked f16, got f32"}


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        ('Cannot load library "/x/libopenvino_intel_npu_compiler_loader.so": cannot open shared object file', True),
        ("Exception from plugin_property_manager.cpp:732:\nUnsupported configuration key: NPU_MAX_TILES\n", True),
        ("ZE_RESULT_ERROR_DEVICE_LOST", False),
    ],
)
def test_an_npu_without_its_compiler_is_told_from_a_model_that_does_not_compile(words: str, lacking: bool) -> None:
    assert lacks_npu_compiler(RuntimeError(words)) is lacking


@pytest.mark.parametrize(
    ("device", "precision", "computes", "group", "known"),
    [
        ("CPU", "int4", "f32", "32", "int8 allowed, groups of 32"),
        ("CPU", "original", "f32", "32", "int8 allowed, groups of 32"),
        ("CPU", "int8", "bf16", "32", "none"),
        ("CPU", "int8", "bf16", str(2**64 - 1), "int8 allowed, one group per token"),
        ("CPU", "int4", "f32", "0", "none"),
        ("CPU", "fp32", "f32", "32", "none"),
        ("GPU.0", "int4", "f16", "128", "int8 allowed, groups of 128"),
    ],
)
def test_activations_are_quantized_where_openvino_has_a_kernel_for_it(
    device: str, precision: str, computes: str, group: str, known: str
) -> None:
    read = {
        "EXECUTION_DEVICES": device,
        "INFERENCE_PRECISION_HINT": computes,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": group,
    }
    assert activation_quantization(precision, read) == known


def test_where_no_group_size_is_read_nothing_is_known_of_activations() -> None:
    assert activation_quantization("int4", {"EXECUTION_DEVICES": "NPU"}) is None
