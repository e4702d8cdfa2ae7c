"""Models that somebody made to do harm, and the smallest ones that are taken."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.support.models import write_weights

# -- protocol buffers -------------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    """A number, without its field."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def number(field: int, value: int) -> bytes:
    """A field that is a number."""
    return varint(field << 3) + varint(value)


def part(field: int, data: bytes | str) -> bytes:
    """A field that is a text or a message."""
    raw = data.encode("utf-8") if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(raw)) + raw


# -- ONNX Runtime GenAI -----------------------------------------------------------------------------------------------


def genai_config(**session: Any) -> dict[str, Any]:
    """What GenAI's builder writes, with further ``session`` options."""
    return {
        "model": {
            "bos_token_id": 1,
            "context_length": 4096,
            "decoder": {
                "session_options": {"log_id": "onnxruntime-genai", "provider_options": [], **session},
                "filename": "model.onnx",
                "head_size": 96,
                "hidden_size": 3072,
                "inputs": {"input_ids": "input_ids", "past_key_names": "past_key_values.%d.key"},
                "outputs": {"logits": "logits", "present_key_names": "present.%d.key"},
                "num_attention_heads": 32,
                "num_hidden_layers": 32,
                "num_key_value_heads": 32,
            },
            "eos_token_id": [32000, 32001, 32007],
            "pad_token_id": 32000,
            "type": "phi3",
            "vocab_size": 32064,
        },
        "search": {"do_sample": False, "early_stopping": True, "max_length": 4096, "temperature": 1.0},
    }


def onnx_tensor(place: Mapping[str, str], size: int = 4, *, more: bytes = b"") -> bytes:
    """An initializer of ``size`` floats in another file; ``place`` are the entries that say where."""
    entries = b"".join(part(13, part(1, key) + part(2, value)) for key, value in place.items())
    return part(5, number(1, size) + number(2, 1) + part(8, "weight") + entries + number(14, 1) + more)


def onnx_node(operator: str, domain: str = "", more: bytes = b"") -> bytes:
    """A node of the main graph."""
    return part(1, part(4, operator) + part(7, domain) + more)


def onnx_model(*graph: bytes, more: bytes = b"") -> bytes:
    """A model with these parts of its graph."""
    return number(1, 10) + part(7, b"".join(graph)) + more


PLACE = {"location": "model.onnx.data", "offset": "0", "length": "16"}


def ort_genai(folder: Path, config: Any = None, model: bytes | None = None) -> Path:
    """A GenAI folder with one tensor of four floats in ``model.onnx.data``."""
    folder.mkdir(exist_ok=True)
    write_json(folder / "genai_config.json", genai_config() if config is None else config)
    graph = onnx_model(onnx_tensor(PLACE), onnx_node("MatMul")) if model is None else model
    (folder / "model.onnx").write_bytes(graph)
    (folder / "model.onnx.data").write_bytes(b"\0" * 16)
    write_json(folder / "tokenizer.json", {})
    return folder


# -- OpenVINO ---------------------------------------------------------------------------------------------------------

CONST = '<data element_type="f32" shape="2, 2" offset="0" size="16"/>'


def ir_layer(number: int = 0, data: str = CONST, version: str = "opset1", more: str = "") -> str:
    """A constant."""
    return f'<layer id="{number}" name="c" type="Const" version="{version}">{data}{more}</layer>'


def ir_branch(layers: str) -> str:
    """A layer with a body of these layers."""
    return f'<layer id="1" type="If" version="opset8"><then_body><layers>{layers}</layers></then_body></layer>'


def ir_xml(layers: str, after: str = "", before: str = "") -> str:
    """A network of these layers."""
    return f'<?xml version="1.0"?>{before}<net name="m" version="11"><layers>{layers}</layers>{after}</net>'


def openvino_ir(folder: Path, xml: str | None = None) -> Path:
    """An IR with one constant of four floats."""
    folder.mkdir(exist_ok=True)
    (folder / "openvino_model.xml").write_text(ir_xml(ir_layer()) if xml is None else xml, "utf-8")
    (folder / "openvino_model.bin").write_bytes(b"\0" * 16)
    write_json(folder / "tokenizer.json", {})
    return folder


# -- GGUF -------------------------------------------------------------------------------------------------------------


def gguf_text(text: str) -> bytes:
    """A text with its length."""
    return struct.pack("<Q", len(text)) + text.encode()


def gguf_field(key: str, kind: int, value: bytes) -> bytes:
    """A field; ``kind`` 4 is a number of 32 bits, 8 a text, 9 a list."""
    return gguf_text(key) + struct.pack("<I", kind) + value


def gguf_tensor(name: str = "token_embd.weight", shape: Sequence[int] = (4,), kind: int = 0, offset: int = 0) -> bytes:
    """Where a tensor lies, and what it is."""
    return gguf_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(
    file: Path,
    fields: Sequence[bytes] = (),
    tensors: Sequence[bytes] | None = None,
    *,
    counts: tuple[int, int] | None = None,
    version: int = 3,
) -> Path:
    """A GGUF file with 64 bytes of weights; ``counts`` are how many tensors and fields it says that it has."""
    listed = [gguf_tensor()] if tensors is None else tensors
    said = (len(listed), len(fields)) if counts is None else counts
    head = b"GGUF" + struct.pack("<IQQ", version, *said) + b"".join((*fields, *listed))
    file.write_bytes(head + b"\0" * (-len(head) % 32) + b"\0" * 64)
    return file


# -- Hugging Face -----------------------------------------------------------------------------------------------------


def hugging_face(folder: Path, weights: bytes | None = None, config: Mapping[str, Any] | None = None) -> Path:
    """A folder with an embedding of four floats; ``weights`` stands in for its safetensors file."""
    folder.mkdir(exist_ok=True)
    write_json(folder / "config.json", {"vocab_size": 2, "max_position_embeddings": 8, **(config or {})})
    write_json(folder / "tokenizer.json", {})
    write_weights(folder / "model.safetensors", {"model.embed_tokens.weight": np.zeros((2, 2))})
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    return folder


def safetensors(header: Any, data: int = 16) -> bytes:
    """A safetensors file with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * data


def write_json(file: Path, value: Any) -> None:
    """Write ``value`` as JSON, or as the text that it is."""
    file.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")


# -- what they do -----------------------------------------------------------------------------------------------------


class Hostile(NamedTuple):
    """A model that is refused.

    Args:
        format: of the model.
        trick: what it tries.
        make: makes it in an empty folder, and gives what the user would name.
        links: whether making it takes a symbolic link.
    """

    format: str
    trick: str
    make: Callable[[Path], Path]
    links: bool = False


def _session(**options: Any) -> Callable[[Path], Path]:
    return lambda folder: ort_genai(folder, genai_config(**options))


def _model(**keys: Any) -> Callable[[Path], Path]:
    config = genai_config()
    return lambda folder: ort_genai(folder, {**config, "model": {**config["model"], **keys}})


def _decoder(**keys: Any) -> Callable[[Path], Path]:
    return _model(decoder={**genai_config()["model"]["decoder"], **keys})


def _onnx(model: bytes) -> Callable[[Path], Path]:
    return lambda folder: ort_genai(folder, model=model)


def _placed(**entries: str) -> Callable[[Path], Path]:
    return _onnx(onnx_model(onnx_tensor({**PLACE, **entries})))


def _linked(folder: Path) -> Path:
    model = ort_genai(folder / "model")
    (model / "model.onnx.data").rename(folder / "secret")
    (model / "model.onnx.data").symlink_to(folder / "secret")
    return model


def _linked_blobs(folder: Path) -> Path:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "sha").write_bytes(b"\0" * 16)
    repository = folder / "models--acme--tiny"
    (repository / "snapshots").mkdir(parents=True)
    (repository / "blobs").symlink_to(folder / "elsewhere")
    model = ort_genai(repository / "snapshots" / "0cb88a4f")
    (model / "model.onnx.data").unlink()
    (model / "model.onnx.data").symlink_to(Path("..", "..", "blobs", "sha"))
    return model


def _hard_linked(folder: Path) -> Path:
    model = ort_genai(folder / "model")
    (model / "model.onnx.data").rename(folder / "secret")
    os.link(folder / "secret", model / "model.onnx.data")
    return model


def _huge_vocabulary(folder: Path) -> Path:
    model = ort_genai(folder)
    with (model / "vocab.json").open("wb") as file:
        # Of a file with a hole nothing is stored.
        file.truncate(2**33)
    return model


def _nested_graphs(depth: int) -> bytes:
    graph = onnx_node("Identity")
    for _ in range(depth):
        graph = onnx_node("If", more=part(5, part(1, "then_branch") + part(6, graph)))
    return onnx_model(graph)


def _function(name: str, calls: str) -> bytes:
    return part(25, part(1, name) + part(10, "local") + part(7, part(4, calls) + part(7, "local")))


def _ir(layers: str, **more: str) -> Callable[[Path], Path]:
    return lambda folder: openvino_ir(folder, ir_xml(layers, **more))


def _ir_text(xml: str) -> Callable[[Path], Path]:
    return lambda folder: openvino_ir(folder, xml)


def _data(**attributes: Any) -> Callable[[Path], Path]:
    told = {"element_type": "f32", "shape": "2, 2", "offset": "0", "size": "16", **attributes}
    written = " ".join(f'{name}="{value}"' for name, value in told.items())
    return _ir(ir_layer(data=f"<data {written}/>"))


def _gguf(**given: Any) -> Callable[[Path], Path]:
    return lambda folder: gguf(folder / "model.gguf", **given)


def _gguf_tensor(**given: Any) -> Callable[[Path], Path]:
    return _gguf(tensors=[gguf_tensor(**given)])


def _gguf_field(key: str, kind: int, value: bytes) -> Callable[[Path], Path]:
    return _gguf(fields=[gguf_field(key, kind, value)])


def _weights(header: Any, data: int = 16) -> Callable[[Path], Path]:
    return lambda folder: hugging_face(folder, safetensors(header, data))


def _entry(**changes: Any) -> dict[str, Any]:
    return {"model.embed_tokens.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **changes}}


def _config(**settings: Any) -> Callable[[Path], Path]:
    return lambda folder: hugging_face(folder, config=settings)


def _pickle(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        model = hugging_face(folder)
        (model / "model.safetensors").rename(model / name)
        return model

    return make


_BILLION = "<!DOCTYPE net [" + '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">' + "]>"
_OUTSIDE = '<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
_PORT = "<output><port><dim>1099511627776</dim><dim>1099511627776</dim></port></output>"
_TOKENS = "tokenizer.ggml.tokens"
_LIST = struct.pack("<IQ", 8, 1)


def _half_character(folder: Path) -> Path:
    model = openvino_ir(folder / "model")
    (model / "config.json").write_text('{"model_type": "\\ud800"}', "utf-8")
    return model


HOSTILE: Sequence[Hostile] = (
    Hostile("GenAI", "a library of native code", _session(custom_ops_library="evil.so")),
    Hostile("GenAI", "a profile, written where it says", _session(enable_profiling="/home/you/.bashrc")),
    Hostile("GenAI", "any setting of ONNX Runtime", _session(**{"session.optimized_model_filepath": "/tmp/x"})),
    Hostile(
        "GenAI",
        "a library in the options of a provider",
        _session(provider_options=[{"qnn": {"backend_path": "./evil.so"}}]),
    ),
    Hostile("GenAI", "a cache where it says", _session(provider_options=[{"OpenVINO": {"cache_dir": "/tmp/x"}}])),
    Hostile("GenAI", "any property of OpenVINO", _session(provider_options=[{"OpenVINO": {"load_config": "{}"}}])),
    Hostile("GenAI", "an address of code", _session(provider_options=[{"cuda": {"gpu_external_alloc": "4096"}}])),
    Hostile("GenAI", "any file mapped into memory", _decoder(shared_initializers=[{"data_file": "/etc/passwd"}])),
    Hostile("GenAI", "a folder elsewhere", _model(tokenizer_dir="../elsewhere")),
    Hostile("GenAI", "a graph elsewhere", _decoder(filename="../model.onnx")),
    Hostile("GenAI", "a graph of another format", _decoder(filename="model.ort")),
    Hostile(
        "GenAI",
        "a library in a stage of a pipeline",
        _decoder(pipeline=[{"one": {"filename": "model.onnx", "session_options": {"custom_ops_library": "x.so"}}}]),
    ),
    Hostile("GenAI", "a part that is no decoder", _model(vision={"filename": "model.onnx"})),
    Hostile("GenAI", "no graph at all", _model(decoder={})),
    Hostile("GenAI", "a vocabulary of gigabytes", _huge_vocabulary),
    Hostile("GenAI", "a key that stands twice", lambda folder: ort_genai(folder, '{"model": {}, "model": {}}')),
    Hostile("GenAI", "lists without end", lambda folder: ort_genai(folder, '{"model": ' + "[" * 100_000)),
    Hostile("ONNX", "tensors in a folder above", _placed(location="../secret")),
    Hostile("ONNX", "tensors anywhere", _placed(location="/etc/passwd")),
    Hostile("ONNX", "tensors anywhere on Windows", _placed(location="C:\\secret")),
    Hostile("ONNX", "tensors at an address in memory", _placed(location="*/_ORT_MEM_ADDR_/*")),
    Hostile("ONNX", "a symbolic link out of the folder", _linked, links=True),
    Hostile("ONNX", "a cache of the hub whose blobs are a link", _linked_blobs, links=True),
    Hostile("ONNX", "a hard link to a file elsewhere", _hard_linked),
    Hostile("ONNX", "tensors beyond their file", _placed(offset="8")),
    Hostile("ONNX", "a length that overflows", _placed(length=str(2**64 - 1))),
    Hostile("ONNX", "a negative offset", _placed(offset="-16")),
    Hostile("ONNX", "a tensor larger than its bytes", _onnx(onnx_model(onnx_tensor(PLACE, 2**30)))),
    Hostile("ONNX", "a shape that overflows", _onnx(onnx_model(onnx_tensor(PLACE, more=number(1, 2**62))))),
    Hostile("ONNX", "an attribute of the reader's own object", _placed(__class__="x")),
    Hostile("ONNX", "an operator of a library", _onnx(onnx_model(onnx_node("Evil", "ai.onnx.contrib")))),
    Hostile("ONNX", "Python code", _onnx(onnx_model(onnx_node("PythonOp", "com.microsoft")))),
    Hostile("ONNX", "a program for a driver", _onnx(onnx_model(onnx_node("EPContext", "com.microsoft")))),
    Hostile("ONNX", "graphs within graphs without end", _onnx(_nested_graphs(40))),
    Hostile(
        "ONNX",
        "functions that call each other",
        _onnx(onnx_model(onnx_node("a", "local"), more=_function("a", "b") + _function("b", "a"))),
    ),
    Hostile("ONNX", "two graphs that readers join", _onnx(onnx_model() + onnx_model())),
    Hostile("ONNX", "a field longer than the file", _onnx(b"\x3a\xff\xff\xff\xff\x0f")),
    Hostile("IR", "half of a character", _half_character),
    Hostile("IR", "entities that expand", _ir(ir_layer(), before=_BILLION)),
    Hostile("IR", "an entity that is a file", _ir(ir_layer(), before=_OUTSIDE)),
    Hostile("IR", "elements within each other without end", _ir_text("<net>" * 1_000)),
    Hostile("IR", "a constant beyond its file", _data(offset="8")),
    Hostile("IR", "an offset that overflows", _data(offset=str(2**64 - 8))),
    Hostile("IR", "a constant larger than its bytes", _data(shape="1000000, 1000000")),
    Hostile("IR", "a shape that overflows", _data(shape="4294967296, 4294967296")),
    Hostile("IR", "a negative size", _data(shape="-1, 2")),
    Hostile("IR", "a huge port", _ir(ir_layer(more=_PORT))),
    Hostile("IR", "two layers with one id", _ir(ir_layer(0) + ir_layer(0))),
    Hostile("IR", "two layers with one id in a body", _ir(ir_layer(0) + ir_branch(ir_layer(0) + ir_layer(0)))),
    Hostile("IR", "an edge to nowhere", _ir(ir_layer(0), after='<edges><edge from-layer="0" to-layer="7"/></edges>')),
    Hostile("IR", "a layer of a library", _ir(ir_layer(version="extension"))),
    Hostile(
        "IR",
        "a property of the device",
        _ir(ir_layer(), after='<rt_info><runtime_options><CACHE_DIR value="/tmp/x"/></runtime_options></rt_info>'),
    ),
    Hostile("IR", "a file of weights elsewhere", _ir(ir_layer(), after="<rt_info><__weights_path/></rt_info>")),
    Hostile("GGUF", "more tensors than the file has bytes", _gguf(counts=(2**60, 0))),
    Hostile("GGUF", "more fields than the file has bytes", _gguf(counts=(1, 2**60))),
    Hostile("GGUF", "dimensions whose product overflows", _gguf_tensor(shape=(2**33, 2**33))),
    Hostile("GGUF", "too many dimensions", _gguf_tensor(shape=(1,) * 200)),
    Hostile("GGUF", "a tensor beyond the file", _gguf_tensor(shape=(4096,))),
    Hostile("GGUF", "an offset that overflows", _gguf_tensor(offset=2**64 - 32)),
    Hostile("GGUF", "two tensors at one place", _gguf(tensors=[gguf_tensor("a"), gguf_tensor("b")])),
    Hostile("GGUF", "a type that does not exist", _gguf_tensor(kind=200)),
    Hostile("GGUF", "a row that is no whole number of blocks", _gguf_tensor(shape=(33,), kind=2)),
    Hostile("GGUF", "a name longer than its buffer", _gguf_tensor(name="x" * 64)),
    Hostile("GGUF", "a text of gigabytes", _gguf_field("general.name", 8, struct.pack("<Q", 2**40))),
    Hostile("GGUF", "a token longer than an int", _gguf_field(_TOKENS, 9, _LIST + struct.pack("<Q", 2**31 + 1))),
    Hostile("GGUF", "a list longer than the file", _gguf_field("a.b", 9, struct.pack("<IQ", 4, 2**62))),
    Hostile("GGUF", "lists within lists", _gguf_field("a.b", 9, struct.pack("<IQ", 9, 1))),
    Hostile("GGUF", "an alignment of zero", _gguf_field("general.alignment", 4, struct.pack("<I", 0))),
    Hostile("GGUF", "a field that stands twice", _gguf(fields=[gguf_field("a", 4, b"\0" * 4)] * 2)),
    Hostile("GGUF", "the other byte order", _gguf(version=0x03000000)),
    Hostile(
        "safetensors", "a header of gigabytes", lambda folder: hugging_face(folder, struct.pack("<Q", 2**40) + b"{")
    ),
    Hostile("safetensors", "a header without end", _weights(b'{"a":' * 100_000)),
    Hostile("safetensors", "a tensor beyond the file", _weights(_entry(shape=[2, 200], data_offsets=[0, 1600]))),
    Hostile("safetensors", "a shape that is not its bytes", _weights(_entry(shape=[2**30, 2]))),
    Hostile("safetensors", "a shape that overflows", _weights(_entry(shape=[2**32, 2**32]))),
    Hostile("safetensors", "negative offsets", _weights(_entry(data_offsets=[-16, 0]))),
    Hostile("safetensors", "two tensors at one place", _weights({**_entry(), "b": _entry().popitem()[1]})),
    Hostile("safetensors", "a tensor that stands twice", _weights(b'{"a": {}, "a": {}}')),
    Hostile("config", "a size without end", _config(max_position_embeddings=float("inf"))),
    Hostile("pickle", "weights that run code", _pickle("pytorch_model.bin")),
    Hostile("pickle", "a checkpoint that runs code", _pickle("model.ckpt")),
    Hostile("pickle", "a file that runs code", lambda folder: _pickle("model.pt")(folder) / "model.pt"),
)
