"""Reads the few facts about an ONNX graph that evidence needs, without the onnx package.

Field numbers are those of ``onnx.proto3`` (https://github.com/onnx/onnx), encoded as protocol buffers.
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
_64_BITS = 2**64 - 1

MOST_FIELDS = 5_000_000
"""Of one file; a graph of a hundred thousand nodes has two million."""

_LARGEST_BYTES = 64 * 1024 * 1024
"""Reading counts towards the worker's peak memory, so a file larger than any graph without weights is left alone."""


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """What a graph says of itself.

    Args:
        operators: operator -> how many nodes of the main graph are of it.
        outputs: output -> its element type, e.g. ``f32``; outputs of other types are left out.
        accuracy_levels: the levels that the quantized matrix products ask for; 4 allows int8 inside them.
        block_sizes: how many weights share a scale in them; activations in int8 do so as well.
    """

    operators: Mapping[str, int]
    outputs: Mapping[str, str]
    accuracy_levels: frozenset[int]
    block_sizes: frozenset[int]


def read_graph(path: Path) -> GraphFacts | None:
    """Read the graph in ``path``; ``None`` if the file carries its weights and is too large to be read for this.

    Raises:
        ValueError: the file is no ONNX model.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        return None
    try:
        return _facts(Message(memoryview(path.read_bytes())))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no ONNX model") from error


def _facts(model: Message) -> GraphFacts:
    operators: Counter[str] = Counter()
    outputs: dict[str, str] = {}
    found: dict[str, set[int]] = {"accuracy_level": set(), "block_size": set()}
    for graph in model.parts(_MODEL_GRAPH):
        for node in graph.parts(_GRAPH_NODE):
            operator = node.text(_NODE_OPERATOR)
            operators[operator] += 1
            # A quantized embedding has blocks of its own, which say nothing of the activations.
            product = operator == "QMoE" or operator.startswith("MatMulNBits")
            for attribute in node.parts(_NODE_ATTRIBUTE) if product else ():
                if (name := attribute.text(_ATTRIBUTE_NAME)) in found:
                    found[name].update(attribute.numbers(_ATTRIBUTE_INT))
        for output in graph.parts(_GRAPH_OUTPUT):
            tensors = [tensor for kind in output.parts(_VALUE_TYPE) for tensor in kind.parts(_TYPE_TENSOR)]
            elements = [number for tensor in tensors for number in tensor.numbers(_TENSOR_ELEMENT)]
            if elements and elements[0] in _ELEMENT_TYPES:
                outputs[output.text(_VALUE_NAME)] = _ELEMENT_TYPES[elements[0]]
    return GraphFacts(dict(operators), outputs, *map(frozenset, found.values()))


class Message:
    """A message of protocol buffers: the numbers, and the texts or messages, of each of its fields.

    Whatever the bytes are, reading them takes no more memory than :data:`MOST_FIELDS` fields do, in all messages of a
    file together: a byte can begin a field.

    Raises:
        IndexError: these bytes are no message.
    """

    def __init__(self, data: memoryview, seen: list[int] | None = None) -> None:
        self._numbers: dict[int, list[int]] = {}
        self._parts: dict[int, list[memoryview]] = {}
        self._seen = [0] if seen is None else seen
        at = 0
        while at < len(data):
            self._seen[0] += 1
            if self._seen[0] > MOST_FIELDS:
                raise IndexError(f"more than {MOST_FIELDS} fields")
            tag, at = _varint(data, at)
            field, kind = tag >> 3, tag & 7
            if kind == _VARINT:
                value, at = _varint(data, at)
                self._numbers.setdefault(field, []).append(value)
            elif kind == _BYTES:
                length, at = _varint(data, at)
                if length > len(data) - at:
                    raise IndexError("a field that ends behind its message")
                self._parts.setdefault(field, []).append(data[at : at + length])
                at += length
            elif kind in (_FIXED64, _FIXED32):
                at += 8 if kind == _FIXED64 else 4
            else:
                raise IndexError(f"no such kind of field: {kind}")

    def numbers(self, field: int) -> list[int]:
        """The numbers of ``field``, each in a field of its own."""
        return self._numbers.get(field, [])

    def integers(self, field: int) -> list[int]:
        """The signed numbers of ``field``, packed into one field or not."""
        found = list(self.numbers(field))
        for data in self.data(field):
            at = 0
            while at < len(data):
                value, at = _varint(data, at)
                found.append(value)
        return [value - 2**64 if value >= 2**63 else value for value in found]

    def data(self, field: int) -> list[memoryview]:
        """The bytes of ``field``, as often as it stands there."""
        return self._parts.get(field, [])

    def parts(self, field: int) -> Iterator[Message]:
        """The messages of ``field``."""
        return (Message(data, self._seen) for data in self.data(field))

    def text(self, field: int) -> str:
        """The text of ``field``; of several the last, as every reader takes it."""
        return bytes(self._parts.get(field, [b""])[-1]).decode("utf-8")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _64_BITS, at
    raise IndexError("a number of more than ten bytes")
