"""What the weights of an ONNX Runtime GenAI model are stored as, read from its graph."""

from collections import Counter
from collections.abc import Mapping
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
_PACKED = {
    "DequantizeLinear": ((), (1, 2)),
    "GatherBlockQuantized": ((0,), (2, 3)),
    "MatMulBnb4": ((1,), (2,)),
    "MatMulNBits": ((1,), (2, 3)),
    "MatMulNBitsMlp": ((3, 6), (4, 7)),
    "MatMulNBitsQkv": ((3, 6, 9), (4, 7, 10)),
    "QMoE": ((2, 5, 8), (3, 6, 9, 11, 12, 13, *range(15, 21))),
}
"""Operator -> which of its inputs may be weights packed into bytes, and which are scales and zero points of weights."""
_OF_EXPERTS = {
    **dict.fromkeys(("fp4", "nvfp4", "wfp4afp8"), ("f4e2m1", 4)),
    "fp8": ("f8e4m3", 8),
}
"""``quant_type`` of ``QMoE`` where it is not ``int`` -> weight format, and bits of a weight."""
_POSITION_TABLES = {"GroupQueryAttention": (7, 8), "MultiHeadAttention": (), "RotaryEmbedding": (2, 3)}


@dataclass(slots=True)
class _Roles:
    """What each initializer is to the nodes that read it."""

    packed: dict[str, tuple[str, int, int | None]] = field(default_factory=dict)  # name -> format, bits, weights
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
        if kept_as == "int8" and tensor.name in roles.packed:
            packed_as, packed_width, weights = roles.packed[tensor.name]
            elements[packed_as] += weights or size * width // packed_width
        elif tensor.name not in roles.companions:
            elements[kept_as] += size
    return {
        "weight_elements": dict(elements),
        "stored_bytes": bits // 8,
        "looked_up_bytes": looked_up // 8,
        "blocks": [{"block_size": size, "accuracy_level": level} for size, level in sorted(roles.blocks)],
    }


def _roles(graph: Any) -> _Roles:
    roles = _Roles()
    for node in graph.node:
        inputs = list(node.input)
        stated = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "MatMulNBits":
            roles.blocks.add((stated["block_size"], stated.get("accuracy_level", 0)))
        weights, companions = _PACKED.get(node.op_type, ((), ()))
        roles.companions.update(inputs[place] for place in companions if place < len(inputs))
        for place in weights:
            name = inputs[place] if place < len(inputs) else ""
            stored = _packed_as(node.op_type, place, stated)
            # Of an embedding that the output layer shares, the latter tells how many weights it has without padding.
            if stored[2] is not None or name not in roles.packed:
                roles.packed[name] = stored
        tables = {"Gather": inputs[:1], "GatherBlockQuantized": inputs[:1] + inputs[2:4]}.get(node.op_type, [])
        roles.looked_up.update(tables)
        roles.whole.update(name for name in inputs if name not in tables)
        for position in _POSITION_TABLES.get(node.op_type, ()):
            roles.tables.update(inputs[position : position + 1])
    return roles


def _packed_as(operator: str, place: int, stated: Mapping[str, Any]) -> tuple[str, int, int | None]:
    """How the weights at an input of a node are stored: format, bits of one, and how many, where the node says so."""
    if operator in ("MatMulBnb4", "MatMulNBits"):
        count = stated["K"] * stated["N"]
        if operator == "MatMulNBits":
            return f"int{stated.get('bits', 4)}", stated.get("bits", 4), count
        return ("nf4" if stated["quant_type"] == 1 else "fp4"), 4, count
    if operator != "QMoE":
        return f"int{stated.get('bits', 4)}", stated.get("bits", 4), None
    if (kind := stated.get("quant_type", b"int").decode()) in _OF_EXPERTS:
        return (*_OF_EXPERTS[kind], None)
    layer = 1 + _PACKED["QMoE"][0].index(place)
    bits = stated.get(f"fc{layer}_expert_weight_bits", stated.get("expert_weight_bits", 4))
    return f"int{bits}", bits, None
