"""How OpenVINO is configured for a load, and what became of it: shared by the stacks that run on OpenVINO."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.contract import (
    BackendError,
    CompileCache,
    Device,
    DeviceUnavailableError,
    LoadOptions,
    locally_unique,
    pci_address,
)
from backends.spec import family, name_among

STACKS_CHOICE = "stack"
"""Leaves a property to OpenVINO."""

_WHOLE_TOKEN = 2**64 - 1
"""A group size for dynamic quantization: one group for all values of a token."""
_NARROWEST = 256
"""No language model has fewer values per token."""

_REMEDIES = {
    "NPU": "install the NPU driver, and on Linux join the group `render`",
    "GPU": "install the GPU's compute driver (on Linux: intel-opencl-icd), and on Linux join the group `render`",
}

_DRIVERS = {"GPU": "GPU_DRIVER_VERSION", "NPU": "NPU_DRIVER_VERSION"}
_MEMORIES = {"GPU": "GPU_DEVICE_TOTAL_MEM_SIZE", "NPU": "NPU_DEVICE_TOTAL_MEM_SIZE"}
"""Device family -> the property that tells it."""

READ_BACK = (
    "EXECUTION_DEVICES",
    "INFERENCE_PRECISION_HINT",
    "KV_CACHE_PRECISION",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE",
    "INFERENCE_NUM_THREADS",
    "PERFORMANCE_HINT",
)
"""The properties of a compiled model that say how it runs."""


def listed(core: Any) -> list[Device]:
    """The available devices and their properties; a plugin that merely loads is not a device."""
    devices = []
    for name in core.available_devices:
        described, driver, size = (
            _property(core, name, one)
            for one in ("FULL_DEVICE_NAME", _DRIVERS.get(family(name)), _MEMORIES.get(family(name)))
        )
        memory = int(size) if size is not None and size.isdigit() else None
        adapter = adapter_of(core, name) if family(name) in _DRIVERS else None
        devices.append(Device(name, described, driver, memory, adapter))
    return devices


def adapter_of(core: Any, device: str, *, windows: bool = sys.platform == "win32") -> str | None:
    """Which adapter of the system a device is, see :class:`backends.contract.Device`; never tried on a device."""
    try:
        if windows:
            return locally_unique(bytes.fromhex(str(core.get_property(device, "DEVICE_LUID"))))
        place = core.get_property(device, "DEVICE_PCI_INFO")
        return pci_address(place.domain, place.bus, place.device, place.function)
    except (RuntimeError, TypeError, ValueError, AttributeError):
        return None


def _property(core: Any, device: str, name: str | None) -> str | None:
    if name is None:
        return None
    try:
        return str(core.get_property(device, name))
    except RuntimeError:
        return None


def require(device: str, present: list[str]) -> None:
    """Refuse a device that OpenVINO does not list as available."""
    if name_among(device, present) is not None:
        return
    remedy = _REMEDIES.get(family(device), "choose one of those")
    raise DeviceUnavailableError(
        f"OpenVINO finds no {device} on this machine, only {', '.join(present)}; if it has one: {remedy}"
    )


@dataclass(frozen=True, slots=True)
class Setup:
    """What OpenVINO is asked for in a load.

    Args:
        properties: of the compilation, whichever stack calls for it.
        blobs_before: the compiled models that the compile cache held before the load; ``None`` without a cache.
    """

    device: str
    options: LoadOptions
    properties: Mapping[str, Any]
    blobs_before: frozenset[str] | None

    @classmethod
    def of(cls, artifact: Path, device: str, options: LoadOptions) -> Setup:
        """The setup of a load as its options say; a compile cache lies beside the worker's own folder."""
        if options.extra.get("compile_cache", "off") != "on":
            return cls(device, options, common_properties(device, options, ""), None)
        # There it lives as long as the run.
        folder = str(Path.cwd().parent / "compiled" / f"{artifact.name}-{device}")
        return cls(device, options, common_properties(device, options, folder), _blobs(folder))

    def compile_cache(self) -> CompileCache:
        """What the load made of the cache: filled it, was served by it, or did neither as far as can be seen."""
        if self.blobs_before is None:
            return "none"
        if _blobs(self.properties["CACHE_DIR"]) - self.blobs_before:
            return "cold"
        return "hit" if self.blobs_before else "unknown"

    def evidence(self, read: Mapping[str, str]) -> dict[str, Any]:
        """The fields of :class:`backends.contract.Evidence` that properties of the compiled model tell.

        Called once, right after the load.
        """
        threads = read.get("INFERENCE_NUM_THREADS")
        return {
            "inference_precision": read.get("INFERENCE_PRECISION_HINT"),
            "kv_cache_precision": read.get("KV_CACHE_PRECISION"),
            "activation_quantization": activation_quantization(self.options.precision, read),
            "threads": int(threads) if threads else None,
            "compile_cache": self.compile_cache(),
            "changed_hints": changed_hints(self.properties, read),
        }


def _blobs(folder: str) -> frozenset[str]:
    return frozenset(file.name for file in Path(folder).glob("*.blob"))


def common_properties(device: str, options: LoadOptions, cache: str) -> dict[str, Any]:
    """The properties of the original document, the CPU threads, and the types of the KV cache and of computation.

    ``cache`` is the folder in which OpenVINO keeps compiled models; empty for none.

    An NPU takes neither: it has no CPU threads, and its own pipeline allocates the KV cache.
    """
    properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": cache}
    if family(device) == "NPU":
        return properties
    properties["NUM_STREAMS"] = "1"
    if device == "AUTO":
        # Else it begins on the CPU while it compiles for what it chose, and changes over in the middle of a run.
        properties |= {"ENABLE_STARTUP_FALLBACK": False, "ENABLE_RUNTIME_FALLBACK": False}
    if device == "CPU" and options.threads is not None:
        properties["INFERENCE_NUM_THREADS"] = options.threads
    if precision := options.extra.get("inference_precision"):
        properties["INFERENCE_PRECISION_HINT"] = str(precision)
    kv_cache = options.extra.get("kv_cache_precision")
    if kv_cache and kv_cache != STACKS_CHOICE:
        properties["KV_CACHE_PRECISION"] = str(kv_cache)
    if group := options.extra.get("dynamic_quantization_group_size"):
        if not str(group).isdigit():
            raise BackendError(f"OpenVINO quantizes activations in groups of a whole number of values, not {group}")
        properties["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = int(group)
    return properties


def npu_properties(options: LoadOptions) -> dict[str, Any]:
    """The properties of OpenVINO GenAI's own NPU pipeline: fixed shapes, and compilation hints.

    Not where: NPUW_DEVICES is the NPU alone then. With ``NPU,CPU`` it runs on the CPU what does not compile, without an
    error, and still answers NPU for the device.
    """
    names = ("max_prompt_len", "min_response_len", "prefill_hint", "generate_hint")
    return {name.upper(): options.extra[name] for name in names if options.extra.get(name) is not None}


@dataclass(frozen=True, slots=True)
class NpuShapes:
    """The shapes that OpenVINO GenAI's NPU pipeline compiles a model for, in tokens.

    Read in OpenVINO 2026.4 (``npuw/llm_compiled_model.cpp``) and in GenAI's ``utils.cpp``: a prompt is computed in one
    piece of the longest length, unless PREFILL_HINT is DYNAMIC and a chunk is shorter than that; then in whole chunks.

    Args:
        prompt: the longest prompt that is taken.
        response: what the KV cache leaves room for behind it.
        chunk: of a dynamic prefill; 0 for a static one.
    """

    prompt: int
    response: int
    chunk: int

    @classmethod
    def of(cls, properties: Mapping[str, Any], chunk: int) -> NpuShapes:
        """What follows from the pipeline's properties and the plugin's own chunk size."""
        dynamic = properties.get("PREFILL_HINT", "DYNAMIC") == "DYNAMIC"
        prompt = int(properties.get("MAX_PROMPT_LEN", 1024))
        return cls(prompt, int(properties.get("MIN_RESPONSE_LEN", 128)), chunk if dynamic else 0)

    def padded(self, prompt_tokens: int) -> int:
        """The length that is computed for a prompt of ``prompt_tokens``."""
        longest = _up_to(self.prompt, 64)
        return _up_to(prompt_tokens, self.chunk) if 0 < self.chunk < longest else longest

    def problem(self, prompt_tokens: int, new_tokens: int) -> str | None:
        """Why a request does not fit, and which option to set; ``None`` if it does."""
        if prompt_tokens > self.prompt:
            return (
                f"a prompt of {prompt_tokens} tokens does not fit into the {self.prompt} that the NPU's model was "
                "compiled for; set openvino-genai.max_prompt_len to at least that, or leave it to follow the prompt"
            )
        room = self.prompt + self.response - prompt_tokens
        if new_tokens > room:
            return (
                f"{new_tokens} new tokens behind a prompt of {prompt_tokens} do not fit into the NPU's KV cache, which "
                f"has room for {room}; set openvino-genai.min_response_len to at least {new_tokens}"
            )
        return None


def prefill_chunk(core: Any) -> int:
    """The NPU plugin's chunk of a dynamic prefill, in tokens; 0 if it does not report one."""
    try:
        return int(core.get_property("NPU", "NPUW_LLM_PREFILL_CHUNK_SIZE"))
    except (RuntimeError, ValueError):
        return 0


def _up_to(number: int, step: int) -> int:
    return -(-number // step) * step


def read_back(compiled: Any) -> dict[str, str]:
    """The properties of a compiled model that say how it runs; those that the device does not have are left out."""
    read = {}
    for name in READ_BACK:
        try:
            read[name] = as_text(compiled.get_property(name))
        except RuntimeError:
            continue
    return read


def activation_quantization(precision: str, read: Mapping[str, str]) -> str | None:
    """What :attr:`backends.contract.Evidence.activation_quantization` is by the properties of a compiled model.

    DYNAMIC_QUANTIZATION_GROUP_SIZE is 32 on any CPU, whatever comes of it. Read in OpenVINO 2026
    (``dnnl_fullyconnected_primitive.cpp``, ``llm_mlp.cpp``): only activations in f32 that meet quantized weights are
    quantized, and those in bf16 or f16 where a group is all of a token. On a Xeon with AMX, sizes of 0 and of 32 give
    the same logits bit by bit in bf16, and others in f32.
    """
    size = read.get("DYNAMIC_QUANTIZATION_GROUP_SIZE", "")
    if not size.isdigit():
        return None
    group = int(size)
    on_cpu = read.get("EXECUTION_DEVICES") == "CPU"
    left_as_is = on_cpu and group < _NARROWEST and read.get("INFERENCE_PRECISION_HINT") in ("bf16", "f16")
    if group == 0 or left_as_is or precision in ("fp16", "fp32"):
        return "none"
    return "int8 allowed, one group per token" if group == _WHOLE_TOKEN else f"int8 allowed, groups of {group}"


def vocabulary(model: Any) -> int:
    """How many ids a language model has, compiled or not."""
    return int(model.output("logits").partial_shape[2].get_length())


def as_text(value: Any) -> str:
    """A property as a word: ``f16``, ``LATENCY``, ``CPU`` or, of several, ``GPU.0+CPU``."""
    if isinstance(value, list | tuple):
        return "+".join(as_text(one) for one in value)
    if hasattr(value, "to_string"):
        return str(value.to_string())
    # AUTO puts the name of a device that only helps it out into brackets.
    return str(getattr(value, "name", value)).strip("()")


def changed_hints(asked: Mapping[str, Any], read: Mapping[str, str]) -> dict[str, str]:
    """Property -> ``asked f16, got f32``, for properties that differ from what was asked for."""
    return {
        name: f"asked {asked[name]}, got {read[name]}"
        for name in read
        if name in asked and str(asked[name]) != read[name]
    }


def lacks_npu_compiler(error: Exception) -> bool:
    """Whether OpenVINO failed because nothing here compiles for the NPU.

    Its Python package for Linux carries no such compiler (openvinotoolkit/openvino#36374), the driver's package does.
    Where that is missing too, a library is named that was looked for, or a property that only a compiler has.
    """
    words = str(error)
    return any(sign in words for sign in ("npu_compiler", "NPU_MAX_TILES", "VCL compiler"))


NO_NPU_COMPILER = (
    "OpenVINO finds an NPU and no compiler for it: on Linux install the newest release of "
    "github.com/intel/linux-npu-driver with its package intel-driver-compiler-npu, on Windows Intel's newest NPU driver"
)
