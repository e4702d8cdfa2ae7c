"""A profile's events become shares of nodes, and a fused node counts as what it stands for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backends.contract import BackendError
from backends.ort_profile import NodeRun, executed_nodes, placement

CPU, OPENVINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"


def event(operator: str, index: int, provider: str = CPU, **changes: Any) -> dict[str, Any]:
    arguments = {"op_name": operator, "node_index": str(index), "provider": provider}
    return {"cat": "Node", "name": f"/{operator}_kernel_time", "dur": 3, "args": arguments} | changes


def profile(folder: Path, *events: dict[str, Any]) -> Path:
    path = folder / "profile.json"
    path.write_text(json.dumps(events), encoding="utf-8")
    return path


def runs(provider: str, operator: str, count: int) -> list[NodeRun]:
    return [NodeRun(provider, operator, f"{operator}{number}") for number in range(count)]


def fused(count: int) -> list[NodeRun]:
    return [NodeRun(OPENVINO, f"OpenVINO-EP-subgraph_{number}", str(number)) for number in range(count)]


def test_a_node_that_ran_often_is_one_node(tmp_path: Path) -> None:
    path = profile(tmp_path, event("MatMul", 1), event("MatMul", 1), event("MatMul", 2))

    assert executed_nodes(path) == {NodeRun(CPU, "MatMul", "1"), NodeRun(CPU, "MatMul", "2")}


def test_what_is_not_a_node_at_work_is_left_out(tmp_path: Path) -> None:
    waiting = event("MatMul", 2, name="/MatMul_fence_before")
    run = event("model_run", 3, cat="Session")

    assert executed_nodes(profile(tmp_path, event("MatMul", 1), waiting, run)) == {NodeRun(CPU, "MatMul", "1")}


def test_a_node_without_a_provider_ran_on_the_cpu(tmp_path: Path) -> None:
    path = profile(tmp_path, event("Shape", 1, provider=""))

    assert {node.provider for node in executed_nodes(path)} == {CPU}


@pytest.mark.parametrize("text", ["", "{}", "[3]", '[{"cat": "Node", "name": "a_kernel_time"}]', '{"traceEvents": 1}'])
def test_what_is_no_profile_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BackendError, match=r"^the profile that ONNX Runtime wrote [^\n]+$"):
        executed_nodes(path)


def test_a_profile_without_nodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no node that ran"):
        executed_nodes(profile(tmp_path, event("model_run", 3, cat="Session")))


def test_shares_are_of_nodes_and_the_largest_comes_first() -> None:
    nodes = [*runs(CPU, "Shape", 1), *runs("DmlExecutionProvider", "MatMul", 3)]
    shares = placement(nodes, "DmlExecutionProvider", {"Shape": 1, "MatMul": 3})

    assert list(shares.items()) == [("DmlExecutionProvider", 0.75), (CPU, 0.25)]


def test_fused_nodes_count_as_the_nodes_that_they_stand_for() -> None:
    nodes = [*runs(CPU, "GroupQueryAttention", 30), *fused(33)]
    shares = placement(nodes, OPENVINO, {"GroupQueryAttention": 30, "MatMul": 151, "Mul": 119})

    assert shares == {OPENVINO: 0.9, CPU: 0.1}


def test_constants_never_run_and_are_not_counted() -> None:
    shares = placement([*runs(CPU, "Add", 1), *fused(1)], OPENVINO, {"Add": 1, "MatMul": 3, "Constant": 96})

    assert shares == {OPENVINO: 0.75, CPU: 0.25}


def test_without_a_graph_a_fused_node_counts_as_one() -> None:
    assert placement([*runs(CPU, "Add", 1), *fused(3)], OPENVINO, None) == {OPENVINO: 0.75, CPU: 0.25}


def test_a_node_that_was_fused_on_the_cpu_counts_as_one() -> None:
    nodes = [*runs(CPU, "QuickGelu", 1), *runs(CPU, "MatMul", 3)]

    assert placement(nodes, CPU, {"Sigmoid": 1, "Mul": 1, "MatMul": 3}) == {CPU: 1.0}


def test_a_provider_that_ran_nothing_has_no_share() -> None:
    assert OPENVINO not in placement(runs(CPU, "MatMul", 2), OPENVINO, {"MatMul": 2})
