"""What the weights of an ONNX Runtime GenAI model are stored as, read from its graph."""

from collections import Counter
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import onnx

FORMATS = {
    "FLOAT": ("fp32", 32),
    "FLOAT16": ("fp16", 16),
    "BFLOAT16": ("bf16", 16),
    "INT8": ("int8", 8),
    "UINT8": ("int8", 8),
    "INT4": ("int4", 4),
    "UINT4": ("int4", 4),
    **dict.fromkeys(("INT2", "UINT2"), ("int2", 2)),
    **dict.fromkeys(("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ"), ("f8e4m3", 8)),
    **dict.fromkeys(("FLOAT8E5M2", "FLOAT8E5M2FNUZ"), ("f8e5m2", 8)),
    "FLOAT4E2M1": ("f4e2m1", 4),
}
"""Element type -> weight format, and bits of an element."""
_POSITION_TABLES = {"GroupQueryAttention": (7, 8), "MultiHeadAttention": (), "RotaryEmbedding": (2, 3)}


@dataclass(slots=True)
class _Roles:
    """What each initializer is to the nodes that read it."""

    packed: dict[str, tuple[int, int]] = field(default_factory=dict)  # name -> bits per weight, weights
    companions: set[str] = field(default_factory=set)  # scales and zero points
    tables: set[str] = field(default_factory=set)  # rotary tables: computed, not learned
    looked_up: set[str] = field(default_factory=set)  # tables of which a token reads one row
    whole: set[str] = field(default_factory=set)  # what a step reads from end to end
    blocks: set[tuple[int, int]] = field(default_factory=set)  # block size, accuracy level


def weights_of(model: Path) -> dict[str, Any]:
    """Count the weights of the ONNX file ``model``, as :func:`backends.convert.openvino_weights.weights_of` does.

    External data is not read. ``blocks`` are the block sizes and accuracy levels of the quantized products; level 4
    computes with 8-bit activations.
    """
    graph = onnx.load(str(model), load_external_data=False).graph
    roles = _roles(graph)
    rows_alone = roles.looked_up - roles.whole
    elements: Counter[str] = Counter()
    bits = looked_up = 0
    for tensor in graph.initializer:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type)
        size = prod(tensor.dims)
        if kind not in FORMATS or size <= 1 or tensor.name in roles.tables:
            continue
        kept_as, width = FORMATS[kind]
        bits += size * width
        if tensor.name in rows_alone:
            looked_up += size * width
        if tensor.name in roles.packed:
            packed_width, weights = roles.packed[tensor.name]
            elements[f"int{packed_width}"] += weights
        elif tensor.name not in roles.companions:
            elements[kept_as] += size
    blocks = [{"block_size": size, "accuracy_level": level} for size, level in sorted(roles.blocks)]
    return {
        "weight_elements": dict(elements),
        "stored_bytes": bits // 8,
        "looked_up_bytes": looked_up // 8,
        "blocks": blocks,
    }


def _roles(graph: Any) -> _Roles:
    roles = _Roles()
    sizes = {tensor.name: prod(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        inputs = list(node.input)
        if node.op_type == "MatMulNBits":
            roles.packed[inputs[1]] = (attributes["bits"], attributes["K"] * attributes["N"])
            roles.companions.update(inputs[2:4])
            roles.blocks.add((attributes["block_size"], attributes.get("accuracy_level", 0)))
        elif node.op_type == "DequantizeLinear":
            roles.companions.update(inputs[1:3])
        elif node.op_type == "GatherBlockQuantized":
            width = attributes.get("bits", 4)
            roles.companions.update(inputs[2:4])
            if inputs[0] in sizes:
                roles.packed.setdefault(inputs[0], (width, sizes[inputs[0]] * 8 // width))
        tables = {"Gather": inputs[:1], "GatherBlockQuantized": inputs[:1] + inputs[2:4]}.get(node.op_type, [])
        roles.looked_up.update(tables)
        roles.whole.update(name for name in inputs if name not in tables)
        for position in _POSITION_TABLES.get(node.op_type, ()):
            roles.tables.update(inputs[position : position + 1])
    roles.companions.discard("")
    return roles
