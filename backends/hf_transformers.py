"""Hugging Face transformers on PyTorch: a greedy loop over ``past_key_values``, without ``generate`` around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM

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

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_SHORT = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}

_DTYPE = "dtype" if int(transformers.__version__.partition(".")[0]) >= 5 else "torch_dtype"
"""What ``from_pretrained`` calls the type of the weights."""


class Transformers:
    """The transformers stack in eager mode."""

    def devices(self) -> list[Device]:
        """The CPU alone: the venv's torch is a CPU build wherever this project installs it."""
        return [Device(name="CPU", description=torch.backends.cpu.get_cpu_capability())]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> TransformersSession:
        """Load the Hugging Face folder ``artifact`` with its weights made the asked-for type."""
        present = [known.name for known in self.devices()]
        if device not in present:
            raise DeviceUnavailableError(
                f"transformers finds no {device} on this machine, only {', '.join(present)}: "
                "ask for --device CPU, or for another stack on that device"
            )
        kind = _TYPES.get(options.precision)
        if kind is None:
            raise UnsupportedError(f"transformers runs no {options.precision} here; choose one of {', '.join(_TYPES)}")
        if not (artifact / "config.json").is_file():
            raise ArtifactError(
                f"{artifact} holds no Hugging Face model (config.json is missing); make it with `nox -s models`"
            )
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        return TransformersSession(_read(artifact, kind))


def _read(artifact: Path, kind: torch.dtype) -> Any:
    try:
        model = AutoModelForCausalLM.from_pretrained(
            artifact,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="sdpa",
            **{_DTYPE: kind},
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"transformers could not load {artifact}: {one_line(error)}") from error
    return model.eval().requires_grad_(requires_grad=False)


class TransformersSession:
    """A loaded model."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """One forward pass for the prompt, one for each later step; the cache is made anew for each request."""
        try:
            with torch.inference_mode():
                self._decode(torch.tensor(prompts, dtype=torch.long, device=self._model.device), new_tokens, on_step)
        except RuntimeError as error:
            raise BackendError(f"transformers could not generate: {one_line(error)}") from error
        return GenerationDetails()

    def _decode(self, ids: torch.Tensor, new_tokens: int, on_step: StepCallback) -> None:
        cache = None
        for _ in range(new_tokens):
            output = self._model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = output.past_key_values
            ids = output.logits[:, -1].argmax(dim=-1, keepdim=True)
            on_step(ids[:, 0].tolist())

    def evidence(self) -> Evidence:
        """Device, types and attention are read from the loaded model, threads from torch."""
        shares = _shares(self._model)
        widest = _SHORT.get(next(iter(shares))) if len(shares) == 1 else None
        devices = sorted({str(parameter.device).upper() for parameter in self._model.parameters()})
        return Evidence(
            device="+".join(devices),
            device_source="read-back",
            note=(
                "Device and types are those of the loaded parameters; eager mode computes and caches in the type of "
                f"its operands. CPU kernels for {torch.backends.cpu.get_cpu_capability()}."
            ),
            inference_precision=widest,
            kv_cache_precision=widest,
            attention_backend=str(self._model.config._attn_implementation).upper(),  # noqa: SLF001 - the only read-back
            threads=torch.get_num_threads(),
            weight_bits=shares,
            compile_cache="none",
            versions={"transformers": version("transformers"), "torch": version("torch")},
        )

    def close(self) -> None:
        """Let go of the model."""
        self._model = None


def _shares(model: Any) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for parameter in model.parameters():
        counts[_NAMES.get(parameter.dtype, str(parameter.dtype).removeprefix("torch."))] += parameter.numel()
    total = sum(counts.values())
    return {name: count / total for name, count in counts.most_common()}
