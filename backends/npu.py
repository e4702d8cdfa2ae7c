"""Intel NPU Acceleration Library 1.4.0 (archived upstream) with transformers 4.45.

The library compiles a graph per prompt length and another at the first decode step; the harness warms up both. Its own
``from_pretrained`` loads with transformers and calls ``compile``; here both are called one by one, to check settings
and weights on the way in, and to separate a tied output layer before ``compile``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import intel_npu_acceleration_library as npu
import torch
from intel_npu_acceleration_library.backend import get_driver_version, npu_available
from intel_npu_acceleration_library.compiler import CompilerConfig
from intel_npu_acceleration_library.nn import Linear, QuantizedLinear
from safetensors import SafetensorError
from transformers.models.gemma.modeling_gemma import GemmaAttention
from transformers.models.llama.modeling_llama import LlamaAttention

from backends.contract import (
    ArtifactError,
    CompileCache,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    StepCallback,
    UnsupportedError,
    installed_versions,
    one_line,
    require_file,
)
from backends.hf_model import attention_of, read_model
from backends.torch_loop import StoredWeights, TorchSession

_TYPES = {"int4": npu.int4, "int8": npu.int8, "fp16": npu.float16}

_PACKED = torch.uint8
"""What the library packs two 4-bit weights into."""

_CACHE = Path("cache")
"""Where the library keeps compiled graphs, below the worker's own folder. It fills it at the first generation."""


class IntelNpuLibrary:
    """The NPU library. Without an NPU it would run OpenVINO's CPU device and still say NPU: so it is asked first."""

    def devices(self) -> list[Device]:
        if not npu_available():
            return []
        return [Device(name="NPU", description="Intel NPU", driver=str(get_driver_version()))]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> NpuSession:
        if device != "NPU" or not npu_available():
            here = ", ".join(known.name for known in self.devices()) or "none"
            raise DeviceUnavailableError(
                f"the NPU library finds no {device} on this machine, only {here} (it runs on an Intel NPU alone, and "
                "never falls back to the CPU here): install the NPU driver, and on Linux join the group `render`"
            )
        kind = _TYPES.get(options.precision)
        if kind is None:
            raise UnsupportedError(f"the NPU library takes no {options.precision}; choose one of {', '.join(_TYPES)}")
        require_file(artifact, "config.json", "Hugging Face model")
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        cache: CompileCache = "unknown" if _CACHE.is_dir() and any(_CACHE.iterdir()) else "cold"
        try:
            model = read_model(artifact)
            _refuse_attention_bias(model)
            parameters = sum(parameter.numel() for parameter in model.parameters())
            _part_head(model)
            compiled = npu.compile(model, CompilerConfig(dtype=kind))
        except (OSError, ValueError, KeyError, RuntimeError, AttributeError, SafetensorError) as error:
            raise ArtifactError(f"the NPU library could not load {artifact}: {one_line(error)}") from error
        return NpuSession(compiled.eval(), device, parameters, cache)


def _refuse_attention_bias(model: Any) -> None:
    """Refuse what the library would leave out: its own attention of Llama and Gemma has no biases."""
    biased = [
        name
        for name, module in model.named_modules()
        if isinstance(module, LlamaAttention | GemmaAttention) and module.q_proj.bias is not None
    ]
    if biased:
        raise UnsupportedError(
            f"the NPU library leaves out the biases of this model's attention ({biased[0]} and others), and would "
            "compute another model: choose another stack for it"
        )


def _part_head(model: Any) -> None:
    """Give an output layer that shares the embedding's weights its own: they are quantized in place."""
    head = model.get_output_embeddings()
    if head is not None and head.weight is model.get_input_embeddings().weight:
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)


class NpuSession(TorchSession):
    """A model whose linear layers were handed to the NPU."""

    stack = "the NPU library"

    def __init__(self, model: Any, device: str, parameters: int, cache: CompileCache) -> None:
        super().__init__(model)
        self._device = device
        self._parameters = parameters
        self._cache = cache

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Of one sequence, which is all that the library's graphs were made for."""
        if len(prompts) != 1:
            raise UnsupportedError("the NPU library streams only batches of one; use --batch-size 1 for it")
        return super().generate(prompts, new_tokens, on_step)

    def evidence(self) -> Evidence:
        """The library's own words for a device cannot be believed; that it finds an NPU and a driver can."""
        stored = _stored(self._model, self._parameters)
        return Evidence(
            device=self._device,
            device_source="accepted",
            note=(
                f"The library finds an NPU with driver {get_driver_version()}; it has no read-back that could be "
                f"believed. {_divided(self._model)}"
            ),
            attention_backend=attention_of(self._model),
            threads=torch.get_num_threads(),
            compile_cache=self._cache,
            versions=installed_versions("intel-npu-acceleration-library", "transformers", "torch"),
            **stored.evidence,
        )


def _divided(model: Any) -> str:
    """What runs where, and which layers the library did not make what it was asked for.

    It never quantizes the attention of Llama and Gemma. A layer with a side of more than 131072, as large vocabularies
    have, it leaves to torch.
    """
    modules = list(model.modules())
    quantized = sum(isinstance(module, QuantizedLinear) for module in modules)
    whole = sum(isinstance(module, Linear) for module in modules)
    left = sum(isinstance(module, torch.nn.Linear) for module in modules)
    kept = f" {whole} of them stay fp16." if quantized and whole else ""
    torchs = f" {left} of them were left to torch, too." if left else ""
    return f"Linear layers run on the NPU, embedding, norms and attention in torch on the CPU.{kept}{torchs}"


def _stored(model: Any, parameters: int) -> StoredWeights:
    """What the modules hold; ``state_dict()`` does not know the quantized layers' weights."""
    weights = StoredWeights(parameters)
    looked_up = model.get_input_embeddings().weight
    held = list(model.parameters())
    for module in model.modules():
        if isinstance(module, QuantizedLinear):
            weights.add(module.scale, parameters=0)
            held.append(module.weight)
            if module.bias is not None and not isinstance(module.bias, torch.nn.Parameter):
                held.append(module.bias)
    for tensor in held:
        if tensor.dtype == _PACKED:
            weights.add(tensor, "int4", 2 * tensor.numel())
        else:
            weights.add(tensor, looked_up=tensor is looked_up)
    return weights
