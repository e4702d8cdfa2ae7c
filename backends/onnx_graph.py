"""Reads the few facts about an ONNX graph that evidence needs, without the onnx package.

Only the structure is walked: field numbers are those of ``onnx.proto3`` (https://github.com/onnx/onnx), the encoding is
protocol buffers' wire format. Weights are skipped over, not read, so that a model with weights in the same file costs
no memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_OPERATOR, _NODE_ATTRIBUTE = 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT = 1, 3
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR, _TENSOR_ELEMENT = 1, 1

_ELEMENT_TYPES = {1: "f32", 2: "u8", 3: "i8", 10: "f16", 16: "bf16", 21: "u4", 22: "i4"}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_LARGEST_BYTES = 64 * 1024 * 1024
"""Reading counts towards the worker's peak memory, so a file larger than any graph without weights is left alone."""

_Buffer = memoryview
_Value = int | memoryview


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """What a graph says of itself.

    Args:
        operators: operator -> how many nodes of the main graph are of it.
        outputs: output -> its element type, e.g. ``f32``; outputs of other types are left out.
        accuracy_levels: the levels that the quantized matrix products ask for; 4 allows int8 inside them.
    """

    operators: Mapping[str, int]
    outputs: Mapping[str, str]
    accuracy_levels: frozenset[int]


def read_graph(path: Path) -> GraphFacts | None:
    """Read the graph in ``path``; ``None`` if the file carries its weights and is too large to be read for this.

    Raises:
        ValueError: the file is no ONNX model.
        OSError: it cannot be read.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        return None
    try:
        return _facts(memoryview(path.read_bytes()))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no ONNX model") from error


def _facts(model: _Buffer) -> GraphFacts:
    operators: Counter[str] = Counter()
    outputs: dict[str, str] = {}
    levels: set[int] = set()
    for graph in _parts(model, _MODEL_GRAPH):
        for field, part in _fields(graph):
            if field == _GRAPH_NODE and isinstance(part, memoryview):
                operators[_text(part, _NODE_OPERATOR)] += 1
                levels.update(_accuracy_levels(part))
            elif field == _GRAPH_OUTPUT and isinstance(part, memoryview):
                element = _ELEMENT_TYPES.get(_element(part))
                if element is not None:
                    outputs[_text(part, _VALUE_NAME)] = element
    return GraphFacts(dict(operators), outputs, frozenset(levels))


def _accuracy_levels(node: _Buffer) -> Iterator[int]:
    for attribute in _parts(node, _NODE_ATTRIBUTE):
        if _text(attribute, _ATTRIBUTE_NAME) == "accuracy_level":
            yield from _numbers(attribute, _ATTRIBUTE_INT)


def _element(value: _Buffer) -> int:
    for kind in _parts(value, _VALUE_TYPE):
        for tensor in _parts(kind, _TYPE_TENSOR):
            for number in _numbers(tensor, _TENSOR_ELEMENT):
                return number
    return 0


def _text(message: _Buffer, field: int) -> str:
    for part in _parts(message, field):
        return bytes(part).decode("utf-8")
    return ""


def _parts(message: _Buffer, wanted: int) -> Iterator[_Buffer]:
    return (value for field, value in _fields(message) if field == wanted and isinstance(value, memoryview))


def _numbers(message: _Buffer, wanted: int) -> Iterator[int]:
    return (value for field, value in _fields(message) if field == wanted and isinstance(value, int))


def _fields(message: _Buffer) -> Iterator[tuple[int, _Value]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield field, value
        elif kind == _BYTES:
            length, at = _varint(message, at)
            yield field, message[at : at + length]
            at += length
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise IndexError(f"no such kind of field: {kind}")


def _varint(message: _Buffer, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
