"""What a parquet file says of itself, held against its size before a native reader allocates that much.

Result folders come from strangers. A page of some hundred bytes can say that it has two billion values, or unpack to
gigabytes, and a dictionary can repeat one long text a million times. So the footer and the header of every page are
read here first: in the compact protocol of Thrift, with the fields that https://github.com/apache/parquet-format
defines. The metadata of pyarrow's columns are not asked: its version 26 ends the process for some that are damaged.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_BUFFER_BYTES = 1 << 20
_LARGEST_FOOTER = 32 * 1024 * 1024
"""The names of the parts that were gathered into a file take 24 bytes each; each group of rows some ten thousand."""
_USUAL_HEADER, _LARGEST_HEADER = 512, 64 * 1024
_MOST_COLUMNS, _MOST_CHUNKS = 1_000, 200_000
_DEEPEST = 16

_ROWS_ANYWAY = 10_000
"""That a file of any size may have; a larger one has at most as many as bytes."""
_BYTES_ANYWAY = 256 * 1024 * 1024
"""That a file of any size may unpack to, ten million tokens and more; a larger one by :data:`_UNPACKED_TIMES`."""
_UNPACKED_TIMES = 64
"""Runs unpack to some four times their files; a latency is never the same twice."""

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BYTES, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
"""Kinds of values in Thrift's compact protocol."""
_WIDTHS = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}
_PAGE = {1: _I32, 2: _I32, 3: _I32, 5: {1: _I32, 2: _I32}, 7: {1: _I32}, 8: {1: _I32, 4: _I32}}
_COLUMN = {1: _I32, 5: _I64, 7: _I64, 9: _I64, 11: _I64, 12: {5: _BYTES, 6: _BYTES}}
_GROUP = {1: [{1: _BYTES, 3: _COLUMN, 8: {}, 9: _BYTES}], 3: _I64}
_FOOTER = {2: [{1: _I32, 3: _I32, 4: _BYTES, 5: _I32}], 3: _I64, 4: [_GROUP]}
"""Shapes of :func:`_struct`."""
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
    _footer_length(path)
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
            repeated += [chunk.name] if own + texts > largest else []
            if unpacked > largest:
                raise BoundsError(f"its {size} bytes would unpack to {unpacked} and more")
    for column in dict.fromkeys(repeated):
        unpacked += _text_bytes(path, column)
        if unpacked > largest:
            raise BoundsError(f"its {size} bytes would unpack to {unpacked} and more, most of it in {column}")


# -- the footer


class Chunk(NamedTuple):
    """One column as it is stored, such as the values of lists, in one group of rows.

    Args:
        name: the column's path in the schema, with dots.
        kind: its physical type, by the number that the format gives it.
        in_lists: whether a row may have several values, or none.
        least: the least value, as bytes; ``None`` where it is not said.
        greatest: likewise.
    """

    name: str
    kind: int
    in_lists: bool
    rows: int
    values: int
    begin: int
    size: int
    least: bytes | None
    greatest: bytes | None


class Footer(NamedTuple):
    """What a file says of itself: its rows, and its columns group by group."""

    rows: int
    chunks: Sequence[Chunk]


def read_footer(path: Path) -> Footer:
    """The footer of ``path``.

    Raises:
        BoundsError: it is none that a run's file has.
    """
    state = path.stat()
    return _read_footer(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _read_footer(path: Path, _size: int, _changed_ns: int) -> Footer:
    length = _footer_length(path)
    with path.open("rb") as stream:
        stream.seek(-8 - length, 2)
        data = stream.read(length)
    try:
        found, _ = _struct(data, 0, _FOOTER)
        leaves = [*_leaf_columns(found[2])]
        groups = found.get(4, [])
        if len(leaves) > _MOST_COLUMNS or len(leaves) * len(groups) > _MOST_CHUNKS:
            raise BoundsError(f"it has {len(leaves)} columns in {len(groups)} groups of rows")
        listed = ((group[3], zip(leaves, group[1], strict=True)) for group in groups)
        return Footer(found[3], [_chunk(*leaf, rows, column) for rows, columns in listed for leaf, column in columns])
    except (LookupError, TypeError, AttributeError) as error:
        raise BoundsError(f"its footer is damaged ({type(error).__name__})") from error


def _footer_length(path: Path) -> int:
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
    return int(length)


def _leaf_columns(schema: Sequence[Mapping[int, Any]]) -> Iterator[tuple[str, int, bool]]:
    """Name, type, and whether it is in lists, of each column; the schema is a tree, each group before its children."""
    elements = iter(schema)

    def below(names: tuple[str, ...], *, in_lists: bool, children: int) -> Iterator[tuple[str, int, bool]]:
        if len(names) > _DEEPEST:
            raise BoundsError("its columns are nested too deep")
        for _ in range(children):
            element = next(elements, {})
            own = (*names, element[4].decode("utf-8", "replace"))
            several = in_lists or element.get(3) == 2
            if element.get(5):
                yield from below(own, in_lists=several, children=element[5])
            else:
                yield ".".join(own), element[1], several

    yield from below((), in_lists=False, children=next(elements, {}).get(5, 0))


def _chunk(name: str, kind: int, in_lists: bool, rows: int, column: Mapping[int, Any]) -> Chunk:
    if 1 in column or 8 in column or 9 in column:
        raise BoundsError(f"its column {name} lies in another file, or is encrypted")
    known = column[3]
    values, places = known[5], (known.get(11), known[9])
    if known[1] != kind:
        raise BoundsError(f"its column {name} is damaged")
    # A column without values has no page of data, and 0 for its place.
    begin = min((place for place in places if place is not None and (place or values)), default=0)
    told = known.get(12) or {}
    return Chunk(name, kind, in_lists, rows, values, begin, known[7], told.get(6), told.get(5))


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
    name, is_text = chunk.name, chunk.kind in _TEXTS
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
    fits = values >= chunk.rows if chunk.in_lists else values == chunk.rows
    if values != chunk.values or not fits:
        raise BoundsError(f"the pages of its column {name} have {values} values, for {chunk.rows} rows")
    # Its level in lists beside each value.
    return taken + values * 12, values * longest if is_text else 0


def _pages(stream: BinaryIO, chunk: Chunk) -> Iterator[Mapping[int, Any]]:
    """The header of each page: number of a field -> its value."""
    at, end = chunk.begin, chunk.begin + chunk.size
    while 0 <= at < end:
        for most in (_USUAL_HEADER, _LARGEST_HEADER):
            stream.seek(at)
            with suppress(IndexError):
                header, length = _struct(stream.read(min(most, end - at)), 0, _PAGE)
                break
        else:
            raise BoundsError(f"a page of its column {chunk.name} has no whole header")
        size = header.get(3, -1)
        if size < 0:
            raise BoundsError(f"a page of its column {chunk.name} says that it has {size} bytes")
        yield header
        at += length + size
    if at != end:
        raise BoundsError(f"the pages of its column {chunk.name} end at {at}, where {end} was said")


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


# -- Thrift's compact protocol


def _struct(data: bytes, at: int, shape: Mapping[int, Any], depth: int = 0) -> tuple[dict[int, Any], int]:
    """Number of each field of ``shape`` that is there -> its value, of the structure at ``at``; and where that ends.

    A shape has the fields that are read, by their numbers: each the kind of a number or of bytes, ``[shape]`` for a
    list, or the shape of a structure. Others are skipped. Where another reader could see another value, as of a field
    that stands twice or is of another kind, the structure is refused.

    Raises :class:`IndexError` at the end of ``data``, :class:`BoundsError` for what is no such structure.
    """
    found: dict[int, Any] = {}
    field = 0
    while kind := (head := data[at]) & 0xF:
        at += 1
        if head > 0xF:
            field += head >> 4
        else:
            field, at = _number(data, at, 16)
        # Beyond, another reader may begin anew.
        if not 0 < field < 2**15:
            raise BoundsError(_DAMAGED)
        wanted = shape.get(field)
        if wanted is None:
            at = _skip(data, at, kind, depth)
        elif field in found:
            raise BoundsError(_DAMAGED)
        else:
            found[field], at = _value(data, at, kind, wanted, depth)
    return found, at + 1


def _value(data: bytes, at: int, kind: int, shape: Any, depth: int) -> tuple[Any, int]:
    """What ``shape`` says of the value at ``at``, and where it ends."""
    if kind != (shape if isinstance(shape, int) else _LIST if isinstance(shape, list) else _STRUCT):
        raise BoundsError(_DAMAGED)
    if kind == _STRUCT:
        return _struct(data, at, shape, depth + 1)
    if kind == _BYTES:
        length, at = _varint(data, at)
        if at + length > len(data):
            raise IndexError
        return data[at : at + length], at + length
    if kind != _LIST:
        return _number(data, at, 32 if kind == _I32 else 64)
    count, inner, at = _list(data, at)
    values = []
    for _ in range(count):
        value, at = _value(data, at, inner, shape[0], depth + 1)
        values.append(value)
    return values, at


def _skip(data: bytes, at: int, kind: int, depth: int) -> int:
    """Where the value at ``at`` ends; one beyond the end of ``data`` is found by who reads on."""
    if kind in {_I16, _I32, _I64}:
        # Most of a footer: not worth a call.
        while data[at] > 0x7F:
            at += 1
        return at + 1
    if kind in _WIDTHS:
        return at + _WIDTHS[kind]
    if kind == _BYTES:
        length, at = _varint(data, at)
        return at + length
    if depth > _DEEPEST:
        raise BoundsError("the header of a page is nested too deep")
    if kind == _STRUCT:
        while inner := (head := data[at]) & 0xF:
            at = _skip(data, at + 1 if head > 0xF else _skip(data, at + 1, _I16, depth), inner, depth + 1)
        return at + 1
    if kind not in {_LIST, _SET}:
        raise BoundsError(_DAMAGED)
    count, inner, at = _list(data, at)
    for _ in range(count):
        # In a list a truth value takes a byte.
        at = _skip(data, at, max(inner, _BYTE), depth + 1)
    return at


def _list(data: bytes, at: int) -> tuple[int, int, int]:
    """How many entries, of which kind, and where they begin."""
    head = data[at]
    count, at = (head >> 4, at + 1) if head < 0xF0 else _varint(data, at + 1)
    # Each entry takes a byte at least.
    if count > len(data) - at:
        raise BoundsError(_DAMAGED)
    return count, head & 0xF, at


def _number(data: bytes, at: int, bits: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    if value >> bits:
        raise BoundsError(_DAMAGED)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        at += 1
        if byte < 0x80:
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
    raise BoundsError(_DAMAGED)
