"""OpenVINO GenAI: ``LLMPipeline`` on CPU, GPU and NPU, with prefix caching off."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai

from backends.contract import (
    ArtifactError,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    StepCallback,
    UnsupportedError,
)

_REMEDIES = {
    "NPU": "install the NPU driver, and on Linux join the group `render`",
    "GPU": "install the GPU's compute driver (on Linux: intel-opencl-icd), and on Linux join the group `render`",
}

_WHOLE_PROMPT = 2**31
"""The scheduler's default of 256 tokens a batch would cut the prefill into pieces."""


class OpenVinoGenAI:
    """The OpenVINO GenAI stack."""

    def __init__(self) -> None:
        self._core = ov.Core()

    def devices(self) -> list[Device]:
        """What OpenVINO lists as available: a plugin that merely loads is not a device."""
        return [
            Device(name=name, description=str(self._core.get_property(name, "FULL_DEVICE_NAME")))
            for name in self._core.available_devices
        ]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> OpenVinoSession:
        """Compile the IR in ``artifact`` for ``device``."""
        self._require(device)
        if not (artifact / "openvino_model.xml").is_file():
            raise ArtifactError(
                f"{artifact} holds no OpenVINO model (openvino_model.xml is missing); make it with `nox -s models`"
            )
        attention = str(options.extra.get("attention_backend", "PA"))
        properties = _properties(device, attention, options)
        try:
            pipeline = genai.LLMPipeline(artifact, device, **properties)
        except RuntimeError as error:
            raise ArtifactError(f"OpenVINO could not compile the model for {device}: {_last_line(error)}") from error
        hints = {name: value for name, value in properties.items() if isinstance(value, str | int)}
        hints.pop("ATTENTION_BACKEND", None)
        return OpenVinoSession(pipeline, device, attention, _probe(self._core, device, hints))

    def _require(self, device: str) -> None:
        present = self._core.available_devices
        family = device.partition(".")[0]
        if device not in present and not (device == "GPU" and "GPU.0" in present):
            remedy = _REMEDIES.get(family, "choose one of those")
            raise DeviceUnavailableError(
                f"OpenVINO finds no {device} on this machine, only {', '.join(present)}; if it has one: {remedy}"
            )


def _properties(device: str, attention: str, options: LoadOptions) -> dict[str, Any]:
    properties: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": ""}
    if device == "CPU":
        properties["NUM_STREAMS"] = 1
        if options.threads is not None:
            properties["INFERENCE_NUM_THREADS"] = options.threads
    if options.extra.get("kv_cache_precision"):
        properties["KV_CACHE_PRECISION"] = str(options.extra["kv_cache_precision"])
    if attention == "PA":
        scheduler = genai.SchedulerConfig()
        scheduler.enable_prefix_caching = False
        scheduler.max_num_batched_tokens = _WHOLE_PROMPT
        properties["scheduler_config"] = scheduler
    properties["ATTENTION_BACKEND"] = attention
    return properties


def _probe(core: ov.Core, device: str, hints: dict[str, Any]) -> dict[str, str]:
    """Compile a one-multiplication model with the same hints and read its properties back.

    ``LLMPipeline`` exposes no compiled model; what the device makes of a hint shows on any model it compiles.
    """
    left = ov.opset13.parameter([1, 16], np.float32)
    product = ov.opset13.matmul(left, ov.opset13.constant(np.ones((16, 16), np.float32)), False, False)
    compiled = core.compile_model(ov.Model([product], [left], "probe"), device, hints)
    read = {}
    for name in ("INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS", "EXECUTION_DEVICES"):
        try:
            value = compiled.get_property(name)
        except RuntimeError:
            continue
        read[name] = value.to_string() if hasattr(value, "to_string") else str(value)
    return read


class OpenVinoSession:
    """A compiled model behind ``LLMPipeline``."""

    def __init__(self, pipeline: Any, device: str, attention: str, probe: dict[str, str]) -> None:
        self._pipeline = pipeline
        self._device = device
        self._attention = attention
        self._probe = probe

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Stream one sequence; the pipeline streams no batches."""
        if len(prompts) != 1:
            raise UnsupportedError("OpenVINO GenAI streams only batches of one; use --batch-size 1 for it")
        config = genai.GenerationConfig()
        config.max_new_tokens = new_tokens
        config.do_sample = False
        config.ignore_eos = True
        config.apply_chat_template = False
        self._pipeline.generate(ov.Tensor(np.array(prompts, dtype=np.int64)), config, _Streamer(on_step))
        return GenerationDetails()

    def evidence(self) -> Evidence:
        """The pipeline has no read-back of its own: an explicit device was accepted, and a probe tells the rest."""
        threads = self._probe.get("INFERENCE_NUM_THREADS")
        return Evidence(
            device=self._device,
            device_source="accepted",
            note=(
                f"LLMPipeline accepted {self._device}, which OpenVINO lists as available; it has no read-back. "
                "Inference precision and threads are those of a one-layer model compiled with the same hints "
                f"(it ran on {self._probe.get('EXECUTION_DEVICES', 'a device it does not name')})."
            ),
            inference_precision=self._probe.get("INFERENCE_PRECISION_HINT"),
            attention_backend=self._attention,
            threads=int(threads) if threads else None,
            compile_cache="none",
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


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
