"""An OpenVINO IR: its XML without entities, its layers each once, and its constants within their file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from xml.parsers import expat

from bench.prepare.vet.files import DOCUMENT, Folder, RefusedError

MODEL = "openvino_model"
TOKENIZERS = ("openvino_tokenizer", "openvino_detokenizer")

_BITS: Mapping[str, int] = {
    "u1": 1,
    "u2": 2,
    "u3": 3,
    **dict.fromkeys(("u4", "i4", "nf4", "f4e2m1"), 4),
    "u6": 6,
    **dict.fromkeys(("boolean", "i8", "u8", "f8e4m3", "f8e5m2", "f8e8m0"), 8),
    **dict.fromkeys(("i16", "u16", "f16", "bf16"), 16),
    **dict.fromkeys(("i32", "u32", "f32"), 32),
    **dict.fromkeys(("i64", "u64", "f64"), 64),
}
_PACKED = "string"
"""An element type whose size its shape does not tell."""

_RUNTIME = frozenset(
    (
        *("ACTIVATIONS_SCALE_FACTOR", "DYNAMIC_QUANTIZATION_GROUP_SIZE"),
        *("KV_CACHE_PRECISION", "KEY_CACHE_PRECISION", "VALUE_CACHE_PRECISION"),
        *("KEY_CACHE_GROUP_SIZE", "VALUE_CACHE_GROUP_SIZE"),
    )
)
"""Properties that a model may set for the device that compiles it."""

_LARGEST_XML = 512 * 1024 * 1024
_MOST_ELEMENTS = 10_000_000
_DEEPEST = 64
_MOST_VALUES = 2**48
_LARGEST_DIM = 2**40


def vet(folder: Folder, stem: str) -> dict[str, Path]:
    """The two files of the IR ``stem`` in ``folder``: name -> file.

    Raises:
        RefusedError: it is no IR, a constant lies beyond its file, or a layer needs a library.
    """
    weights = folder.file(f"{stem}.bin", f"{stem}.xml")
    file = folder.file(f"{stem}.xml", f"{stem}.xml")
    if file.stat().st_size > _LARGEST_XML:
        raise RefusedError(f"{stem}.xml has more than {_LARGEST_XML} bytes, which no model takes")
    _Reader(f"{stem}.xml", weights, extensions=stem in TOKENIZERS).read(file)
    return {f"{stem}.xml": file, f"{stem}.bin": weights}


@dataclass(slots=True)
class _Element:
    name: str
    layers: set[str] = field(default_factory=set)
    """The ids of the layers of a network, or of a body."""
    shape: list[int] = field(default_factory=list)
    """The sizes of a port."""


class _Reader:
    def __init__(self, name: str, weights: Path, *, extensions: bool) -> None:
        self._name = name
        self._weights = weights.name if weights.name.endswith(".bin") else name.replace(".xml", ".bin")
        self._size = weights.stat().st_size
        self._versions = r"opset\d{1,3}|extension" if extensions else r"opset\d{1,3}"
        self._path: list[_Element] = [_Element("")]
        self._elements = 0
        self._text: list[str] = []

    def read(self, file: Path) -> None:
        # Whatever the encoding, readers agree on this one alone.
        parser = expat.ParserCreate("utf-8")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            with file.open("rb") as stream:
                parser.ParseFile(stream)
        except expat.ExpatError as error:
            raise self._refused(f"is no XML ({error}): download it again") from error

    def _doctype(self, *_: object) -> None:
        raise self._refused("has a document type, whose entities could expand without end: no IR has one")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > _MOST_ELEMENTS or len(self._path) > _DEEPEST:
            raise self._refused(f"has more than {_MOST_ELEMENTS} elements, or more than {_DEEPEST} within each other")
        outer = self._path[-1]
        self._path.append(_Element(name))
        if name == "layer":
            self._layer(attributes)
        elif name == "data":
            self._data(attributes)
        elif name == "edge":
            self._edge(attributes)
        elif name == "dim":
            self._text = []
        elif outer.name == "rt_info" and len(self._path) == 4 and name.startswith("__"):
            raise self._refused(f"has the setting {name}, which OpenVINO keeps for itself")
        elif outer.name == "runtime_options" and name not in _RUNTIME:
            raise self._refused(f"sets the property {name} for its device, which is not taken (see {DOCUMENT})")

    def _end(self, name: str) -> None:
        element = self._path.pop()
        if name == "dim":
            self._path[-1].shape.append(self._dim("".join(self._text)))
        elif name == "port" and prod(size for size in element.shape if size > 0) > _MOST_VALUES:
            raise self._refused(f"has a port of the shape {element.shape[:16]}, which none can have")

    def _characters(self, text: str) -> None:
        if self._path[-1].name == "dim":
            self._text.append(text)

    def _layer(self, attributes: Mapping[str, str]) -> None:
        number, kind, version = (attributes.get(name, "") for name in ("id", "type", "version"))
        known = self._known()
        if not re.fullmatch(r"[0-9]{1,9}", number) or str(int(number)) in known:
            raise self._refused(f"has two layers with the id {number[:20]!r}, or one that is no number")
        known.add(str(int(number)))
        if not re.fullmatch(self._versions, version):
            raise self._refused(
                f"has the layer {kind[:80]!r} of {version[:80] or 'no version'!r}, which needs a library of native code"
            )

    def _edge(self, attributes: Mapping[str, str]) -> None:
        known = self._known()
        for end in ("from-layer", "to-layer"):
            if attributes.get(end) not in known:
                raise self._refused(f"has an edge {end} {attributes.get(end, '')[:20]!r}, and no such layer")

    def _known(self) -> set[str]:
        """The ids of the network or body that a layer or an edge belongs to: two above it, behind their list."""
        if len(self._path) < 4:
            raise self._refused("is no IR: its layers and edges belong to no network")
        return self._path[-3].layers

    def _data(self, attributes: Mapping[str, str]) -> None:
        if "offset" not in attributes and "size" not in attributes:
            return
        offset, size = (self._whole(attributes.get(name, "")) for name in ("offset", "size"))
        if offset + size > self._size:
            raise self._refused(
                f"looks for a constant at {offset} to {offset + size} of {self._weights}, which has {self._size} bytes:"
                " download the model again"
            )
        kind = attributes.get("element_type", "")
        shape = [self._dim(text) for text in attributes.get("shape", "").split(",") if text.strip()]
        if kind == _PACKED:
            return
        if kind not in _BITS or min(shape, default=0) < 0 or len(shape) > 16 or prod(shape) > _MOST_VALUES:
            raise self._refused(f"has a constant of {kind[:20]!r} and the shape {shape[:16]}, which none can have")
        if size < -(-prod(shape) * _BITS[kind] // 8):
            raise self._refused(f"has a constant of {kind} and the shape {shape} in {size} bytes, which are too few")

    def _dim(self, text: str) -> int:
        found = text.strip()
        if not re.fullmatch(r"-?[0-9]{1,13}", found) or not -1 <= int(found) <= _LARGEST_DIM:
            raise self._refused(f"has a dimension of {found[:20]!r}, which none can have")
        return int(found)

    def _whole(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise self._refused(f"has a constant at {text[:20]!r}, which is no number of bytes")
        return int(text)

    def _refused(self, what: str) -> RefusedError:
        return RefusedError(f"{self._name} {what}")
