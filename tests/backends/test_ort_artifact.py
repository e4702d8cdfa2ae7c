"""What stands in for the end of sequence is an id that no answer has, and what is no model is refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backends.contract import ArtifactError, BackendError, one_line
from backends.ort_artifact import (
    NodeRun,
    OrtArtifact,
    added_ids,
    executed_nodes,
    placement,
    unused_id,
)


def settings(**session_options: Any) -> dict[str, Any]:
    return {"model": {"vocab_size": 100, "decoder": {"session_options": session_options}}}


def built_for(providers: list[Any]) -> OrtArtifact:
    return OrtArtifact(Path("model"), settings(provider_options=providers)["model"])


def test_padding_behind_all_tokens_is_taken_first() -> None:
    phi_3 = {"vocab_size": 32064, "eos_token_id": [32000, 32007], "bos_token_id": 1, "pad_token_id": 32000}

    assert unused_id(phi_3, [0, 1, 2, *range(32000, 32011)]) == 32063


def test_a_marker_is_taken_where_the_vocabulary_is_full() -> None:
    smollm2 = {"vocab_size": 49152, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 2}

    assert unused_id(smollm2, list(range(17))) == 16


def test_a_reserve_at_the_end_is_a_marker() -> None:
    llama_3 = {"vocab_size": 128256, "eos_token_id": [128001, 128009], "bos_token_id": 128000}

    assert unused_id(llama_3, list(range(128000, 128256))) == 128255


def test_the_last_token_is_taken_where_nothing_was_added() -> None:
    assert unused_id({"vocab_size": 100, "eos_token_id": 2}, []) == 99


def test_an_id_with_a_meaning_is_never_taken() -> None:
    gpt_2 = {"vocab_size": 50257, "eos_token_id": 50256, "bos_token_id": 50256, "pad_token_id": None}

    assert unused_id(gpt_2, [50256]) == 50255


def test_an_added_token_outside_the_vocabulary_is_passed_over() -> None:
    assert unused_id({"vocab_size": 100, "eos_token_id": 2}, [7, 100]) == 7


def test_an_id_that_is_used_is_never_taken() -> None:
    assert unused_id({"vocab_size": 100, "eos_token_id": 2}, [7], used=(7, 99)) == 98


def test_added_tokens_are_read_without_the_vocabulary_behind_them(tmp_path: Path) -> None:
    text = '{"added_tokens": [{"id": 3, "content": "<a>"}, {"id": 5, "content": "]"}], "model": this is not read'
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")

    assert added_ids(tmp_path) == [3, 5]


@pytest.mark.parametrize("text", [None, "", "{}", '{"added_tokens": [{}]}', '{"added_tokens": [1]}'])
def test_without_added_tokens_there_are_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")

    assert added_ids(tmp_path) == []


def test_settings_are_read_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "genai_config.json").write_text(json.dumps(settings()), encoding="utf-8")

    assert OrtArtifact.read(tmp_path).model == settings()["model"]


def test_a_folder_without_settings_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"genai_config\.json is missing.*nox -s models"):
        OrtArtifact.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": {}}', '{"model": {"vocab_size": "many"}}', '{"model": 3}'])
def test_settings_that_describe_no_model_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "genai_config.json").write_text(text, encoding="utf-8")

    with pytest.raises(ArtifactError, match="does not describe"):
        OrtArtifact.read(tmp_path)


@pytest.mark.parametrize(
    ("named", "device", "kept"),
    [
        ([], "CPU", None),
        ([], "OPENVINO.GPU", None),
        ([{"dml": {}}], "DML.1", "dml"),
        ([{"DML": {}}], "WINML", "DML"),
        ([{"cuda": {"enable_cuda_graph": "0"}}], "CUDA", "cuda"),
        ([{"OpenVINO": {"device_type": "NPU"}}], "OPENVINO.NPU", "OpenVINO"),
        ([{"OpenVINO": {"device_type": "GPU"}}], "OPENVINO.GPU.0", "OpenVINO"),
        ([{"OpenVINO": None}], "OPENVINO", "OpenVINO"),
    ],
)
def test_a_model_is_taken_by_the_provider_that_it_was_built_for(
    named: list[Any], device: str, kept: str | None
) -> None:
    assert built_for(named).require_provider(device) == kept


@pytest.mark.parametrize(
    ("named", "device", "words"),
    [
        ([{"dml": {}}], "CPU", "built for dml, not for CPU"),
        ([{"dml": {}}], "OPENVINO.CPU", "built for dml, not for OPENVINO.CPU"),
        ([{"cuda": {}}], "DML", "built for cuda, not for DML"),
        ([], "DML", "built for the CPU, not for DML"),
        ([], "CUDA.0", "built for the CPU, not for CUDA.0"),
        ([{"OpenVINO": {"device_type": "GPU"}}], "OPENVINO.CPU", "ask for --device OPENVINO.GPU"),
    ],
)
def test_a_model_for_another_provider_is_refused(named: list[Any], device: str, words: str) -> None:
    with pytest.raises(ArtifactError, match=words):
        built_for(named).require_provider(device)


def test_an_error_over_several_lines_becomes_one() -> None:
    assert one_line(RuntimeError("could not\n  open\tthe file")) == "could not open the file"


def test_an_error_without_words_is_its_name() -> None:
    assert one_line(RuntimeError()) == "RuntimeError"


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
