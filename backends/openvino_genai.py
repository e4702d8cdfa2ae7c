"""OpenVINO GenAI: ``LLMPipeline`` on CPU, GPU and NPU, with prefix caching off unless a load asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai

from backends.contract import (
    ArtifactError,
    BackendError,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    Scores,
    StepCallback,
    Text,
    UnsupportedError,
    installed_versions,
    one_line,
    require_file,
    require_vocabulary,
)
from backends.openvino_config import (
    NO_NPU_COMPILER,
    READ_BACK,
    NpuShapes,
    Setup,
    lacks_npu_compiler,
    listed,
    npu_properties,
    prefill_chunk,
    read_back,
    require,
    vocabulary,
)
from backends.openvino_log import model_properties, with_log
from backends.openvino_scores import log_probabilities, logits

_WHOLE_PROMPT = 2**31
"""The scheduler's default of 256 tokens a batch would cut the prefill into pieces."""

_NPU = "NPU"
_MODEL = "openvino_model.xml"


class OpenVinoGenAI:
    """The OpenVINO GenAI stack."""

    def __init__(self) -> None:
        self._core = ov.Core()

    def devices(self) -> list[Device]:
        return listed(self._core)

    def load(self, artifact: Path, device: str, options: LoadOptions) -> OpenVinoSession:
        setup = self._setup(artifact, device, options)
        own = npu_properties(options) if device == _NPU else _attention(options)
        shapes = NpuShapes.of(own, prefill_chunk(self._core)) if device == _NPU else None
        try:
            pipeline, printed = with_log(lambda: genai.LLMPipeline(artifact, device, **setup.properties, **own))
        except RuntimeError as error:
            if device == _NPU and lacks_npu_compiler(error):
                raise DeviceUnavailableError(f"{NO_NPU_COMPILER}; it says: {one_line(error)}") from error
            raise _not_compiled(device, error) from error
        read = {name: value for name, value in model_properties(printed).items() if name in READ_BACK}
        return OpenVinoSession(pipeline, setup, shapes, read)

    def score(self, artifact: Path, device: str, options: LoadOptions, texts: Sequence[Text]) -> Iterator[Scores]:
        """With paged attention the log-probabilities that the pipeline's scheduler gives; with SDPA the logits.

        The pipeline hands out no logits. SDPA is the model as it was exported, which OpenVINO runs without it.
        """
        if device == _NPU:
            raise UnsupportedError(
                "OpenVINO GenAI's pipeline for the NPU gives neither logits nor log-probabilities of a text; only the "
                "ids that it answers with can be compared"
            )
        properties = dict(self._setup(artifact, device, options).properties)
        try:
            model = self._core.read_model(artifact / _MODEL)
            # The pipeline would read beyond its tables for an id that the model does not have.
            require_vocabulary(texts, vocabulary(model))
            if _attention_backend(options) != "PA":
                return logits(self._core.compile_model(model, device, properties), texts)
            scheduler = _scheduler(prefix_caching=False)
            return log_probabilities(genai.ContinuousBatchingPipeline(artifact, scheduler, device, properties), texts)
        except RuntimeError as error:
            raise _not_compiled(device, error) from error

    def _setup(self, artifact: Path, device: str, options: LoadOptions) -> Setup:
        """The setup of a load, once its device and its model are there."""
        require(device, self._core.available_devices)
        require_file(artifact, _MODEL, "OpenVINO model")
        return Setup.of(artifact, device, options)


def _attention_backend(options: LoadOptions) -> str:
    return str(options.extra.get("attention_backend", "PA"))


def _not_compiled(device: str, error: Exception) -> ArtifactError:
    return ArtifactError(f"OpenVINO could not compile the model for {device}: {one_line(error)}")


def _attention(options: LoadOptions) -> dict[str, Any]:
    attention = _attention_backend(options)
    if attention != "PA":
        if options.prefix_caching:
            raise UnsupportedError(
                f"OpenVINO GenAI has a prefix cache with attention_backend=PA alone, not {attention}"
            )
        return {"ATTENTION_BACKEND": attention}
    return {"ATTENTION_BACKEND": attention, "scheduler_config": _scheduler(prefix_caching=options.prefix_caching)}


def _scheduler(*, prefix_caching: bool) -> Any:
    scheduler = genai.SchedulerConfig()
    scheduler.enable_prefix_caching = prefix_caching
    scheduler.max_num_batched_tokens = _WHOLE_PROMPT
    return scheduler


def _probe(setup: Setup) -> dict[str, str]:
    """Compile a one-multiplication model with the same properties and read them back.

    For a pipeline that printed nothing of its own model: what a device makes of a hint shows on any model it compiles.
    Where it compiles no such model, nothing is read: that spoils no load.
    """
    left = ov.opset13.parameter([1, 16], np.float32)
    product = ov.opset13.matmul(left, ov.opset13.constant(np.ones((16, 16), np.float32)), False, False)
    asked = {name: value for name, value in setup.properties.items() if name != "CACHE_DIR"}
    try:
        return read_back(ov.Core().compile_model(ov.Model([product], [left], "probe"), setup.device, asked))
    except RuntimeError:
        return {}


@dataclass
class OpenVinoSession:
    """A compiled model behind ``LLMPipeline``: what was asked of that, and what it printed of the model."""

    _pipeline: Any
    _setup: Setup
    _shapes: NpuShapes | None
    _printed: Mapping[str, str]

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Stream one sequence; the pipeline streams no batches."""
        if len(prompts) != 1:
            raise UnsupportedError("OpenVINO GenAI streams only batches of one; use --batch-size 1 for it")
        length = len(prompts[0])
        if self._shapes is not None and (problem := self._shapes.problem(length, new_tokens)) is not None:
            raise BackendError(problem)
        config = genai.GenerationConfig()
        config.max_new_tokens = new_tokens
        config.do_sample = False
        config.ignore_eos = True
        config.apply_chat_template = False
        try:
            self._pipeline.generate(ov.Tensor(np.array(prompts, dtype=np.int64)), config, _Streamer(on_step))
        except RuntimeError as error:
            raise BackendError(f"OpenVINO GenAI could not generate: {one_line(error)}") from error
        return GenerationDetails(padded_prompt_tokens=self._shapes.padded(length) if self._shapes else None)

    def evidence(self) -> Evidence:
        """What the pipeline printed of its compiled model; where it printed nothing, what a probe tells."""
        device, options = self._setup.device, self._setup.options
        named = self._printed.get("EXECUTION_DEVICES") if device != _NPU else None
        read = self._printed or _probe(self._setup)
        return Evidence(
            device=named or device,
            device_source="read-back" if named else "accepted",
            note=_note(device, self._printed, read)
            + (" The pipeline's scheduler was given prefix caching." if options.prefix_caching else ""),
            attention_backend=_attention_backend(options) if device != _NPU else None,
            versions=installed_versions("openvino-genai", "openvino"),
            **self._setup.evidence(read),
        )

    def close(self) -> None:
        self._pipeline = None


def _note(device: str, printed: Mapping[str, str], read: Mapping[str, str]) -> str:
    accepted = f"LLMPipeline accepted {device}, which OpenVINO lists as available."
    if device == _NPU:
        # The plugin answers NPU even where it is told to hand all work to the CPU.
        return (
            f"{accepted} Its plugin names the NPU whatever runs, so only the NPU's busy time shows that it ran; "
            "embeddings are looked up on the CPU."
        )
    if printed:
        return "Device, precisions and threads are those of the compiled model, as LLMPipeline printed them."
    if read:
        return (
            f"{accepted} Precisions and threads are those of a one-layer model compiled with the same hints "
            f"(it ran on {read.get('EXECUTION_DEVICES', 'a device it does not name')})."
        )
    return f"{accepted} A one-layer model could not be compiled for it, so precisions and threads are not known."


class _Streamer(genai.StreamerBase):  # type: ignore[misc]
    """Hands on every token as it comes. A text streamer would hold tokens back until they spell a word."""

    def __init__(self, on_step: StepCallback) -> None:
        super().__init__()
        self._on_step = on_step

    def write(self, token: int | list[int]) -> Any:
        for one in token if isinstance(token, list) else (token,):
            self._on_step([one])
        return genai.StreamingStatus.RUNNING

    def end(self) -> None:
        pass
