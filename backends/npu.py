"""Intel NPU Acceleration Library: ``NPUModelForCausalLM``, as in the original document.

Archived upstream; written against version 1.4.0 with transformers 4.45. The library puts linear layers on the NPU and
leaves embedding, norms, rotary positions and attention to torch on the CPU. It compiles a graph per prompt length and
another at the first decode step, so each cell has to be warmed up, decode included; the harness does.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import intel_npu_acceleration_library as npu
import torch
from intel_npu_acceleration_library.backend import get_driver_version, npu_available
from intel_npu_acceleration_library.compiler import CompilerConfig
from safetensors import SafetensorError

from backends.contract import (
    ArtifactError,
    BackendError,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    StepCallback,
    UnsupportedError,
    one_line,
)
from backends.torch_loop import StoredWeights, greedy, last_position

_TYPES = {"int4": npu.int4, "int8": npu.int8, "fp16": npu.float16}

_PACKED = torch.uint8
"""What the library packs two 4-bit weights into."""


class IntelNpuLibrary:
    """The NPU library. Without an NPU it would run OpenVINO's CPU device and still say NPU: so it is asked first."""

    def devices(self) -> list[Device]:
        """The NPU, if the library's own look at the driver finds one."""
        if not npu_available():
            return []
        return [Device(name="NPU", description="Intel NPU", driver=str(get_driver_version()))]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> NpuSession:
        """Load the Hugging Face folder ``artifact`` and compile its linear layers for the NPU."""
        if device != "NPU" or not npu_available():
            here = ", ".join(known.name for known in self.devices()) or "none"
            raise DeviceUnavailableError(
                f"the NPU library finds no {device} on this machine, only {here} (it runs on an Intel NPU alone, and "
                "never falls back to the CPU here): install the NPU driver, and on Linux join the group `render`"
            )
        kind = _TYPES.get(options.precision)
        if kind is None:
            raise UnsupportedError(f"the NPU library takes no {options.precision}; choose one of {', '.join(_TYPES)}")
        if not (artifact / "config.json").is_file():
            raise ArtifactError(
                f"{artifact} holds no Hugging Face model (config.json is missing); make it with `nox -s models`"
            )
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        try:
            model = npu.NPUModelForCausalLM.from_pretrained(
                str(artifact),
                config=CompilerConfig(dtype=kind),
                # What it would export is a pickle, which its next load cannot read.
                export=False,
                use_cache=True,
                attn_implementation="sdpa",
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
            )
        except (OSError, ValueError, KeyError, RuntimeError, AttributeError, SafetensorError) as error:
            raise ArtifactError(f"the NPU library could not load {artifact}: {one_line(error)}") from error
        return NpuSession(model.eval(), device)


class NpuSession:
    """A model whose linear layers were handed to the NPU."""

    def __init__(self, model: Any, device: str) -> None:
        self._model = model
        self._arguments = last_position(model)
        self._device = device

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """A greedy loop; one sequence, which is all that the library's graphs were made for."""
        if len(prompts) != 1:
            raise UnsupportedError("the NPU library streams only batches of one; use --batch-size 1 for it")
        try:
            greedy(self._model, prompts, new_tokens, on_step, self._arguments)
        except RuntimeError as error:
            raise BackendError(f"the NPU library could not generate: {one_line(error)}") from error
        return GenerationDetails()

    def evidence(self) -> Evidence:
        """The library's own words for a device cannot be believed; that it finds an NPU and a driver can."""
        stored = _stored(self._model)
        return Evidence(
            device=self._device,
            device_source="accepted",
            note=(
                f"The library finds an NPU with driver {get_driver_version()}; it has no read-back that could be "
                f"believed. {_shared(self._model)}"
            ),
            attention_backend=str(getattr(self._model.config, "_attn_implementation", "sdpa")).upper(),
            threads=torch.get_num_threads(),
            weight_bits=stored.shares,
            bits_per_weight=stored.bits_per_weight,
            compile_cache="none",
            versions=_versions(),
        )

    def close(self) -> None:
        """Let go of the model."""
        self._model = None


def _shared(model: Any) -> str:
    """What runs where. A layer with a side of more than 131072, as large vocabularies have, is left to torch."""
    left = sum(isinstance(module, torch.nn.Linear) for module in model.modules())
    kept = f" {left} of them were left to torch, too." if left else ""
    return f"Linear layers run on the NPU, embedding, norms and attention in torch on the CPU.{kept}"


def _stored(model: Any) -> StoredWeights:
    weights = StoredWeights()
    for name, tensor in model.state_dict().items():
        if name.endswith(("scale", "scales")):
            weights.add(tensor, parameters=0)
        elif tensor.dtype == _PACKED:
            weights.add(tensor, "int4", 2 * tensor.numel())
        else:
            weights.add(tensor)
    return weights


def _versions() -> dict[str, str]:
    found = {}
    for package in ("intel-npu-acceleration-library", "transformers", "torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
