"""ONNX Runtime GenAI: a ``Generator`` per request, as every second request to an application would make one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as og

from backends.contract import (
    ArtifactError,
    BackendError,
    Device,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    StepCallback,
    one_line,
)
from backends.onnx_graph import GraphFacts, read_graph
from backends.ort_artifact import added_ids, read_settings, require_provider, unused_id

_REMEDIES = {
    "GPU": "the CPU package has no GPU provider; ask for --device CPU, or for another stack on the GPU",
    "NPU": "the CPU package has no NPU provider; ask for --device CPU, or for openvino-genai on the NPU",
}
_CHOOSE = "choose one of those"

_ATTENTION = ("GroupQueryAttention", "MultiHeadAttention", "PagedAttention", "Attention")

_PACKAGES = ("onnxruntime-genai", "onnxruntime")


class OrtGenAI:
    """The ONNX Runtime GenAI stack, CPU package."""

    def devices(self) -> list[Device]:
        """The CPU alone.

        ``is_dml_available`` and its like answer for the build, some of them with a constant; none looks at the machine.
        """
        return [Device(name="CPU")]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> OrtSession:
        """Load the model in ``artifact``, with end-of-sequence moved to an id that is not used."""
        present = [known.name for known in self.devices()]
        if device not in present:
            remedy = _REMEDIES.get(device.partition(".")[0], _CHOOSE)
            raise DeviceUnavailableError(
                f"ONNX Runtime GenAI finds no {device} on this machine, only {', '.join(present)}: {remedy}"
            )
        settings = read_settings(artifact)
        require_provider(artifact, settings, device)
        unused = unused_id(settings["model"], added_ids(artifact))
        try:
            config = og.Config(str(artifact))
            config.overlay(json.dumps(_overlay(unused, options)))
            model = og.Model(config)
        except RuntimeError as error:
            raise ArtifactError(f"ONNX Runtime GenAI could not load {artifact}: {one_line(error)}") from error
        return OrtSession(model, artifact, settings, unused, options.threads)


class OrtSession:
    """A loaded model."""

    def __init__(
        self, model: Any, artifact: Path, settings: Mapping[str, Any], unused: int, threads: int | None
    ) -> None:
        self._model = model
        self._artifact = artifact
        self._settings = settings
        self._unused = unused
        self._threads = threads

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Prefill with ``append_tokens``, then one ``generate_next_token`` per step."""
        seen: list[Sequence[int]] = []
        try:
            before = time.perf_counter_ns()
            generator = self._generator(len(prompts), len(prompts[0]) + new_tokens)
            setup_ns = time.perf_counter_ns() - before
            generator.append_tokens(np.array(prompts, dtype=np.int32))
            for _ in range(new_tokens):
                generator.generate_next_token()
                ids = generator.get_next_tokens()
                on_step(ids)
                seen.append(ids)
        except RuntimeError as error:
            raise BackendError(f"ONNX Runtime GenAI could not generate: {one_line(error)}") from error
        self._require_unused(seen)
        return GenerationDetails(setup_ns=setup_ns)

    def _generator(self, batch_size: int, max_length: int) -> Any:
        parameters = og.GeneratorParams(self._model)
        parameters.set_search_options(batch_size=batch_size, max_length=max_length, do_sample=False, num_beams=1)
        return og.Generator(self._model, parameters)

    def _require_unused(self, steps: Sequence[Sequence[int]]) -> None:
        # Past its end-of-sequence id a sequence is padded without a word and without a forward pass.
        if any(self._unused in ids for ids in steps[:-1]):
            raise BackendError(
                f"the model answered with id {self._unused}, which stood in for the end of sequence, "
                "so what came after it was not computed; ask for another prompt length or fewer new tokens"
            )

    def evidence(self) -> Evidence:
        """The device is the model's own word; types and attention are read from the graph."""
        graph = self._graph()
        return Evidence(
            device=str(self._model.device_type),
            device_source="read-back",
            note=_note(graph, self._unused),
            inference_precision=_computes_in(graph),
            kv_cache_precision=graph.outputs.get("present.0.key") if graph else None,
            attention_backend=_attention(graph) if graph else None,
            threads=self._threads,
            compile_cache="none",
            versions=_versions(),
        )

    def _graph(self) -> GraphFacts | None:
        file = self._settings["model"].get("decoder", {}).get("filename")
        if not file:
            return None
        try:
            return read_graph(self._artifact / file)
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Let go of the model."""
        self._model = None


def _overlay(unused: int, options: LoadOptions) -> dict[str, Any]:
    model: dict[str, Any] = {"eos_token_id": unused}
    if options.threads is not None:
        model["decoder"] = {"session_options": {"intra_op_num_threads": options.threads}}
    return {"model": model}


def _attention(graph: GraphFacts) -> str | None:
    return "+".join(name for name in _ATTENTION if name in graph.operators) or None


def _computes_in(graph: GraphFacts | None) -> str | None:
    """``f32`` where every operator is of that type; otherwise the kernels decide, and they do not tell."""
    if graph is None or graph.outputs.get("logits") != "f32" or graph.accuracy_levels - {0, 1}:
        return None
    return "f32"


def _note(graph: GraphFacts | None, unused: int) -> str:
    words = [f"The model names its device. Id {unused} stands in for the end of sequence."]
    if graph is None:
        words.append("Its graph was not read.")
    elif 4 in graph.accuracy_levels:
        words.append("The graph is in f32, its quantized matrix products may compute in int8 (accuracy_level 4).")
    elif graph.outputs.get("logits") in ("f16", "bf16"):
        words.append("The graph is in half precision, which the CPU provider mostly stores and computes in f32.")
    else:
        words.append("Types and attention are those of the graph.")
    return " ".join(words)


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
