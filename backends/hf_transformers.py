"""Hugging Face transformers on PyTorch: a greedy loop over ``past_key_values``, without ``generate`` around it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from backends.contract import (
    ArtifactError,
    Device,
    DeviceUnavailableError,
    Evidence,
    LoadOptions,
    UnsupportedError,
    installed_versions,
    one_line,
    pci_address,
    require_file,
    variable_set,
)
from backends.hf_model import MAJOR, attention_of, read_model
from backends.spec import ORIGINAL, name_among
from backends.torch_loop import KeptCache, StoredWeights, TorchSession, format_of

_TYPES = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.bfloat16,
    ORIGINAL: "auto",
}
"""Weight format -> the type that a model is loaded, and so computes, in."""

_SHORT = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}

_DTYPE = "dtype" if MAJOR >= 5 else "torch_dtype"
"""What ``from_pretrained`` calls the type of the weights: `ab` and ``--worker`` take older versions too."""

_ACCELERATORS = {"CUDA": "https://download.pytorch.org/whl/cu130", "XPU": "https://download.pytorch.org/whl/xpu"}
"""Device family -> an index of torch builds that have it."""


class Transformers:
    """The transformers stack in eager mode."""

    def devices(self) -> list[Device]:
        cpu = Device(name="CPU", description=torch.backends.cpu.get_cpu_capability())
        return [cpu, *_accelerators("CUDA"), *_accelerators("XPU")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> TransformersSession:
        present = [known.name for known in self.devices()]
        if name_among(device, present) is None:
            raise DeviceUnavailableError(
                f"transformers finds no {device} on this machine, only {', '.join(present)}: {_remedy(device)}"
            )
        if options.precision not in _TYPES:
            raise UnsupportedError(f"transformers runs no {options.precision} here; choose one of {', '.join(_TYPES)}")
        require_file(artifact, "config.json", "Hugging Face model")
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        kept = KeptCache() if options.prefix_caching else None
        kind, _, number = device.partition(".")
        place = f"{kind.lower()}:{number or 0}" if kind in _ACCELERATORS else "cpu"
        return TransformersSession(_read(artifact, options.precision, place), kept)


def _accelerators(kind: str) -> list[Device]:
    module = torch.cuda if kind == "CUDA" else torch.xpu
    if not module.is_available():
        return []
    found = []
    for number in range(module.device_count()):
        properties = module.get_device_properties(number)
        driver = getattr(properties, "driver_version", None)
        memory = int(properties.total_memory)
        adapter = _pci_address(properties)
        found.append(Device(f"{kind}.{number}", module.get_device_name(number), driver, memory, adapter))
    return found


def _pci_address(properties: Any) -> str | None:
    """The adapter by which Linux' counters name a GPU; Windows' have another id, which torch does not tell."""
    if sys.platform == "win32":
        return None
    try:
        return pci_address(properties.pci_domain_id, properties.pci_bus_id, properties.pci_device_id)
    except AttributeError:
        return None


def _remedy(device: str) -> str:
    kind = device.partition(".")[0]
    index = _ACCELERATORS.get(kind)
    if index is None:
        return "ask for --device CPU, or for another stack on that device"
    built = torch.version.cuda if kind == "CUDA" else getattr(torch.version, "xpu", None)
    if built is None:
        variable = variable_set("AIPC_BENCH_TORCH_INDEX", index)
        return f"the venv's torch {torch.__version__} is built without {kind}; set {variable}"
    return f"torch is built for {kind} and finds none: install or update the GPU's driver"


def _read(artifact: Path, precision: str, device: str) -> Any:
    quantized = {}
    if precision == "int8":
        from torchao.quantization import Int8WeightOnlyConfig  # noqa: PLC0415 - the float formats do without torchao
        from transformers import TorchAoConfig  # noqa: PLC0415

        # Activations stay in the type that the model is loaded in. No 4-bit format of torchao's computes on a CPU.
        quantized = {"quantization_config": TorchAoConfig(Int8WeightOnlyConfig())}
    try:
        model = read_model(artifact, **{_DTYPE: _TYPES[precision]}, **quantized)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"transformers could not load {artifact}: {_reason(artifact, error)}") from error
    return model.to(device).eval().requires_grad_(requires_grad=False)


def _reason(artifact: Path, error: Exception) -> str:
    """The stack's own words, or, where it asks for ``trust_remote_code``, what that means."""
    if "trust_remote_code" not in str(error):
        return one_line(error)
    return (
        f"{artifact.name} wants to run Python code that came with it, with your rights (trust_remote_code), which this "
        "tool never does; choose a model whose architecture transformers knows"
    )


class TransformersSession(TorchSession):
    """A loaded model."""

    stack = "transformers"

    def evidence(self) -> Evidence:
        """Device, types and attention are read from the loaded model, threads from torch."""
        stored = _stored(self._model)
        computes = _SHORT.get(format_of(self._model.dtype))
        devices = sorted({str(parameter.device) for parameter in self._model.parameters()})
        return Evidence(
            device="+".join(device.upper().replace(":", ".") for device in devices),
            device_source="read-back",
            note=(
                "Device and types are those of the loaded parameters; eager mode computes and caches in the type of "
                f"its operands. CPU kernels for {torch.backends.cpu.get_cpu_capability()}."
                + (" The cache of a request is kept for the next one that begins alike." if self._kept else "")
            ),
            inference_precision=computes,
            kv_cache_precision=computes,
            activation_quantization="none",
            attention_backend=attention_of(self._model),
            threads=torch.get_num_threads(),
            compile_cache="none",
            versions=installed_versions("transformers", "torch", *(["torchao"] if "int8" in stored.shares else [])),
            **stored.evidence,
        )


def _stored(model: Any) -> StoredWeights:
    weights = StoredWeights()
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    # Tied weights are one parameter, which the output layer reads from end to end.
    apart = head is not None and head.weight is not embedding.weight
    for parameter in model.parameters():
        # A quantized tensor passes for the type that it was made from; what it stores is inside.
        if (inside := getattr(parameter, "qdata", None)) is None:
            weights.add(parameter, looked_up=apart and parameter is embedding.weight)
        else:
            weights.add(inside, f"int{8 * inside.nbytes // parameter.numel()}", parameter.numel())
            weights.add(parameter.scale, parameters=0)
    return weights
