"""Files as exporters write them are taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.prepare.vet import gguf_file, onnx_file, openvino_ir
from bench.prepare.vet.files import Folder, RefusedError
from tests.support.hostile_models import (
    CONST,
    PLACE,
    gguf,
    gguf_field,
    gguf_tensor,
    gguf_text,
    ir_branch,
    ir_layer,
    ir_xml,
    number,
    onnx_model,
    onnx_node,
    onnx_tensor,
    openvino_ir as write_ir,
    ort_genai,
    part,
    varint,
)


def folder(path: Path) -> Folder:
    return Folder(path, path / "none")


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(onnx_model(onnx_tensor(PLACE)), id="data beside it"),
        pytest.param(onnx_model(onnx_tensor({"location": "model.onnx.data"})), id="no offset and length"),
        pytest.param(
            onnx_model(part(5, part(1, varint(2) + varint(2)) + number(2, 1) + part(9, b"\0" * 16))), id="data inside"
        ),
        pytest.param(onnx_model(part(5, number(1, 3) + number(2, 22) + part(9, b"\0\0"))), id="four bits"),
        pytest.param(onnx_model(part(5, number(1, 1) + number(2, 7) + part(7, varint(1)))), id="typed data"),
        pytest.param(onnx_model(onnx_node("MatMulNBits", "com.microsoft")), id="an operator of ONNX Runtime"),
        pytest.param(
            onnx_model(onnx_node("gelu", "pkg.own"), more=part(25, part(1, "gelu") + part(10, "pkg.own"))),
            id="an operator that the model itself defines",
        ),
        pytest.param(
            onnx_model(onnx_node("If", more=part(5, part(1, "then_branch") + part(6, onnx_node("Identity"))))),
            id="a graph in an attribute",
        ),
    ],
)
def test_onnx(tmp_path: Path, model: bytes) -> None:
    onnx_file.vet(folder(ort_genai(tmp_path, model=model)), "model.onnx")


def test_the_files_of_tensors_are_named(tmp_path: Path) -> None:
    files = onnx_file.vet(folder(ort_genai(tmp_path)), "model.onnx")
    assert files == {"model.onnx.data": tmp_path / "model.onnx.data"}


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(
            ir_xml(ir_layer(data='<data element_type="i4" shape="31" offset="0" size="16"/>')), id="four bits"
        ),
        pytest.param(ir_xml(ir_layer(data='<data element_type="f32" shape="" offset="0" size="4"/>')), id="a scalar"),
        pytest.param(ir_xml(ir_layer(data='<data shape="?,?" element_type="i64"/>')), id="a parameter"),
        pytest.param(
            ir_xml(ir_layer(more="<output><port id='0'><dim>-1</dim><dim>4</dim></port></output>")), id="a dynamic port"
        ),
        pytest.param(
            ir_xml(ir_layer(0) + ir_branch(ir_layer(0))),
            id="a body with ids of its own",
        ),
        pytest.param(
            ir_xml(
                ir_layer(),
                '<rt_info><runtime_options><KV_CACHE_PRECISION value="f16"/></runtime_options><nncf/></rt_info>',
            ),
            id="what an exporter sets",
        ),
    ],
)
def test_ir(tmp_path: Path, xml: str) -> None:
    openvino_ir.vet(folder(write_ir(tmp_path, xml)), "openvino_model")


def test_tokenizers_have_layers_of_openvinos_own_library(tmp_path: Path) -> None:
    write_ir(tmp_path)
    (tmp_path / "openvino_tokenizer.xml").write_text(ir_xml(ir_layer(version="extension", data=CONST)), "utf-8")
    (tmp_path / "openvino_tokenizer.bin").write_bytes(b"\0" * 16)
    assert len(openvino_ir.vet(folder(tmp_path), "openvino_tokenizer")) == 2


def test_gguf(tmp_path: Path) -> None:
    tokens = (9, (8).to_bytes(4, "little") + (2).to_bytes(8, "little") + gguf_text("<s>") + gguf_text("a"))
    fields = [
        gguf_field("general.architecture", 8, gguf_text("llama")),
        gguf_field("general.alignment", 4, (64).to_bytes(4, "little")),
        gguf_field("tokenizer.ggml.tokens", *tokens),
        gguf_field("tokenizer.ggml.scores", 9, (6).to_bytes(4, "little") + (1).to_bytes(8, "little") + b"\0" * 4),
    ]
    file = gguf(tmp_path / "m.gguf", fields, [gguf_tensor("a", (32,), 2), gguf_tensor("b", (1, 1), 0, 64)])
    file.write_bytes(file.read_bytes() + b"\0" * 64)
    gguf_file.vet(file, file.name)


@pytest.mark.parametrize("size", range(0, 160, 7))
def test_a_gguf_that_is_cut_off_anywhere_is_refused(tmp_path: Path, size: int) -> None:
    field = gguf_field("general.name", 8, gguf_text("a name"))
    file = gguf(tmp_path / "m.gguf", [field], [gguf_tensor(shape=(16,))])
    assert file.stat().st_size >= 160
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(RefusedError, match=r"^m\.gguf "):
        gguf_file.vet(file, file.name)


def test_a_copy_of_our_own_is_no_hard_link_elsewhere_whatever_the_files_name(tmp_path: Path) -> None:
    model = ort_genai(tmp_path / "model", model=onnx_model(onnx_tensor({"location": "model[0].data"})))
    data = (model / "model.onnx.data").rename(model / "model[0].data")
    (tmp_path / "copies" / "ort-genai-1").mkdir(parents=True)
    os.link(data, tmp_path / "copies" / "ort-genai-1" / data.name)
    assert onnx_file.vet(Folder(model, tmp_path / "copies"), "model.onnx") == {data.name: data}
