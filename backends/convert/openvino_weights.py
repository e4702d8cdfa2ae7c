"""What the weights of an OpenVINO IR are stored as, read from its constants; its configuration file does not tell."""

from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

from openvino import Core

FORMATS = {
    "i4": "int4",
    "u4": "int4",
    "i8": "int8",
    "u8": "int8",
    "f16": "fp16",
    "bf16": "bf16",
    "f32": "fp32",
    **{kind: kind for kind in ("nf4", "f4e2m1", "f8e4m3", "f8e5m2", "f8e8m0", "u2", "u3", "u6")},
}
"""Type of a constant -> weight format; others are numbers of the graph, such as shapes."""
_DECOMPRESSION = {"Convert", "Subtract", "Multiply", "Reshape"}


def weights_of(model: Path) -> dict[str, Any]:
    """Count the weights of the IR ``model``. Scales and zero points are no parameters.

    ``weight_elements``: weight format -> parameters stored so; ``stored_bytes``: of weights, scales and zero points;
    ``looked_up_bytes``: of these, what is in tables of which a token reads one row, and which no other operation reads
    (an embedding that the output layer does not share).
    """
    elements: Counter[str] = Counter()
    bits = looked_up = 0
    for node in Core().read_model(model).get_ops():
        if node.get_type_name() != "Constant":
            continue
        element = node.get_element_type()
        kind = element.get_type_name()
        shape = tuple(node.shape) if kind in FORMATS else ()
        # Neither scalars nor rotary frequencies; a scale per channel has its last dimension 1, and not its first.
        if not shape or max(shape[0], shape[-1]) <= 1:
            continue
        size = prod(shape)
        bits += size * element.bitwidth
        if _is_looked_up(node):
            looked_up += size * element.bitwidth
        # NNCF names what belongs to a compressed weight after the weight; a codebook is a row of numbers of 8 bits.
        codebook = kind.startswith("f8") and len(shape) == 1
        if not codebook and not node.get_friendly_name().endswith(("/scale", "/zero_point")):
            elements[FORMATS[kind]] += size
    return {"weight_elements": dict(elements), "stored_bytes": bits // 8, "looked_up_bytes": looked_up // 8}


def _is_looked_up(constant: Any) -> bool:
    """Whether all that reads ``constant``, through what makes numbers of its compressed ones, picks rows of it."""
    left, seen = [constant], {constant.get_name()}
    while left:
        inputs = left.pop().output(0).get_target_inputs()
        for entry in inputs:
            reader = entry.get_node()
            if reader.get_type_name() not in _DECOMPRESSION:
                if reader.get_type_name() != "Gather" or entry.get_index() != 0:
                    return False
            # A reader of two of its outputs is one: a graph may be made such that its paths double with each node.
            elif reader.get_name() not in seen:
                seen.add(reader.get_name())
                left.append(reader)
        if not inputs:
            return False
    return True
