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
)
from backends.onnx_graph import GraphFacts, read_graph

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
        settings = _settings(artifact)
        _require_provider(artifact, settings, device)
        unused = unused_id(settings["model"], _added_ids(artifact))
        try:
            config = og.Config(str(artifact))
            config.overlay(json.dumps(_overlay(unused, options)))
            model = og.Model(config)
        except RuntimeError as error:
            raise ArtifactError(f"ONNX Runtime GenAI could not load {artifact}: {_one_line(error)}") from error
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
            raise BackendError(f"ONNX Runtime GenAI could not generate: {_one_line(error)}") from error
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
                "so what came after it was not computed; ask with other prompts (another --seed)"
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


def unused_id(model: Mapping[str, Any], added: Sequence[int]) -> int:
    """An id of the vocabulary that a model does not answer with, to stand in for the end of sequence.

    ONNX Runtime GenAI takes no "never": a list in an overlay, and an empty one anywhere, are without effect, and an id
    outside the vocabulary is refused. In this order: padding at the end of the vocabulary, behind all tokens; an added
    token (a marker or a reserve) that begins or ends nothing; the last token, the rarest of a merged vocabulary.

    Args:
        model: the section ``model`` of ``genai_config.json``.
        added: ids of the tokens that were added to the vocabulary, from ``tokenizer.json``.
    """
    last = int(model["vocab_size"]) - 1
    taken = {known for name in ("eos_token_id", "bos_token_id", "pad_token_id") for known in _as_ids(model.get(name))}
    inside = [known for known in added if known <= last]
    if inside and last // 2 < max(inside) < last and last not in taken:
        return last
    markers = [known for known in inside if known not in taken]
    if markers:
        return max(markers)
    return next(known for known in range(last, -1, -1) if known not in taken)


def _as_ids(value: Any) -> list[int]:
    if value is None:
        return []
    return [int(one) for one in value] if isinstance(value, list) else [int(value)]


def _added_ids(artifact: Path) -> list[int]:
    try:
        text = (artifact / "tokenizer.json").read_text(encoding="utf-8")
        start = text.index("[", text.index('"added_tokens"'))
        # The rest of the file is the whole vocabulary; parsing it would count as loading.
        tokens, _ = json.JSONDecoder().raw_decode(text, start)
        return [int(token["id"]) for token in tokens]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _settings(artifact: Path) -> dict[str, Any]:
    path = artifact / "genai_config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        int(settings["model"]["vocab_size"])
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{artifact} holds no ONNX Runtime GenAI model (genai_config.json is missing); make it with `nox -s models`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} does not describe an ONNX Runtime GenAI model: {_one_line(error)}") from error
    return dict(settings)


def _require_provider(artifact: Path, settings: Mapping[str, Any], device: str) -> None:
    """Refuse a model that was built for another provider.

    Its graph has other operators, and ``clear_providers`` would run it on the CPU without a word.
    """
    session_options = settings["model"].get("decoder", {}).get("session_options", {})
    named = [name for entry in session_options.get("provider_options", []) for name in entry]
    if named:
        raise ArtifactError(f"{artifact} was built for {', '.join(named)}, not for {device}; build it for {device}")


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


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
