"""OpenVINO GenAI: ``LLMPipeline`` on CPU, GPU and NPU, with prefix caching off unless a load is told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai

from backends.contract import (
    ArtifactError,
    BackendError,
    CompileCache,
    Device,
    Evidence,
    GenerationDetails,
    LoadOptions,
    StepCallback,
    UnsupportedError,
)
from backends.openvino_config import (
    BlobCache,
    changed_hints,
    common_properties,
    last_line,
    listed,
    npu_properties,
    read_back,
    require,
)

_WHOLE_PROMPT = 2**31
"""The scheduler's default of 256 tokens a batch would cut the prefill into pieces."""

_NPU = "NPU"


class OpenVinoGenAI:
    """The OpenVINO GenAI stack."""

    def __init__(self) -> None:
        self._core = ov.Core()

    def devices(self) -> list[Device]:
        """What OpenVINO lists."""
        return listed(self._core)

    def load(self, artifact: Path, device: str, options: LoadOptions) -> OpenVinoSession:
        """Compile the IR in ``artifact`` for ``device``."""
        require(device, self._core.available_devices)
        if not (artifact / "openvino_model.xml").is_file():
            raise ArtifactError(
                f"{artifact} holds no OpenVINO model (openvino_model.xml is missing); make it with `nox -s models`"
            )
        cache = BlobCache.for_load(options, artifact, device)
        hints = common_properties(device, options, cache)
        if device == _NPU:
            attention, own = None, npu_properties(options)
        else:
            attention = str(options.extra.get("attention_backend", "PA"))
            own = _attention(attention, prefix_caching=options.extra.get("prefix_caching") == "on")
        try:
            pipeline = genai.LLMPipeline(artifact, device, **hints, **own)
        except RuntimeError as error:
            raise ArtifactError(f"OpenVINO could not compile the model for {device}: {last_line(error)}") from error
        compile_cache = cache.outcome()
        read = _probe(self._core, device, {name: value for name, value in hints.items() if name != "CACHE_DIR"})
        told = _Told(hints, read, compile_cache, own.get("scheduler_config"))
        return OpenVinoSession(pipeline, device, attention, told, own.get("MAX_PROMPT_LEN"))


def _attention(attention: str, *, prefix_caching: bool) -> dict[str, Any]:
    if attention != "PA":
        if prefix_caching:
            raise UnsupportedError(
                f"OpenVINO GenAI has a prefix cache with attention_backend=PA alone, not {attention}"
            )
        return {"ATTENTION_BACKEND": attention}
    scheduler = genai.SchedulerConfig()
    scheduler.enable_prefix_caching = prefix_caching
    scheduler.max_num_batched_tokens = _WHOLE_PROMPT
    return {"ATTENTION_BACKEND": attention, "scheduler_config": scheduler}


def _probe(core: ov.Core, device: str, hints: dict[str, Any]) -> dict[str, str]:
    """Compile a one-multiplication model with the same hints and read its properties back.

    ``LLMPipeline`` exposes no compiled model; what the device makes of a hint shows on any model it compiles.
    """
    left = ov.opset13.parameter([1, 16], np.float32)
    product = ov.opset13.matmul(left, ov.opset13.constant(np.ones((16, 16), np.float32)), False, False)
    return read_back(core.compile_model(ov.Model([product], [left], "probe"), device, hints))


class _Told:
    """What the device was told, what a probe read back, and what became of the caches."""

    def __init__(
        self, hints: Mapping[str, Any], read: Mapping[str, str], compile_cache: CompileCache, scheduler: Any
    ) -> None:
        self.hints = hints
        self.read = read
        self.compile_cache = compile_cache
        self.prefix_caching = scheduler is not None and bool(scheduler.enable_prefix_caching)


class OpenVinoSession:
    """A compiled model behind ``LLMPipeline``."""

    def __init__(
        self, pipeline: Any, device: str, attention: str | None, told: _Told, padded_prompt_tokens: int | None
    ) -> None:
        self._pipeline = pipeline
        self._device = device
        self._attention = attention
        self._told = told
        self._padded = padded_prompt_tokens

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Stream one sequence; the pipeline streams no batches."""
        if len(prompts) != 1:
            raise UnsupportedError("OpenVINO GenAI streams only batches of one; use --batch-size 1 for it")
        if self._padded is not None and len(prompts[0]) > self._padded:
            raise BackendError(
                f"a prompt of {len(prompts[0])} tokens does not fit into the {self._padded} that the NPU's model was "
                "compiled for; set openvino-genai.max_prompt_len to at least that, or leave it to follow the prompt"
            )
        config = genai.GenerationConfig()
        config.max_new_tokens = new_tokens
        config.do_sample = False
        config.ignore_eos = True
        config.apply_chat_template = False
        self._pipeline.generate(ov.Tensor(np.array(prompts, dtype=np.int64)), config, _Streamer(on_step))
        return GenerationDetails(padded_prompt_tokens=self._padded)

    def evidence(self) -> Evidence:
        """The pipeline has no read-back of its own: an explicit device was accepted, and a probe tells the rest."""
        read = self._told.read
        threads = read.get("INFERENCE_NUM_THREADS")
        return Evidence(
            device=self._device,
            device_source="accepted",
            note=(
                f"LLMPipeline accepted {self._device}, which OpenVINO lists as available; it has no read-back. "
                "Precisions and threads are those of a one-layer model compiled with the same hints "
                f"(it ran on {read.get('EXECUTION_DEVICES', 'a device it does not name')})."
                + (" The pipeline's scheduler was given prefix caching." if self._told.prefix_caching else "")
            ),
            inference_precision=read.get("INFERENCE_PRECISION_HINT"),
            kv_cache_precision=read.get("KV_CACHE_PRECISION"),
            attention_backend=self._attention,
            threads=int(threads) if threads else None,
            compile_cache=self._told.compile_cache,
            changed_hints=changed_hints(self._told.hints, read),
            versions={"openvino-genai": version("openvino-genai"), "openvino": version("openvino")},
        )

    def close(self) -> None:
        """Let go of the pipeline."""
        self._pipeline = None


class _Streamer(genai.StreamerBase):  # type: ignore[misc]
    """Hands on every token as it comes. A text streamer would hold tokens back until they spell a word."""

    def __init__(self, on_step: StepCallback) -> None:
        super().__init__()
        self._on_step = on_step

    def write(self, token: int | list[int]) -> Any:
        ids = token if isinstance(token, list) else [token]
        if len(ids) == 1:
            self._on_step(ids)
        else:
            for one in ids:
                self._on_step([one])
        return genai.StreamingStatus.RUNNING

    def end(self) -> None:
        pass
