"""What a parquet file says of itself, held against its size before a native reader allocates that much.

Result folders come from strangers. A page of some hundred bytes can say that it has two billion values, or unpack to
gigabytes, and a dictionary can repeat one long text a million times. So the header of every page is read here first:
in the compact protocol of Thrift, with the fields that https://github.com/apache/parquet-format defines.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
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

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
"""Types of pages."""
_HEADERS = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}
"""Type of a page -> the field of its header that says more."""
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


@lru_cache(maxsize=4096)
def _check(path: Path, size: int, _changed_ns: int, schema: pa.Schema) -> None:
    with open_parquet(path) as file:
        metadata = file.metadata
        if metadata.num_columns > _MOST_COLUMNS or metadata.num_row_groups * metadata.num_columns > _MOST_CHUNKS:
            raise BoundsError(f"it has {metadata.num_columns} columns in {metadata.num_row_groups} groups of rows")
        if not 0 <= metadata.num_rows <= _ROWS_ANYWAY + size:
            raise BoundsError(f"it says that it has {metadata.num_rows} rows in {size} bytes")
        _check_types(file.schema_arrow, schema)
        largest, unpacked = max(_BYTES_ANYWAY, _UNPACKED_TIMES * size), 0
        repeated = []
        columns = (file.schema.column(place) for place in range(len(file.schema)))
        in_lists = {column.path for column in columns if column.max_repetition_level}
        with path.open("rb") as stream:
            for rows, chunk in _chunks(metadata):
                own, texts = _unpacked(stream, chunk, rows, in_lists=chunk.path_in_schema in in_lists)
                unpacked += own
                repeated += [chunk.path_in_schema] if own + texts > largest else []
                if unpacked > largest:
                    raise BoundsError(f"its {size} bytes would unpack to {unpacked} and more")
    for column in dict.fromkeys(repeated):
        unpacked += _text_bytes(path, column)
        if unpacked > largest:
            raise BoundsError(f"its {size} bytes would unpack to {unpacked} and more, most of it in {column}")


def _check_footer(path: Path) -> None:
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        if size < 12:
            raise BoundsError(f"it has {size} bytes, and the smallest parquet file has 12")
        stream.seek(-8, 2)
        length, magic = struct.unpack("<I4s", stream.read(8))
    if magic == b"PARE":
        raise BoundsError("it is encrypted")
    if magic == b"PAR1" and length > min(_LARGEST_FOOTER, size):
        raise BoundsError(f"it says that its footer has {length} bytes; a run's has at most {_LARGEST_FOOTER}")


def _check_types(found: pa.Schema, wanted: pa.Schema) -> None:
    counted = Counter(found.names)
    for field in wanted:
        if counted[field.name] > 1:
            raise BoundsError(f"its column {field.name} is there {counted[field.name]} times")
        if counted[field.name] and (own := found.field(field.name).type) != field.type:
            raise BoundsError(f"its column {field.name} is of the type {str(own)[:80]}, where {field.type} is due")


def _chunks(metadata: pq.FileMetaData) -> Iterator[tuple[int, pq.ColumnChunkMetaData]]:
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        yield from ((group.num_rows, group.column(column)) for column in range(metadata.num_columns))


def _unpacked(stream: BinaryIO, chunk: pq.ColumnChunkMetaData, rows: int, *, in_lists: bool) -> tuple[int, int]:
    """Bytes that the values of one column in one group of rows take, and how many more its texts may at most.

    Raises:
        BoundsError: its pages do not have the values that the footer says, or lie elsewhere.
    """
    name = chunk.path_in_schema
    is_text = chunk.physical_type in {"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}
    values = longest = taken = 0
    for header in _pages(stream, chunk):
        kind = header.get(1)
        if kind not in _HEADERS:
            # An index of pages is no data.
            continue
        more, size = header.get(_HEADERS[kind]) or {}, header.get(2) or 0
        count = more.get(1) if isinstance(more, Mapping) else None
        if not isinstance(count, int) or count < 0 or size < 0:
            raise BoundsError(f"a page of its column {name} says that it has {count} values in {size} bytes")
        taken += size
        if kind == _DICTIONARY:
            longest = max(longest, size)
            continue
        values += count
        if is_text and more.get({_DATA: 2, _DATA_V2: 4}[kind]) == _PREFIXES:
            raise BoundsError(f"its column {name} is in the encoding DELTA_BYTE_ARRAY, in which no run is written")
    if values != chunk.num_values or (values < rows if in_lists else values != rows):
        raise BoundsError(f"the pages of its column {name} have {values} values, for {rows} rows")
    # Its level in lists beside each value.
    return taken + values * 12, values * longest if is_text else 0


def _pages(stream: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Iterator[Mapping[int, Any]]:
    """The header of each page: number of a field -> its value."""
    places = chunk.dictionary_page_offset, chunk.data_page_offset
    # A column without values has no page of data, and 0 for its place.
    at = min((place for place in places if place is not None and (place or chunk.num_values)), default=0)
    if not chunk.total_compressed_size:
        return
    end = at + chunk.total_compressed_size
    while 0 <= at < end:
        stream.seek(at)
        thrift = _Thrift(stream.read(min(_LARGEST_HEADER, end - at)))
        try:
            header = thrift.struct()
        except (IndexError, struct.error) as error:
            raise BoundsError(f"a page of its column {chunk.path_in_schema} has no whole header") from error
        size = header.get(3)
        if not isinstance(size, int) or size < 0:
            raise BoundsError(f"a page of its column {chunk.path_in_schema} says that it has {size} bytes")
        yield header
        at += thrift.at + size
    if at != end:
        raise BoundsError(f"the pages of its column {chunk.path_in_schema} end at {at}, where {end} was said")


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

    Of texts it keeps the length. Raises :class:`IndexError` at the end of ``data``, :class:`BoundsError` for what is
    no such structure.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Number of each field -> its value."""
        if depth > _DEEPEST:
            raise BoundsError("the header of a page is nested too deep")
        found: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) & 0xF:
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 0xF
            # A field that is true or false has its value in its type.
            found[field] = kind == 1 if kind in {1, 2} else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in {1, 2, 3}:
            return self._byte()
        if kind in {4, 5, 6}:
            return self._zigzag()
        if kind in {7, 8}:
            return self._skip(8 if kind == 7 else self._varint())
        if kind in {9, 10}:
            head = self._byte()
            count = head >> 4 if head >> 4 != 15 else self._varint()
            return self._several(count, (head & 0xF,), depth)
        if kind == 11:
            count = self._varint()
            kinds = self._byte() if count else 0
            return self._several(count, (kinds >> 4, kinds & 0xF), depth)
        if kind == 12:
            return self.struct(depth + 1)
        raise BoundsError("the header of a page is damaged")

    def _several(self, count: int, kinds: tuple[int, ...], depth: int) -> int:
        if count > len(self.data) or depth > _DEEPEST:
            raise BoundsError("the header of a page is damaged")
        for _ in range(count):
            for kind in kinds:
                self._value(kind, depth + 1)
        return count

    def _skip(self, count: int) -> int:
        self.at += count
        if self.at > len(self.data):
            raise IndexError
        return count

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise BoundsError("the header of a page is damaged")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
