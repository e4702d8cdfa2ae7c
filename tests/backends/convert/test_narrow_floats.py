"""What is counted of models whose weights are stored in fewer bits than float16, and not as integers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.interpreters import told

pytestmark = pytest.mark.conversion

EMBEDDING, HIDDEN, OUTPUT = 100 * 64, 256 * 64, 100 * 256

COMPRESSED = """
import json, tempfile
from pathlib import Path

import nncf
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from backends.convert.openvino_weights import weights_of


def model():
    ids = ops.parameter([1, -1], np.int64)
    table, hidden, output = (
        ops.constant(np.random.rand(*shape).astype(np.float32)) for shape in ((100, 64), (256, 64), (100, 256))
    )
    row = ops.gather(table, ids, ops.constant(0, dtype=np.int64))
    # As an exported model has nodes of several outputs.
    row = ops.concat(ops.split(row, ops.constant(-1, dtype=np.int64), 2).outputs(), -1)
    return ov.Model([ops.matmul(ops.matmul(row, hidden, False, True), output, False, True)], [ids], "model")


found = {}
with tempfile.TemporaryDirectory() as folder:
    for mode in ("INT4_SYM", "NF4", "MXFP4", "CB4"):
        kind = getattr(nncf.CompressWeightsMode, mode)
        file = Path(folder, f"{mode}.xml")
        ov.save_model(nncf.compress_weights(model(), mode=kind, group_size=32, ratio=1.0), file)
        found[mode] = weights_of(file)
print(json.dumps(found))
"""

DOUBLING = """
import json, tempfile
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from backends.convert.openvino_weights import weights_of

rows = ops.constant(np.random.rand(100, 64).astype(np.float32))
for _ in range(60):
    rows = ops.multiply(rows, rows)
row = ops.gather(rows, ops.parameter([1], np.int64), ops.constant(0, dtype=np.int64))
found = []
with tempfile.TemporaryDirectory() as folder:
    for readers in ([row], [row, rows]):
        file = Path(folder, f"{len(readers)}.xml")
        ov.save_model(ov.Model(readers, [row.input_value(1).get_node()], "model"), file, compress_to_fp16=False)
        found.append(weights_of(file)["looked_up_bytes"])
print(json.dumps({"looked up": found}))
"""

ONNX = """
import json, tempfile
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from backends.convert.onnx_weights import weights_of

kinds = {"w": TensorProto.FLOAT8E4M3FN, "v": TensorProto.FLOAT4E2M1}
tensors = [helper.make_tensor(name, kind, [64, 32], bytes(64 * 32 // (1 + (name == "v"))), raw=True)
           for name, kind in kinds.items()]
tensors += [
    helper.make_tensor("q", TensorProto.INT4, [64, 32], bytes(1024), raw=True),
    helper.make_tensor("q scale", TensorProto.FLOAT, [64], [1.0] * 64),
    helper.make_tensor("q zero", TensorProto.INT4, [64], bytes(32), raw=True),
]
nodes = [helper.make_node("DequantizeLinear", ["q", "q scale", "q zero"], ["q float"], axis=0)]
nodes += [helper.make_node("Cast", [name], [f"{name} cast"], to=TensorProto.FLOAT) for name in kinds]
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "model.onnx")
    onnx.save(helper.make_model(helper.make_graph(nodes, "model", [], [], tensors)), file)
    print(json.dumps(weights_of(file)))
"""

PACKED = """
import json, tempfile
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from backends.convert.onnx_weights import weights_of

FAR = "com.microsoft"


def counted(kind, operator, inputs, **attributes):
    # The packed weights of 64 x 32 at four bits, and scales of one in 32.
    kinds = {"w": (kind, [64, 16 if kind == TensorProto.UINT8 else 32]), "s": (TensorProto.FLOAT, [64, 1])}
    tensors = [helper.make_tensor(name, of, shape, bytes(1024 if name == "w" else 256), raw=True)
               for name, (of, shape) in kinds.items()]
    node = helper.make_node(operator, inputs, ["y"], domain=FAR, **attributes)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        onnx.save(helper.make_model(helper.make_graph([node], "model", [], [], tensors)), file)
        found = weights_of(file)
    return [found["weight_elements"], found["stored_bytes"]]


shape = {"K": 32, "N": 64, "block_size": 32}
bytes_, four = TensorProto.UINT8, TensorProto.UINT4
print(json.dumps({
    "nf4": counted(bytes_, "MatMulBnb4", ["x", "w", "s"], quant_type=1, **shape),
    "fp4": counted(bytes_, "MatMulBnb4", ["x", "w", "s"], quant_type=0, **shape),
    "bits": counted(bytes_, "MatMulNBits", ["x", "w", "s"], bits=4, **shape),
    "no bits": counted(bytes_, "MatMulNBits", ["x", "w", "s"], **shape),
    "bytes of rows": counted(bytes_, "GatherBlockQuantized", ["w", "i", "s"], bits=4),
    "rows": counted(four, "GatherBlockQuantized", ["w", "i", "s"], bits=4),
    "experts": counted(bytes_, "QMoE", ["x", "p", "w", "s"]),
    "second layer": counted(bytes_, "QMoE", ["x", "p", "", "", "", "w", "s"],
                            expert_weight_bits=8, fc2_expert_weight_bits=4),
    "floats of experts": counted(bytes_, "QMoE", ["x", "p", "w", "s"], quant_type="fp4"),
    "projections": counted(bytes_, "MatMulNBitsQkv", ["x", "", "n", "", "", "", "w", "s"], bits=4),
}))
"""


@pytest.fixture(scope="module")
def compressed(conversion_python: str) -> dict[str, Any]:
    """What is counted of one small model, by the way in which NNCF compressed it."""
    return told(conversion_python, "-c", COMPRESSED)


@pytest.mark.parametrize(
    ("mode", "formats"),
    [
        ("INT4_SYM", {"int8": EMBEDDING + OUTPUT, "int4": HIDDEN}),
        ("NF4", {"int8": EMBEDDING + OUTPUT, "nf4": HIDDEN}),
        ("MXFP4", {"f8e4m3": EMBEDDING + OUTPUT, "f4e2m1": HIDDEN}),
        # Of a codebook the places in it are stored; the codebook itself is no parameter.
        ("CB4", {"int8": EMBEDDING + OUTPUT, "int4": HIDDEN}),
    ],
)
def test_each_weight_of_an_ir_is_counted_in_its_own_format(
    compressed: dict[str, Any], mode: str, formats: dict[str, int]
) -> None:
    assert compressed[mode]["weight_elements"] == formats


def test_their_bytes_are_those_of_four_bits_and_of_their_scales(compressed: dict[str, Any]) -> None:
    assert compressed["NF4"] | {"weight_elements": {}} == compressed["INT4_SYM"] | {"weight_elements": {}}
    scales = (EMBEDDING + HIDDEN + OUTPUT) // 32
    assert compressed["MXFP4"]["stored_bytes"] == EMBEDDING + OUTPUT + HIDDEN // 2 + scales


def test_a_table_behind_nodes_that_double_the_paths_to_it_is_still_one_that_is_looked_up(
    conversion_python: str,
) -> None:
    assert told(conversion_python, "-c", DOUBLING)["looked up"] == [4 * EMBEDDING, 0]


def test_narrow_weights_of_an_onnx_model_are_counted_without_their_scales(conversion_python: str) -> None:
    counted = told(conversion_python, "-c", ONNX)
    assert counted["weight_elements"] == {"f8e4m3": 2048, "f4e2m1": 2048, "int4": 2048}
    assert counted["stored_bytes"] == 2048 + 1024 + 1024 + 4 * 64 + 32


def test_packed_weights_of_an_onnx_model_are_counted_in_the_format_that_their_operator_states(
    conversion_python: str,
) -> None:
    counted = told(conversion_python, "-c", PACKED)
    named = {"nf4": "nf4", "fp4": "fp4", "floats of experts": "f4e2m1"}
    assert counted == {how: [{named.get(how, "int4"): 2048}, 1024 + 4 * 64] for how in counted}
