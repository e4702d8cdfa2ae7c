"""What a parquet file says of itself, held against its size before a native reader allocates that much.

Result folders come from strangers. A page of some hundred bytes can say that it has two billion values, or unpack to
gigabytes, and a dictionary can repeat one long text a million times. So the footer and the header of every page are
read here first: in the compact protocol of Thrift, with the fields that https://github.com/apache/parquet-format
defines. The metadata of pyarrow's columns are not asked: its version 26 ends the process for some that are damaged.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_BUFFER_BYTES = 1 << 20
_LARGEST_FOOTER = 32 * 1024 * 1024
"""The names of the parts that were gathered into a file take 24 bytes each; each group of rows some ten thousand."""
_LARGEST_HEADER = 64 * 1024
_MOST_COLUMNS, _MOST_CHUNKS = 1_000, 200_000
_DEEPEST = 16

_ROWS_ANYWAY = 10_000
"""That a file of any size may have; a larger one has at most as many as bytes."""
_BYTES_ANYWAY = 256 * 1024 * 1024
"""That a file of any size may unpack to, ten million tokens and more; a larger one by :data:`_UNPACKED_TIMES`."""
_UNPACKED_TIMES = 64
"""Runs unpack to some four times their files; a latency is never the same twice."""

_I32, _I64, _BYTES = 5, 6, 8
_PAGE = {1: _I32, 2: _I32, 3: _I32, 5: {1: _I32, 2: _I32}, 7: {1: _I32}, 8: {1: _I32, 4: _I32}}
_COLUMN = {1: _I32, 5: _I64, 7: _I64, 9: _I64, 11: _I64, 12: {5: _BYTES, 6: _BYTES}}
_GROUP = {1: [{1: _BYTES, 3: _COLUMN, 8: {}, 9: _BYTES}], 3: _I64}
_FOOTER = {2: [{1: _I32, 3: _I32, 4: _BYTES, 5: _I32}], 3: _I64, 4: [_GROUP]}
"""Shapes of :class:`_Thrift`."""
_DAMAGED = "the header of a page, or the footer, is damaged"

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
"""Types of pages."""
_HEADERS = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}
"""Type of a page -> the field of its header that says more."""
_TEXTS = (6, 7)
"""Physical types of texts: of any length, and of one length."""
_PREFIXES = 7
"""The encoding in which each text is a piece of the one before: it has no bound but the length of a text."""


class BoundsError(ValueError):
    """A file says of itself what cannot be, or is larger than any run's."""


def open_parquet(path: Path, **options: Any) -> pq.ParquetFile:
    """Open ``path``, whose footer is taken if it is of a usual size.

    Raises:
        BoundsError: it is not; other errors are pyarrow's.
    """
    _check_footer(path)
    limits = {"thrift_string_size_limit": _LARGEST_FOOTER, "thrift_container_size_limit": _MOST_CHUNKS}
    return pq.ParquetFile(
        path,
        # Or a whole column would be read before its first row is there.
        buffer_size=_BUFFER_BYTES,
        # A page with a bit that has turned is an error, and no other number.
        page_checksum_verification=True,
        schema_depth_limit=_DEEPEST,
        **limits,
        **options,
    )


def check(path: Path, schema: pa.Schema) -> None:
    """Whether ``path`` can be read as a table with ``schema``, without more memory than its rows are worth.

    Raises:
        BoundsError: it cannot be; other errors are pyarrow's, of a file that is damaged.
    """
    state = path.stat()
    _check(path, state.st_size, state.st_mtime_ns, schema)


@lru_cache(maxsize=2**16)  # more than a run has files before they are gathered, since each is read several times
def _check(path: Path, size: int, _changed_ns: int, schema: pa.Schema) -> None:
    with open_parquet(path) as file:
        _check_types(file.schema_arrow, schema)
    footer = read_footer(path)
    if not 0 <= footer.rows <= _ROWS_ANYWAY + size:
        raise BoundsError(f"it says that it has {footer.rows} rows in {size} bytes")
    largest, unpacked = max(_BYTES_ANYWAY, _UNPACKED_TIMES * size), 0
    repeated = []
    with path.open("rb") as stream:
        for chunk in footer.chunks:
            own, texts = _unpacked(stream, chunk)
            unpacked += own
            repeated += [chunk.leaf.name] if own + texts > largest else []
            if unpacked > largest:
                raise BoundsError(f"its {size} bytes would unpack to {unpacked} and more")
    for column in dict.fromkeys(repeated):
        unpacked += _text_bytes(path, column)
        if unpacked > largest:
            raise BoundsError(f"its {size} bytes would unpack to {unpacked} and more, most of it in {column}")


# -- the footer


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column as it is stored, such as the values of a list.

    Args:
        name: its path in the schema, with dots.
        kind: its physical type, by the number that the format gives it.
        in_lists: whether a row may have several values, or none.
    """

    name: str
    kind: int
    in_lists: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column in one group of rows.

    Args:
        least: the least value, as bytes; ``None`` where it is not said.
        greatest: likewise.
    """

    leaf: Leaf
    rows: int
    values: int
    begin: int
    size: int
    least: bytes | None
    greatest: bytes | None


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself: its rows, and its columns group by group."""

    rows: int
    chunks: tuple[Chunk, ...]


def read_footer(path: Path) -> Footer:
    """The footer of ``path``.

    Raises:
        BoundsError: it is none that a run's file has.
    """
    _check_footer(path)
    state = path.stat()
    return _read_footer(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _read_footer(path: Path, _size: int, _changed_ns: int) -> Footer:
    with path.open("rb") as stream:
        stream.seek(-8, 2)
        (length,) = struct.unpack("<I", stream.read(4))
        stream.seek(-8 - length, 2)
        data = stream.read(length)
    try:
        found = _Thrift(data).struct(_FOOTER)
        leaves = list(_leaf_columns(found[2]))
        groups = found.get(4, [])
        if len(leaves) > _MOST_COLUMNS or len(leaves) * len(groups) > _MOST_CHUNKS:
            raise BoundsError(f"it has {len(leaves)} columns in {len(groups)} groups of rows")
        chunks = tuple(
            _chunk(leaf, group[3], column) for group in groups for leaf, column in zip(leaves, group[1], strict=True)
        )
        return Footer(found[3], chunks)
    except (LookupError, TypeError, AttributeError, struct.error) as error:
        raise BoundsError(f"its footer is damaged ({type(error).__name__})") from error


def _leaf_columns(schema: Sequence[Mapping[int, Any]]) -> Iterator[Leaf]:
    """The elements of the schema are its tree, each group before its children."""
    elements = iter(schema)

    def below(names: tuple[str, ...], *, in_lists: bool, children: int) -> Iterator[Leaf]:
        if len(names) > _DEEPEST:
            raise BoundsError("its columns are nested too deep")
        for _ in range(children):
            element = next(elements, {})
            own = (*names, element[4].decode("utf-8", "replace"))
            several = in_lists or element.get(3) == 2
            if element.get(5):
                yield from below(own, in_lists=several, children=element[5])
            else:
                yield Leaf(".".join(own), element[1], in_lists=several)

    yield from below((), in_lists=False, children=next(elements, {}).get(5, 0))


def _chunk(leaf: Leaf, rows: int, column: Mapping[int, Any]) -> Chunk:
    if 1 in column or 8 in column or 9 in column:
        raise BoundsError(f"its column {leaf.name} lies in another file, or is encrypted")
    known = column[3]
    values, size, places = known[5], known[7], (known.get(11), known[9])
    if known[1] != leaf.kind:
        raise BoundsError(f"its column {leaf.name} is damaged")
    # A column without values has no page of data, and 0 for its place.
    begin = min((place for place in places if place is not None and (place or values)), default=0)
    told = known.get(12) or {}
    return Chunk(leaf, rows, values, begin, size, told.get(6), told.get(5))


def _check_footer(path: Path) -> None:
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        if size < 12:
            raise BoundsError(f"it has {size} bytes, and the smallest parquet file has 12")
        stream.seek(-8, 2)
        length, magic = struct.unpack("<I4s", stream.read(8))
    if magic == b"PARE":
        raise BoundsError("it is encrypted")
    if magic == b"PAR1" and length > min(_LARGEST_FOOTER, size - 8):
        raise BoundsError(f"it says that its footer has {length} bytes; a run's has at most {_LARGEST_FOOTER}")


def _check_types(found: pa.Schema, wanted: pa.Schema) -> None:
    counted = Counter(found.names)
    for field in wanted:
        if counted[field.name] > 1:
            raise BoundsError(f"its column {field.name} is there {counted[field.name]} times")
        if counted[field.name] and (own := found.field(field.name).type) != field.type:
            raise BoundsError(f"its column {field.name} is of the type {str(own)[:80]}, where {field.type} is due")


# -- pages


def _unpacked(stream: BinaryIO, chunk: Chunk) -> tuple[int, int]:
    """Bytes that the values of a column in a group of rows take, and how many more its texts may at most.

    Raises:
        BoundsError: its pages do not have the values that the footer says, or lie elsewhere.
    """
    name = chunk.leaf.name
    is_text = chunk.leaf.kind in _TEXTS
    values = longest = taken = 0
    for header in _pages(stream, chunk):
        kind = header.get(1)
        if kind not in _HEADERS:
            # An index of pages is no data.
            continue
        more, size = header.get(_HEADERS[kind], {}), header.get(2, -1)
        count = more.get(1, -1)
        if count < 0 or size < 0:
            raise BoundsError(f"a page of its column {name} says that it has {count} values in {size} bytes")
        taken += size
        if kind == _DICTIONARY:
            longest = max(longest, size)
            continue
        values += count
        if is_text and more.get({_DATA: 2, _DATA_V2: 4}[kind]) == _PREFIXES:
            raise BoundsError(f"its column {name} is in the encoding DELTA_BYTE_ARRAY, in which no run is written")
    fits = values >= chunk.rows if chunk.leaf.in_lists else values == chunk.rows
    if values != chunk.values or not fits:
        raise BoundsError(f"the pages of its column {name} have {values} values, for {chunk.rows} rows")
    # Its level in lists beside each value.
    return taken + values * 12, values * longest if is_text else 0


def _pages(stream: BinaryIO, chunk: Chunk) -> Iterator[Mapping[int, Any]]:
    """The header of each page: number of a field -> its value."""
    at, end = chunk.begin, chunk.begin + chunk.size
    while 0 <= at < end:
        stream.seek(at)
        thrift = _Thrift(stream.read(min(_LARGEST_HEADER, end - at)))
        try:
            header = thrift.struct(_PAGE)
        except (IndexError, struct.error) as error:
            raise BoundsError(f"a page of its column {chunk.leaf.name} has no whole header") from error
        size = header.get(3, -1)
        if size < 0:
            raise BoundsError(f"a page of its column {chunk.leaf.name} says that it has {size} bytes")
        yield header
        at += thrift.at + size
    if at != end:
        raise BoundsError(f"the pages of its column {chunk.leaf.name} end at {at}, where {end} was said")


def _text_bytes(path: Path, column: str) -> int:
    """Bytes of all texts of ``column``, each as often as it stands there; read without repeating them."""
    total = 0
    with open_parquet(path, read_dictionary=[column]) as file:
        for batch in file.iter_batches(columns=[column]):
            for array in _leaves(batch.column(0)):
                if not isinstance(array, pa.DictionaryArray):
                    raise BoundsError(f"its column {column} repeats texts that are too long")
                lengths = pc.binary_length(array.dictionary).take(array.indices)
                total += pc.sum(lengths.cast(pa.int64())).as_py() or 0
    return total


def _leaves(array: Any) -> Iterator[Any]:
    if isinstance(array, pa.MapArray):
        yield from (*_leaves(array.keys), *_leaves(array.items))
    elif isinstance(array, pa.ListArray):
        yield from _leaves(array.flatten())
    elif isinstance(array, pa.StructArray):
        for part in array.flatten():
            yield from _leaves(part)
    else:
        yield array


class _Thrift:
    """Reads one structure of Thrift's compact protocol; ``at`` is where it ends.

    A shape has the fields that are read, by their numbers: each the kind of a number or of bytes, ``[shape]`` for a
    list, or the shape of a structure. Others are skipped. Where another reader could see another value, as of a field
    that stands twice or is of another kind, the structure is refused.

    Raises :class:`IndexError` at the end of ``data``, :class:`BoundsError` for what is no such structure.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self, shape: dict[int, Any], depth: int = 0) -> dict[int, Any]:
        """Number of each field of ``shape`` that is there -> its value."""
        found: dict[int, Any] = {}
        for field, kind in self._fields(depth):
            wanted = shape.get(field)
            if wanted is None:
                self._skip(kind, depth)
            elif field in found or kind != _kind(wanted):
                raise BoundsError(_DAMAGED)
            else:
                found[field] = self._value(wanted, depth)
        return found

    def _fields(self, depth: int) -> Iterator[tuple[int, int]]:
        if depth > _DEEPEST:
            raise BoundsError("the header of a page is nested too deep")
        data, field = self.data, 0
        while True:
            # Read here and not by a call: a footer has thousands of fields.
            head = data[self.at]
            self.at += 1
            kind = head & 0xF
            if not kind:
                return
            field = field + (head >> 4) if head >> 4 else self._number(16)
            if not 0 < field < 2**15:
                raise BoundsError(_DAMAGED)
            yield field, kind

    def _value(self, shape: Any, depth: int) -> Any:
        if shape in (_I32, _I64):
            return self._number(32 if shape == _I32 else 64)
        if shape == _BYTES:
            begin = self._jump(self._varint())
            return self.data[begin : self.at]
        if isinstance(shape, dict):
            return self.struct(shape, depth + 1)
        count, kind = self._list()
        if count and kind != _kind(shape[0]):
            raise BoundsError(_DAMAGED)
        return [self._value(shape[0], depth + 1) for _ in range(count)]

    def _skip(self, kind: int, depth: int) -> None:
        if kind in {4, 5, 6}:
            self._varint()
        elif kind in {3, 7}:
            self._jump(1 if kind == 3 else 8)
        elif kind == 8:
            self._jump(self._varint())
        elif kind in {9, 10}:
            if depth > _DEEPEST:
                raise BoundsError("the header of a page is nested too deep")
            count, inner = self._list()
            for _ in range(count):
                # In a list a truth value takes a byte.
                self._skip(max(inner, 3), depth + 1)
        elif kind == 12:
            for _, inner in self._fields(depth + 1):
                self._skip(inner, depth + 1)
        elif kind not in {1, 2}:
            raise BoundsError(_DAMAGED)

    def _list(self) -> tuple[int, int]:
        head = self.data[self.at]
        self.at += 1
        count = head >> 4 if head >> 4 != 15 else self._varint()
        # Each entry takes a byte at least.
        if count > len(self.data) - self.at:
            raise BoundsError(_DAMAGED)
        return count, head & 0xF

    def _jump(self, count: int) -> int:
        begin = self.at
        self.at += count
        if self.at > len(self.data):
            raise IndexError
        return begin

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            if byte < 0x80:
                return value | byte << shift
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise BoundsError(_DAMAGED)

    def _number(self, bits: int) -> int:
        value = self._varint()
        if value >= 2**bits:
            raise BoundsError(_DAMAGED)
        return (value >> 1) ^ -(value & 1)


def _kind(shape: Any) -> int:
    return 12 if isinstance(shape, dict) else 9 if isinstance(shape, list) else int(shape)
