"""ONNX Runtime GenAI: a ``Generator`` per request, as every second request to an application would make one.

One class for all packages of GenAI, which share a module and its surface; the package that is installed decides which
devices there are beside the CPU.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as og

from backends.contract import (
    ArtifactError,
    BackendError,
    Device,
    DeviceSource,
    DeviceUnavailableError,
    Evidence,
    GenerationDetails,
    LoadOptions,
    Scores,
    StepCallback,
    Text,
    UnsupportedError,
    installed_versions,
    known_beginning,
    one_line,
)
from backends.onnx_graph import GraphFacts
from backends.ort_artifact import OrtArtifact, added_ids, executed_nodes, placement, unused_id
from backends.ort_devices import PLUGIN, list_devices, make_findable, plugin_library
from backends.ort_providers import (
    PROVIDERS,
    falls_back_silently,
    find,
    installed_family,
    is_refusal,
    named_device,
    provider_options,
    refusal,
)
from backends.ort_scoring import forced_scores
from backends.spec import OPENVINO_PROVIDERS, family

_ATTENTION = ("GroupQueryAttention", "MultiHeadAttention", "PagedAttention", "Attention")

_QUANTIZERS = ("QuantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeMatMul")
"""Operators that round activations to 8 bits."""

_PACKAGES = (
    *(provider.package for provider in PROVIDERS.values()),
    "onnxruntime",
    "onnxruntime-directml",
    "onnxruntime-gpu",
    "onnxruntime-windowsml",
)


class OrtGenAI:
    """The ONNX Runtime GenAI stack, whichever of its packages is installed."""

    def __init__(self) -> None:
        self._present: list[Device] | None = None
        self._brought = installed_family(tuple(installed_versions(*_PACKAGES)))
        make_findable(self._brought)
        if self._brought == "OVEP":
            og.register_execution_provider_library(PLUGIN, plugin_library())

    def devices(self) -> list[Device]:
        """The CPU, and what the installed package's provider finds on this machine.

        ``is_dml_available`` and its like answer for the build, some of them with a constant; none looks at the machine.
        """
        if self._present is None:
            self._present = [Device(name="CPU"), *(list_devices(self._brought) if self._brought else ())]
        return self._present

    def load(self, artifact: Path, device: str, options: LoadOptions) -> OrtSession:
        return self._load(artifact, device, options)

    def _load(
        self,
        artifact: Path,
        device: str,
        options: LoadOptions,
        *,
        session_options: Mapping[str, Any] | None = None,
        used: Collection[int] = (),
    ) -> OrtSession:
        present = self.devices()
        target = find(device, present)
        if target is None:
            raise DeviceUnavailableError(refusal(device, present, tuple(installed_versions(*_PACKAGES))))
        source, provider = OrtArtifact.read(artifact), PROVIDERS[family(device)]
        named = source.require_provider(device)
        unused = unused_id(source.model, added_ids(artifact), used)
        threads = {} if options.threads is None else {"intra_op_num_threads": options.threads}
        ours = {**threads, **(session_options or {})}
        decoder = {"decoder": {"session_options": ours}} if ours else {}
        # A sequence of a batch that ends with the padding id is computed without it.
        overlay = {"model": {"eos_token_id": unused, "pad_token_id": unused, **decoder}}
        try:
            config = og.Config(str(artifact))
            config.overlay(json.dumps(overlay))
            # The provider is set by its own calls: an overlay that names one is silently ignored.
            if named is None and provider is not PROVIDERS["CPU"]:
                config.clear_providers()
                config.append_provider(provider.config)
            for key, value in provider_options(device, target, options.threads).items():
                config.set_provider_option(named or provider.config, key, value)
            model = og.Model(config)
        except RuntimeError as error:
            words = one_line(error)
            if is_refusal(words):
                raise DeviceUnavailableError(
                    f"ONNX Runtime GenAI lists {target.name} and then refuses it: {words}; {provider.missing}"
                ) from error
            raise ArtifactError(f"ONNX Runtime GenAI could not load {artifact}: {words}") from error
        return OrtSession(model, source, unused, device, present, options)

    def profile(
        self, artifact: Path, device: str, options: LoadOptions, prompt: Sequence[int], new_tokens: int
    ) -> tuple[str, Mapping[str, float]]:
        """Load with ONNX Runtime's profiler on, generate once, and count which provider ran which nodes.

        A fused node counts as the nodes of the model that it stands for; see :func:`backends.ort_artifact.placement`.
        """
        with tempfile.TemporaryDirectory(prefix="aipc-bench-profile-", ignore_cleanup_errors=True) as folder:
            profiling = {"enable_profiling": str(Path(folder) / "profile")}
            session = self._load(artifact, device, options, session_options=profiling)
            graph = OrtArtifact.read(artifact).graph()
            try:
                session.generate([prompt], new_tokens, lambda _ids: None)
            finally:
                session.close()
                # The profile is written when the session goes, and that is when nothing refers to the model any more.
                gc.collect()
            files = sorted(Path(folder).glob("profile*.json"))
            if not files:
                raise BackendError("ONNX Runtime was asked for a profile and wrote none")
            nodes = frozenset().union(*(executed_nodes(file) for file in files))
        provider = PROVIDERS[family(device)].name
        return provider, placement(nodes, provider, graph.operators if graph else None)

    def score(self, artifact: Path, device: str, options: LoadOptions, texts: Sequence[Text]) -> Iterator[Scores]:
        """Load the model, and have it go through the texts side by side, by the decode steps that are timed."""
        session = self._load(artifact, device, options, used=frozenset().union(*(text.ids for text in texts)))
        try:
            yield from forced_scores(session.generator, texts)
        except RuntimeError as error:
            raise BackendError(f"ONNX Runtime GenAI could not score: {one_line(error)}") from error
        finally:
            session.close()


@dataclass(frozen=True, slots=True)
class _Kept:
    """The generator of the request before, how many ids it has room for, and those that it has computed."""

    generator: Any
    room: int
    ids: Sequence[int]


@dataclass
class OrtSession:
    """A loaded model."""

    _model: Any
    _artifact: OrtArtifact
    _unused: int
    _device: str
    _present: Sequence[Device]
    _options: LoadOptions
    _kept: _Kept | None = None

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, on_step: StepCallback) -> GenerationDetails:
        """Prefill with ``append_tokens``, then one ``generate_next_token`` per step."""
        seen: list[Sequence[int]] = []
        try:
            before = time.perf_counter_ns()
            if self._options.prefix_caching:
                generator, room, known = self._kept_for(prompts, new_tokens)
            else:
                generator, room, known = self.generator(len(prompts), len(prompts[0]) + new_tokens), 0, 0
            setup_ns = time.perf_counter_ns() - before
            left = [prompt[known:] for prompt in prompts] if known else prompts
            generator.append_tokens(np.array(left, dtype=np.int32))
            for _ in range(new_tokens):
                generator.generate_next_token()
                ids = generator.get_next_tokens()
                on_step(ids)
                seen.append(ids)
        except RuntimeError as error:
            raise BackendError(f"ONNX Runtime GenAI could not generate: {one_line(error)}") from error
        # Past its end-of-sequence id a sequence is padded without a word and without a forward pass.
        if any(self._unused in ids for ids in seen[:-1]):
            raise BackendError(
                f"the model answered with id {self._unused}, which stood in for the end of sequence, "
                "so what came after it was not computed; ask for another prompt length or fewer new tokens"
            )
        if self._options.prefix_caching:
            self._kept = _Kept(generator, room, [*prompts[0], *(int(ids[0]) for ids in seen[:-1])])
        return GenerationDetails(setup_ns=setup_ns)

    def _kept_for(self, prompts: Sequence[Sequence[int]], new_tokens: int) -> tuple[Any, int, int]:
        """A generator that is rewound to what the prompt shares with the request before, as in a chat.

        Returns:
            the generator, a new one where they share nothing; how many ids it has room for: as many again as a request
            needs, so that the next turn fits; and how many of the prompt's first ids it has computed.
        """
        if len(prompts) > 1:
            raise UnsupportedError("ONNX Runtime GenAI rewinds no batch: use --batch-size 1 with --ask again")
        length = len(prompts[0]) + new_tokens
        kept, self._kept = self._kept, None
        if kept is not None and length <= kept.room:
            known = known_beginning(prompts, [kept.ids])
            if known > 0:
                kept.generator.rewind_to(known)
                return kept.generator, kept.room, known
        kept = None
        room = max(length, min(2 * length, int(self._artifact.model.get("context_length") or 2 * length)))
        return self.generator(1, room), room, 0

    def generator(self, batch_size: int, max_length: int) -> Any:
        """A generator for one request, greedy; its KV cache has room for the model's attention window at least."""
        parameters = og.GeneratorParams(self._model)
        max_length = max(max_length, self._artifact.attention_window)
        parameters.set_search_options(batch_size=batch_size, max_length=max_length, do_sample=False, num_beams=1)
        return og.Generator(self._model, parameters)

    def evidence(self) -> Evidence:
        """The provider is the model's own word; types and attention are read from the graph."""
        graph = self._artifact.graph()
        device_type = str(self._model.device_type)
        device, beyond_doubt = named_device(self._device, device_type, self._present)
        expected = PROVIDERS[family(self._device)].device_type
        changed = {} if device == self._device else {"provider": f"asked {expected}, got {device_type}"}
        source: DeviceSource = "read-back" if beyond_doubt else "accepted"
        attention = [name for name in _ATTENTION if graph and name in graph.operators]
        # Of a GPU the driver may keep one; OpenVINO does where the model names a folder.
        keeps = any("cache_dir" in options for options in self._artifact.providers.values())
        uncached = family(device) in ("CPU", *OPENVINO_PROVIDERS) and not keeps
        return Evidence(
            device=device,
            device_source="unproven" if falls_back_silently(device) else source,
            note=self._note(graph, device, beyond_doubt=beyond_doubt),
            inference_precision=_computes_in(graph) if device == "CPU" else None,
            kv_cache_precision=graph.outputs.get("present.0.key") if graph else None,
            activation_quantization=_activations(graph) if device == "CPU" else None,
            attention_backend="+".join(attention) or None,
            threads=self._options.threads,
            compile_cache="none" if uncached else "unknown",
            changed_hints=changed,
            versions=installed_versions(*_PACKAGES),
        )

    def _note(self, graph: GraphFacts | None, device: str, *, beyond_doubt: bool) -> str:
        sentences = [
            _on_device(device, beyond_doubt=beyond_doubt),
            f"Id {self._unused} stands in for the end of sequence.",
        ]
        if window := self._artifact.attention_window:
            sentences.append(f"The KV cache of a request has room for its attention window, {window} tokens, at least.")
        sentences.append(_on_types(graph, device))
        if self._options.prefix_caching:
            sentences.append("The generator of a request is kept, and rewound for the next one that begins alike.")
        return " ".join(sentences)

    def close(self) -> None:
        self._model = self._kept = None


def _computes_in(graph: GraphFacts | None) -> str | None:
    """``f32`` where every operator is of that type; otherwise the kernels decide, and do not report it."""
    if graph is None or graph.outputs.get("logits") != "f32" or graph.accuracy_levels - {0, 1}:
        return None
    return "f32"


def _activations(graph: GraphFacts | None) -> str | None:
    """Of ``MatMulNBits``: at accuracy_level 4 its input may be rounded to int8, with as many values in a group."""
    if graph is None or any(name in graph.operators for name in _QUANTIZERS):
        return None
    if 4 in graph.accuracy_levels:
        return f"int8 allowed, groups of {' or '.join(map(str, sorted(graph.block_sizes)))}"
    return "none" if _computes_in(graph) == "f32" else None


def _on_device(device: str, *, beyond_doubt: bool) -> str:
    if device == "CPU":
        return "The model names its device."
    if falls_back_silently(device):
        return (
            "What the NPU's compiler refuses, OpenVINO's provider compiles for the CPU without an error, and a profile "
            "counts it as the provider's; so only the NPU's busy time shows that it ran."
        )
    named = "has this one device here" if beyond_doubt else "was told which of its devices to take"
    return (
        f"The model names its provider, which {named}. Operators that the provider does not take run on the CPU; "
        "a node that it fused of several counts in a profile as those that it stands for."
    )


def _on_types(graph: GraphFacts | None, device: str) -> str:
    if graph is None:
        return "Its graph was not read."
    if device != "CPU":
        return (
            "Attention and the type of the KV cache are those of the graph; the type that it computes in is not told."
        )
    if 4 in graph.accuracy_levels:
        return "The graph is in f32, its quantized matrix products may compute in int8 (accuracy_level 4)."
    if graph.outputs.get("logits") in ("f16", "bf16"):
        return "The graph is in half precision, which the CPU provider mostly stores and computes in f32."
    return "Types and attention are those of the graph."
