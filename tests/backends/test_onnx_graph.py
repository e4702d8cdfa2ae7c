"""A graph's operators, output types and accuracy levels are read from the wire format."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends import onnx_graph
from backends.onnx_graph import GraphFacts, Message, read_graph
from tests.support.hostile_models import number, part, varint


def node(operator: str, **attributes: int) -> bytes:
    fields = b"".join(part(5, part(1, name) + number(3, value)) for name, value in attributes.items())
    return part(1, part(1, "an input") + part(4, operator) + fields)


def output(name: str, element: int) -> bytes:
    return part(12, part(1, name) + part(2, part(1, number(1, element))))


def model(*graph: bytes) -> bytes:
    return number(1, 10) + part(2, "a builder") + part(7, part(2, "a graph") + b"".join(graph))


def facts(tmp_path: Path, data: bytes) -> GraphFacts:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    read = read_graph(path)
    assert read is not None
    return read


def test_operators_are_counted(tmp_path: Path) -> None:
    read = facts(tmp_path, model(node("MatMul"), node("GroupQueryAttention"), node("MatMul")))

    assert read.operators == {"MatMul": 2, "GroupQueryAttention": 1}


def test_output_types_are_named(tmp_path: Path) -> None:
    read = facts(tmp_path, model(output("logits", 1), output("present.0.key", 10)))

    assert read.outputs == {"logits": "f32", "present.0.key": "f16"}


def test_an_output_of_a_type_without_a_name_is_left_out(tmp_path: Path) -> None:
    assert facts(tmp_path, model(output("text", 8))).outputs == {}


def test_accuracy_levels_are_gathered(tmp_path: Path) -> None:
    read = facts(tmp_path, model(node("MatMulNBits", bits=4, accuracy_level=4), node("MatMulNBits", bits=4)))

    assert read.accuracy_levels == {4}


def test_block_sizes_are_gathered(tmp_path: Path) -> None:
    read = facts(tmp_path, model(node("MatMulNBits", block_size=32), node("MatMulNBits", block_size=128)))

    assert read.block_sizes == {32, 128}


def test_blocks_of_a_quantized_embedding_are_none_of_the_products(tmp_path: Path) -> None:
    embedding = node("GatherBlockQuantized", block_size=16)
    read = facts(tmp_path, model(embedding, node("MatMulBnb4", block_size=64), node("MatMulNBits", block_size=32)))

    assert read.block_sizes == {32}


def test_weights_between_the_nodes_are_passed_over(tmp_path: Path) -> None:
    weights = part(5, bytes(range(256)) * 100)

    assert facts(tmp_path, model(weights, node("MatMul"), weights)).operators == {"MatMul": 1}


def test_fields_of_fixed_width_are_passed_over(tmp_path: Path) -> None:
    fixed = varint(30 << 3 | 5) + b"\0" * 4 + varint(31 << 3 | 1) + b"\0" * 8

    assert facts(tmp_path, model(fixed, node("MatMul"))).operators == {"MatMul": 1}


def test_a_large_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model(node("MatMul")))
    monkeypatch.setattr(onnx_graph, "_LARGEST_BYTES", 10)

    assert read_graph(path) is None


def test_what_is_packed_is_read_as_what_is_not() -> None:
    packed, alone = part(1, varint(7) + varint(2**64 - 1)), number(1, 7) + number(1, 2**64 - 1)

    assert Message(memoryview(packed)).integers(1) == Message(memoryview(alone)).integers(1) == [7, -1]


def test_a_file_of_fields_alone_takes_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "MOST_FIELDS", 10)

    with pytest.raises(IndexError, match="more than 10 fields"):
        list(Message(memoryview(part(1, number(2, 1) * 5) * 2)).parts(1))


@pytest.mark.parametrize(
    "data", [b'{"model": {}}', b"\x3a\x05\x0a", model(part(1, b"\x22\x02\xff\xff")), b"\x80", b"\x08" + b"\xff" * 11]
)
def test_what_is_no_graph_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)

    with pytest.raises(ValueError, match="is no ONNX model"):
        read_graph(path)
