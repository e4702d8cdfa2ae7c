"""An ONNX file: where its tensors lie, how large they are, and which operators it has.

Field numbers are those of ``onnx.proto3`` (https://github.com/onnx/onnx), encoded as protocol buffers. No tensor's
values are read.
"""

import mmap
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

from backends.onnx_graph import Message
from bench.prepare.vet.files import Folder, RefusedError

_MODEL_GRAPH, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 20, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN = 1, 7, 10
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 1, 2, 8, 9, 13, 14
_SPARSE_TENSORS = (1, 2)
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_ONCE = (_MODEL_GRAPH, _ATTRIBUTE_TENSORS[0], _ATTRIBUTE_GRAPHS[0], _ATTRIBUTE_SPARSE[0])

_IN_A_FILE = 1

_STRING = 8
_BITS: Mapping[int, int] = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    15: 128,
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
}
"""Element type -> bits of an element."""

_DOMAINS = (
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "com.microsoft",
    "com.microsoft.dml",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
)
"""The domains whose operators ONNX Runtime itself has."""

_OPERATORS = {
    "EPContext": "a model that was compiled for one driver, and that no rule can be held against",
    "PyOp": "Python code",
    "PythonOp": "Python code",
    "PythonOpGrad": "Python code",
    "TritonOp": "code for a GPU",
}
"""Operator of ONNX Runtime -> what it runs."""

_ENTRIES = ("location", "offset", "length", "checksum")
_DEEPEST = 16
_MOST_ELEMENTS = 2**48


def vet(folder: Folder, name: str) -> dict[str, Path]:
    """The files that the ONNX file ``name`` of ``folder`` keeps its tensors in: name -> file.

    Raises:
        RefusedError: it is no ONNX file, a tensor lies elsewhere or is of another size than it says, or an operator
            needs a library.
    """
    file = folder.file(name, name)
    if file.stat().st_size == 0:
        raise RefusedError(f"{name} is empty: download it again")
    graph = _Graph(folder, name)
    with file.open("rb") as stream:
        # Closed when the last message is gone: weights in the file itself are not read, and may be larger than memory.
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        graph.model(Message(data))
    except (IndexError, UnicodeDecodeError) as error:
        raise RefusedError(f"{name} is no ONNX file ({error}): download it again") from error
    return graph.files


class _Graph:
    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._own: set[tuple[str, str]] = set()
        self.files: dict[str, Path] = {}

    def model(self, model: Message) -> None:
        if model.data(_MODEL_TRAINING):
            raise self._refused("has a part for training, which is not taken: export it for inference")
        functions = list(model.parts(_MODEL_FUNCTIONS))
        self._own = {(one.text(_FUNCTION_DOMAIN), one.text(_FUNCTION_NAME)) for one in functions}
        calls = {}
        for function in functions:
            nodes = list(function.parts(_FUNCTION_NODE))
            called = {(node.text(_NODE_DOMAIN), node.text(_NODE_OPERATOR)) for node in nodes}
            calls[function.text(_FUNCTION_DOMAIN), function.text(_FUNCTION_NAME)] = called & self._own
            self._nodes(nodes, 0)
        self._refuse_endless(calls)
        for graph in self._once(model, _MODEL_GRAPH):
            self._graph(graph, 0)

    def _graph(self, graph: Message, depth: int) -> None:
        if depth > _DEEPEST:
            raise self._refused(f"has graphs within graphs, more than {_DEEPEST} deep")
        for tensor in graph.parts(_GRAPH_INITIALIZER):
            self._tensor(tensor)
        for sparse in graph.parts(_GRAPH_SPARSE):
            self._sparse(sparse)
        self._nodes(graph.parts(_GRAPH_NODE), depth)

    def _nodes(self, nodes: Iterator[Message] | list[Message], depth: int) -> None:
        for node in nodes:
            self._operator(node.text(_NODE_DOMAIN), node.text(_NODE_OPERATOR))
            for attribute in node.parts(_NODE_ATTRIBUTE):
                for field in _ATTRIBUTE_TENSORS:
                    for tensor in self._once(attribute, field):
                        self._tensor(tensor)
                for field in _ATTRIBUTE_SPARSE:
                    for sparse in self._once(attribute, field):
                        self._sparse(sparse)
                for field in _ATTRIBUTE_GRAPHS:
                    for graph in self._once(attribute, field):
                        self._graph(graph, depth + 1)

    def _operator(self, domain: str, operator: str) -> None:
        if (domain, operator) in self._own:
            return
        if domain not in _DOMAINS:
            raise self._refused(
                f"has the operator {operator[:80]!r} of the domain {domain[:80]!r}, which needs a library of native "
                "code; the domains that are taken are ONNX's and com.microsoft"
            )
        if domain == "com.microsoft" and operator in _OPERATORS:
            raise self._refused(f"has the operator {operator}, which runs {_OPERATORS[operator]}")

    def _refuse_endless(self, calls: Mapping[tuple[str, str], set[tuple[str, str]]]) -> None:
        """Refuse functions that call themselves, through others or not: they are written out in place of a call."""
        open_ = dict(calls)
        done: set[tuple[str, str]] = set()
        while open_:
            ready = [name for name, called in open_.items() if called <= done]
            if not ready:
                raise self._refused(f"has a function that calls itself: {next(iter(open_))[1][:80]!r}")
            done.update(ready)
            for name in ready:
                del open_[name]

    def _sparse(self, sparse: Message) -> None:
        for field in _SPARSE_TENSORS:
            for tensor in sparse.parts(field):
                self._tensor(tensor)

    def _tensor(self, tensor: Message) -> None:
        label = f"the tensor {tensor.text(_TENSOR_NAME)[:80]!r}"
        shape, kind = tensor.integers(_TENSOR_DIMS), (tensor.numbers(_TENSOR_TYPE) or [0])[-1]
        if any(size < 0 for size in shape) or prod(shape) > _MOST_ELEMENTS or len(shape) > _DEEPEST:
            raise self._refused(f"says that {label} has the shape {shape[:_DEEPEST]}, which none can have")
        if kind not in _BITS and kind != _STRING:
            raise self._refused(f"says that {label} is of the type {kind}, which is none of ONNX")
        outside = _IN_A_FILE in tensor.numbers(_TENSOR_LOCATION)
        if outside and kind == _STRING:
            raise self._refused(f"keeps the texts of {label} in another file, which ONNX does not allow")
        needed = -(-prod(shape) * _BITS.get(kind, 0) // 8)
        raw = tensor.data(_TENSOR_RAW)
        if raw and not outside and sum(map(len, raw)) != needed:
            raise self._refused(f"holds {sum(map(len, raw))} bytes of {label}, whose shape takes {needed}")
        if outside or tensor.data(_TENSOR_EXTERNAL):
            self._outside(label, self._entries(label, tensor), needed)

    def _entries(self, label: str, tensor: Message) -> dict[str, str]:
        entries: dict[str, str] = {}
        for entry in tensor.parts(_TENSOR_EXTERNAL):
            key = entry.text(_ENTRY_KEY)
            if key not in _ENTRIES or key in entries:
                raise self._refused(f"has the entry {key[:80]!r} for the place of {label}, which is not taken")
            entries[key] = entry.text(_ENTRY_VALUE)
        return entries

    def _outside(self, label: str, entries: Mapping[str, str], needed: int) -> None:
        location = entries.get("location", "")
        file = self._folder.file(location, self._name)
        if self._folder.has_other_names(file):
            raise self._refused(
                f"keeps {label} in {location}, a hard link to a file elsewhere: copy it into the folder"
            )
        size = file.stat().st_size
        offset = self._whole(label, entries.get("offset", "0"))
        length = self._whole(label, entries.get("length", str(max(0, size - offset))))
        if offset + length > size or length < needed:
            raise self._refused(
                f"looks for {label} at {offset} to {offset + length} of {location}, which has {size} bytes; its shape "
                f"takes {needed}: download the model again"
            )
        self.files[location] = file

    def _whole(self, label: str, text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise self._refused(f"has {text[:40]!r} for the place of {label}, which is no number of bytes")
        return int(text)

    def _once(self, message: Message, field: int) -> Iterator[Message]:
        # Readers would join several into one, of which none is as it stands here.
        if field in _ONCE and len(message.data(field)) > 1:
            raise self._refused(f"has the field {field} several times where it can stand once")
        return message.parts(field)

    def _refused(self, what: str) -> RefusedError:
        return RefusedError(f"{self._name} {what}")
