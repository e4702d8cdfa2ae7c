"""What the weights of an OpenVINO IR are stored as, read from its constants; its configuration file does not tell."""

from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

from openvino import Core

FORMATS = {"i4": "int4", "u4": "int4", "i8": "int8", "u8": "int8", "f16": "fp16", "bf16": "bf16", "f32": "fp32"}
_DECOMPRESSION = {"Convert", "Subtract", "Multiply", "Reshape"}
_BITS = {"i4": 4, "u4": 4, "i8": 8, "u8": 8, "f16": 16, "bf16": 16, "f32": 32}


def weights_of(model: Path) -> dict[str, Any]:
    """Count the weights of the IR ``model``. Scales and zero points are no parameters.

    ``weight_elements``: weight format -> parameters stored so; ``stored_bytes``: of weights, scales and zero points;
    ``looked_up_bytes``: of these, what is in tables of which a token reads one row, and which no other operation reads
    (an embedding that the output layer does not share).
    """
    elements: Counter[str] = Counter()
    bits = looked_up = 0
    for node in Core().read_model(model).get_ops():
        kind = node.get_element_type().get_type_name() if node.get_type_name() == "Constant" else ""
        shape = tuple(node.shape) if kind in FORMATS else ()
        if not is_table(shape):
            continue
        size = prod(shape)
        bits += size * _BITS[kind]
        if _is_looked_up(node):
            looked_up += size * _BITS[kind]
        # NNCF names what belongs to a compressed weight after the weight.
        if not node.get_friendly_name().endswith(("/scale", "/zero_point")):
            elements[FORMATS[kind]] += size
    return {"weight_elements": dict(elements), "stored_bytes": bits // 8, "looked_up_bytes": looked_up // 8}


def _is_looked_up(node: Any) -> bool:
    """Whether all that reads ``node``, through what makes numbers of its compressed ones, picks rows of it."""
    readers = [(entry.get_node(), entry.get_index()) for entry in node.output(0).get_target_inputs()]
    return bool(readers) and all(
        _is_looked_up(reader)
        if reader.get_type_name() in _DECOMPRESSION
        else reader.get_type_name() == "Gather" and index == 0
        for reader, index in readers
    )


def is_table(shape: tuple[int, ...]) -> bool:
    """Whether a constant of ``shape`` belongs to the weights; scalars and rotary frequencies do not.

    A per-channel scale counts: its last dimension is 1, its first is not.
    """
    return len(shape) > 0 and (shape[-1] > 1 or shape[0] > 1)
