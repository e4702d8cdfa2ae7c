"""A GGUF file: its fields and tensors within their bounds, by https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

No tensor's values are read.
"""

import mmap
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path

from bench.prepare.vet.files import RefusedError

_VERSIONS = (2, 3)

_SCALARS: Mapping[int, str] = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<B",
    10: "<Q",
    11: "<q",
    12: "<d",
}
"""Type of a value -> how it is stored."""
_STRING, _ARRAY, _UINT32 = 8, 9, 4

_BLOCKS: Mapping[int, tuple[int, int]] = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 40),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
    34: (256, 54),
    35: (256, 66),
    39: (32, 17),
    40: (64, 36),
    41: (128, 18),
}
"""Type of a tensor (``ggml_type``) -> weights of a block, and its bytes."""

_MOST_FIELDS = 65_536
_MOST_TENSORS = 1_048_576
_MOST_ENTRIES = 16 * 1024 * 1024
_LONGEST_KEY = 65_535
_LONGEST_TENSOR_NAME = 63
_LONGEST_TEXT = 256 * 1024 * 1024
_LONGEST_TOKEN = 65_536
_MOST_DIMENSIONS = 4
_MOST_WEIGHTS = 2**48
_LARGEST_ALIGNMENT = 65_536


def vet(file: Path, name: str) -> None:
    """Refuse ``file``, called ``name``, where its fields or tensors do not lie in it, or have sizes that none can have.

    Raises:
        RefusedError: with the field or tensor.
    """
    if file.stat().st_size < 24:
        raise RefusedError(f"{name} is no whole GGUF file: download it again")
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _Reader(name, data).read()


class _Reader:
    def __init__(self, name: str, data: mmap.mmap) -> None:
        self._name = name
        self._data = data
        self._at = 0
        self._alignment = 32

    def read(self) -> None:
        if self._take(4, "the file")[:] != b"GGUF":
            raise self._refused("is no GGUF file")
        version = self._number("<I", "the version")
        if version not in _VERSIONS:
            raise self._refused(
                f"is of version {version} of GGUF, or of the other byte order; versions 2 and 3 are taken"
            )
        tensors, fields = self._number("<Q", "the header"), self._number("<Q", "the header")
        if tensors > _MOST_TENSORS or fields > _MOST_FIELDS:
            raise self._refused(f"says that it has {tensors} tensors and {fields} fields, which none has")
        keys: set[bytes] = set()
        for _ in range(fields):
            key = self._text(_LONGEST_KEY, "the name of a field")
            if key in keys:
                raise self._refused(f"has the field {_shown(key)} twice")
            keys.add(key)
            self._value(key, self._number("<I", "a field"))
        self._tensors(tensors)

    def _value(self, key: bytes, kind: int) -> None:
        what = f"the field {_shown(key)}"
        if kind == _STRING:
            self._text(_LONGEST_TEXT, what)
        elif kind == _ARRAY:
            self._array(what, self._number("<I", what), self._number("<Q", what))
        elif kind in _SCALARS:
            value = self._number(_SCALARS[kind], what)
            if key != b"general.alignment":
                return
            if kind != _UINT32 or not 8 <= value <= _LARGEST_ALIGNMENT or value & (value - 1):
                raise self._refused(
                    f"says that its tensors are aligned to {value} bytes, which is no power of 2 in bounds"
                )
            self._alignment = value
        else:
            raise self._refused(f"has {what} of the type {kind}, which GGUF does not have")

    def _array(self, what: str, kind: int, count: int) -> None:
        if count > _MOST_ENTRIES:
            raise self._refused(f"says that {what} has {count} entries, which none has")
        if kind == _STRING:
            for _ in range(count):
                self._text(_LONGEST_TOKEN, what)
        elif kind in _SCALARS:
            self._take(count * struct.calcsize(_SCALARS[kind]), what)
        else:
            raise self._refused(f"has {what} of lists, or of entries of the type {kind}, which is not taken")

    def _tensors(self, count: int) -> None:
        places: list[tuple[int, int, bytes]] = []
        names: set[bytes] = set()
        for _ in range(count):
            name = self._text(_LONGEST_TENSOR_NAME, "the name of a tensor")
            if name in names:
                raise self._refused(f"has the tensor {_shown(name)} twice")
            names.add(name)
            size = self._size(name)
            offset = self._number("<Q", f"the tensor {_shown(name)}")
            if offset % self._alignment:
                raise self._refused(
                    f"has the tensor {_shown(name)} at {offset}, not aligned to {self._alignment} bytes"
                )
            places.append((offset, size, name))
        start = -(-self._at // self._alignment) * self._alignment
        free = 0
        for offset, size, name in sorted(places):
            if offset < free:
                raise self._refused(f"has the tensor {_shown(name)} where another one lies")
            free = offset + size
            if start + free > len(self._data):
                raise self._refused(
                    f"looks for the tensor {_shown(name)} at {start + offset} to {start + free} of {len(self._data)} "
                    "bytes: download it again"
                )

    def _size(self, name: bytes) -> int:
        what = f"the tensor {_shown(name)}"
        dimensions = self._number("<I", what)
        if dimensions > _MOST_DIMENSIONS:
            raise self._refused(f"has {what} of {dimensions} dimensions, and {_MOST_DIMENSIONS} are the most")
        shape = [self._number("<Q", what) for _ in range(dimensions)]
        kind = self._number("<I", what)
        if kind not in _BLOCKS:
            raise self._refused(f"has {what} of the type {kind}, which is not known")
        weights, size = _BLOCKS[kind]
        if prod(shape) > _MOST_WEIGHTS or 0 in shape or (shape or [1])[0] % weights:
            raise self._refused(f"has {what} of the shape {shape}, which none of its type can have")
        return prod(shape) // weights * size

    def _text(self, longest: int, what: str) -> bytes:
        length = self._number("<Q", what)
        if length > longest:
            raise self._refused(f"has a text of {length} bytes for {what}; {longest} are the most")
        return self._take(length, what)

    def _number(self, form: str, what: str) -> int:
        (value,) = struct.unpack(form, self._take(struct.calcsize(form), what))
        return value  # type: ignore[no-any-return]

    def _take(self, length: int, what: str) -> bytes:
        if length > len(self._data) - self._at:
            raise self._refused(f"ends within {what}: download it again")
        begin, self._at = self._at, self._at + length
        return self._data[begin : self._at]

    def _refused(self, what: str) -> RefusedError:
        return RefusedError(f"{self._name} {what}")


def _shown(name: bytes) -> str:
    return ascii(name[:80].decode("utf-8", "replace"))
