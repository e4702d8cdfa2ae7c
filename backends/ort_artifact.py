"""What is read from the files of an ONNX Runtime GenAI model before it is loaded, and from the profile of a session."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.contract import ArtifactError, BackendError, one_line, require_file
from backends.onnx_graph import GraphFacts, read_graph
from backends.ort_providers import PROVIDERS
from backends.spec import OPENVINO_PROVIDERS, family


@dataclass(frozen=True, slots=True)
class OrtArtifact:
    """A folder with an ONNX Runtime GenAI model.

    Args:
        model: that section of its ``genai_config.json``.
    """

    folder: Path
    model: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> OrtArtifact:
        """The model in ``folder``.

        Raises:
            ArtifactError: there is none.
        """
        path = folder / "genai_config.json"
        require_file(folder, path.name, "ONNX Runtime GenAI model")
        try:
            model = dict(json.loads(path.read_text(encoding="utf-8"))["model"])
            int(model["vocab_size"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{path} does not describe an ONNX Runtime GenAI model: {one_line(error)}") from error
        return cls(folder, model)

    @property
    def _decoder(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.model.get("decoder", {})
        return found

    @property
    def providers(self) -> dict[str, Mapping[str, Any]]:
        """The execution providers that the model itself names, with their options."""
        named = self._decoder.get("session_options", {}).get("provider_options", [])
        return {name: given or {} for entry in named for name, given in entry.items()}

    @property
    def attention_window(self) -> int:
        """The tokens that layers with a bounded KV cache of their own look back on; 0 without such layers.

        Their kernel takes no cache that is shorter, whatever the request.
        """
        window = self._decoder.get("sliding_window") or {}
        # Where GenAI slides the window itself, it sizes the cache of all layers.
        if window.get("slide_key_value_cache", True) or not window.get("layers"):
            return 0
        return int(window.get("window_size") or 0)

    def graph(self) -> GraphFacts | None:
        """What the model's graph says of itself; ``None`` where it cannot be read."""
        file = self._decoder.get("filename")
        try:
            return read_graph(self.folder / file) if file else None
        except (OSError, ValueError):
            return None

    def require_provider(self, device: str) -> str | None:
        """Refuse a model that was built for another provider than that of ``device``.

        Its graph has other operators, and ``clear_providers`` would run it on the CPU without a word. The CPU's graph
        runs through OpenVINO too.

        Returns:
            the provider as the model itself names it, to be loaded with the options that stand there; ``None`` if it
            names none, and one has to be set.
        """
        kind = family(device)
        provider = PROVIDERS[kind]
        named = self.providers
        own = next((name for name in named if name.lower() == provider.config.lower()), None)
        others = [name for name in named if name != own and name.lower() != "cpu"]
        if others or (own is None and provider.graph is not None):
            built_for = ", ".join(others) or "the CPU"
            raise ArtifactError(f"{self.folder} was built for {built_for}, not for {device}; build it for {device}")
        asked = device.partition(".")[2] or "CPU"
        told = str(named.get(own or "", {}).get("device_type") or asked)
        if kind in OPENVINO_PROVIDERS and told.upper().removesuffix(".0") != asked.removesuffix(".0"):
            raise ArtifactError(f"{self.folder} names OpenVINO's device {told}; ask for --device {kind}.{told}")
        return None if kind == "CPU" else own


def unused_id(model: Mapping[str, Any], added: Sequence[int], used: Collection[int] = ()) -> int:
    """An id that a model does not generate, used as its end-of-sequence and padding id.

    ONNX Runtime GenAI takes no "never": a list in an overlay, and an empty one anywhere, are without effect, and an id
    outside the vocabulary is refused. In this order: padding at the end of the vocabulary, behind all tokens; an added
    token (a marker or a reserve) that begins or ends nothing; the last token, the rarest of a merged vocabulary.

    ``model`` is that section of ``genai_config.json``, ``added`` the ids of :func:`added_ids`, ``used`` those that it
    must not be.
    """
    last = int(model["vocab_size"]) - 1
    taken = {known for name in ("eos_token_id", "bos_token_id", "pad_token_id") for known in _as_ids(model.get(name))}
    taken.update(used)
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


def added_ids(artifact: Path) -> list[int]:
    """Ids of the tokens that were added to the vocabulary; none where ``tokenizer.json`` does not tell."""
    try:
        text = (artifact / "tokenizer.json").read_text(encoding="utf-8")
        start = text.index("[", text.index('"added_tokens"'))
        # The rest of the file is the whole vocabulary; parsing it would count as loading.
        tokens, _ = json.JSONDecoder().raw_decode(text, start)
        return [int(token["id"]) for token in tokens]
    except (OSError, ValueError, KeyError, TypeError):
        return []


_RAN = "_kernel_time"
"""How the event of a node's own work ends; ``_fence_before`` and ``_fence_after`` of older versions are waiting."""

_NEVER_RUN = "Constant"
"""An operator that is folded before anything runs."""


@dataclass(frozen=True, slots=True)
class NodeRun:
    """A node that ran at least once.

    ``operator``: what it is; a subgraph that a provider compiled has a name of its own there.
    """

    provider: str
    operator: str
    index: str


def executed_nodes(path: Path) -> frozenset[NodeRun]:
    """The nodes that ran, each once, in the JSON that a session wrote with ``enable_profiling``."""
    try:
        events = json.loads(path.read_text(encoding="utf-8"))
        ran = [event for event in events if event.get("cat") == "Node" and str(event["name"]).endswith(_RAN)]
        found = frozenset(_node(event["args"], str(event["name"])) for event in ran)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendError(f"the profile that ONNX Runtime wrote cannot be read: {one_line(error)}") from error
    if not found:
        raise BackendError("the profile that ONNX Runtime wrote shows no node that ran: its session may have crashed")
    return found


def _node(arguments: Mapping[str, object], event: str) -> NodeRun:
    # Without a provider the session left the node where every node can be: on the CPU.
    provider = str(arguments.get("provider") or "CPUExecutionProvider")
    return NodeRun(provider, str(arguments["op_name"]), str(arguments.get("node_index", event)))


def placement(nodes: Iterable[NodeRun], provider: str, operators: Mapping[str, int] | None) -> dict[str, float]:
    """Execution provider -> share of the executed nodes, largest first.

    A provider that compiles subgraphs, as OpenVINO's does, leaves one node of the profile for many of the model's. One
    by one they would be counted against every single operator that stayed on the CPU: OpenVINO would seem to run half
    of a model whose attention alone is left to the CPU. So its fused nodes together count as what they stand for: the
    model's nodes without those that the profile shows elsewhere. Where the graph could not be read, a fused node counts
    as one. Shares are of nodes, not of time: an attention node is more work than an addition.

    ``operators``: operator -> how many nodes of the model's graph are of it; ``None`` if it was not read.
    """
    ran = frozenset(nodes)
    counts = Counter(node.provider for node in ran)
    if operators is not None and any(node.provider == provider and node.operator not in operators for node in ran):
        elsewhere = counts.total() - counts[provider]
        runnable = sum(count for operator, count in operators.items() if operator != _NEVER_RUN)
        counts[provider] = max(counts[provider], runnable - elsewhere)
    total = counts.total()
    return {name: count / total for name, count in counts.most_common()}
