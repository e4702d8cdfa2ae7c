"""Reads what ONNX Runtime's own profiler wrote: which execution provider ran which nodes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.contract import BackendError, one_line

_RAN = "_kernel_time"
"""How the event of a node's own work ends; ``_fence_before`` and ``_fence_after`` of older versions are waiting."""

_NEVER_RUN = "Constant"
"""An operator that is folded before anything runs."""


@dataclass(frozen=True, slots=True)
class NodeRun:
    """A node that ran at least once.

    Args:
        provider: the execution provider that ran it.
        operator: what it is; a subgraph that a provider compiled has a name of its own there.
        index: its number within the session.
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
