"""Parquet files that say more than they hold, written by hand: what a reader would allocate or unpack for them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.hostile_models import varint

HUGE = 2**31 - 1
"""The largest number that most fields of the format can hold."""
INT32, INT64, BYTE_ARRAY = 1, 2, 6
PLAIN, RLE, PREFIXES = 0, 3, 7
UNCOMPRESSED, GZIP = 0, 2


# -- Thrift's compact protocol


def number(value: int, kind: int = 6) -> tuple[int, bytes]:
    """A number of 64 bits."""
    return kind, varint(2 * value if value >= 0 else -2 * value - 1)


def short(value: int) -> tuple[int, bytes]:
    """A number of 32 bits."""
    return number(value, 5)


def text(value: str) -> tuple[int, bytes]:
    return 8, varint(len(value)) + value.encode()


def structure(**fields: tuple[int, bytes]) -> tuple[int, bytes]:
    """Fields are named ``_1``, ``_2``, … by their numbers, in that order; ``_2b`` is the second once more."""
    data, before = b"", 0
    for name, (kind, value) in fields.items():
        field = int(name.strip("_b"))
        head = bytes([(field - before) << 4 | kind]) if field > before else bytes([kind]) + varint(2 * field)
        data, before = data + head + value, field
    return 12, data + b"\0"


def several(*values: tuple[int, bytes], said: int | None = None) -> tuple[int, bytes]:
    """A list; ``said`` is how many it says that it has."""
    count = len(values) if said is None else said
    return 9, bytes([0xF0 | (values[0][0] if values else 12)]) + varint(count) + b"".join(value for _, value in values)


# -- a file with one column


def page(values: int, data: bytes = b"\0", *, size: int | None = None, encoding: int = PLAIN) -> bytes:
    """A page of data that says that it has ``values``, and unpacks to ``size`` bytes."""
    more = structure(_1=short(values), _2=short(encoding), _3=short(RLE), _4=short(RLE))
    unpacked = short(len(data) if size is None else size)
    return structure(_1=short(0), _2=unpacked, _3=short(len(data)), _5=more)[1] + data


def write(
    file: Path,
    pages: bytes,
    values: int,
    rows: int,
    *,
    name: str = "ttft_ns",
    kind: int = INT64,
    codec: int = UNCOMPRESSED,
    groups: int = 1,
    groups_said: int | None = None,
    place: int = 4,
    more: Mapping[str, tuple[int, bytes]] | None = None,
    elsewhere: Mapping[str, tuple[int, bytes]] | None = None,
) -> Path:
    """A file whose groups of rows all have these pages; ``more`` are further fields of its column's metadata.

    ``elsewhere`` is the first field of its column, which names another file.
    """
    leaf = structure(_1=short(kind), _3=short(1), _4=text(name), **({"_6": short(0)} if kind == BYTE_ARRAY else {}))
    root = structure(_4=text("schema"), _5=short(1))
    size = number(len(pages))
    known = {"_1": short(kind), "_2": several(short(PLAIN)), "_3": several(text(name)), "_4": short(codec)}
    chunk = structure(**known, _5=number(values), _6=size, _7=size, _9=number(place), **(more or {}))
    group = structure(_1=several(structure(**(elsewhere or {}), _2=number(place), _3=chunk)), _2=size, _3=number(rows))
    listed = several(*[group] * groups, said=groups_said)
    footer = structure(_1=short(1), _2=several(root, leaf), _3=number(rows * groups), _4=listed)[1]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1")
    return file


def miscounted(file: Path) -> Path:
    """A file of one row at which pyarrow's metadata of the column, where they are asked for, end the process."""
    return write(
        file, page(1, b"\x02\0\0\0\x02\x01" + b"\7" * 8), 1, 1, more={"_16": structure(_3=several(*[number(0)] * 4))}
    )


def _repeated_text(file: Path) -> None:
    """One text of a megabyte, nine thousand times."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 9_000, pa.int32()), ["x" * 2**20])
    pq.write_table(pa.table({"error_message": texts}), file, compression="zstd", store_schema=False)


def _repeated_in_maps(file: Path) -> None:
    value = pa.DictionaryArray.from_arrays(pa.array([0] * 9_000, pa.int32()), ["x" * 2**20])
    names = pa.array(["PATH"] * 9_000)
    entries = pa.StructArray.from_arrays([names, value], ["key", "value"])
    lists = pa.ListArray.from_arrays(pa.array(range(9_001), pa.int32()), entries)
    pq.write_table(pa.table({"environment": lists}), file, compression="zstd", store_schema=False)


def _table(**columns: pa.Array) -> Callable[[Path], object]:
    return lambda file: pq.write_table(pa.table(columns), file, compression="zstd")


def _twice(file: Path) -> None:
    column = pa.array(["ok"])
    pq.write_table(pa.Table.from_arrays([column, column], ["status", "status"]), file)


def _absurd_metadata(file: Path) -> None:
    pq.write_table(pa.table({"status": ["ok"]}, metadata={"x": "y" * 2**25}), file)


def _encrypted(file: Path) -> None:
    write(file, page(1, b"\0" * 8), 1, 1)
    file.write_bytes(file.read_bytes()[:-4] + b"PARE")


def _deep(file: Path) -> None:
    kind = pa.int64()
    for _ in range(30):
        kind = pa.list_(kind)
    pq.write_table(pa.table({"itl_ns": pa.nulls(1, kind)}), file)


def _zeros(file: Path) -> None:
    gzip = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([*(gzip.compress(b"\0" * 2**20) for _ in range(300)), gzip.flush()])
    write(file, page(1, packed, size=300 * 2**20), 1, 1, codec=GZIP)


BOMBS: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "rows without end": (lambda file: write(file, page(1), 1, 2**40), "says that it has 1099511627776 rows in"),
    "negative rows": (lambda file: write(file, page(1), 1, -1), "says that it has -1 rows in"),
    "values without end": (lambda file: write(file, page(HUGE), HUGE, 9), "have 2147483647 values, for 9 rows"),
    "fewer values than rows": (lambda file: write(file, page(1), 1, 9_000), "have 1 values, for 9000 rows"),
    "values that the footer does not know": (lambda file: write(file, page(9), 1, 1), "have 9 values, for 1 rows"),
    "a page that says gigabytes": (
        lambda file: write(file, page(1, size=HUGE), 1, 1, codec=GZIP),
        "would unpack to 2147483",
    ),
    "a page that unpacks to 300 MB": (_zeros, "would unpack to 314572"),
    "a page of a negative size": (lambda file: write(file, page(1, size=-9), 1, 1), "1 values in -9 bytes"),
    "pages beyond the file": (lambda file: write(file, page(1), 1, 1, place=10**9), "has no whole header"),
    "a header without end": (lambda file: write(file, b"\x15" + b"\x80" * 99, 1, 1), "is damaged"),
    "headers within headers": (lambda file: write(file, b"\x1c" * 2_000, 1, 1), "is damaged"),
    "unknown headers within headers": (lambda file: write(file, b"\xbc" * 2_000, 1, 1), "is nested too deep"),
    "lists within lists of a header": (
        lambda file: write(file, b"\xb9" + b"\x19" * 2_000, 1, 1),
        "is nested too deep",
    ),
    "pages in the wrong place": (lambda file: write(file, page(1) + b"\x15", 1, 1), "has no whole header"),
    "groups of rows without end": (
        lambda file: write(file, page(1), 1, 1, groups_said=HUGE),
        "Couldn't deserialize thrift",
    ),
    "groups of rows by the hundred thousand": (
        lambda file: write(file, page(1, b"\0" * 8), 1, 1, groups=200_001),
        "Couldn't deserialize thrift",
    ),
    "texts of which each is the one before": (
        lambda file: write(file, page(1, encoding=PREFIXES), 1, 1, name="status", kind=BYTE_ARRAY),
        "DELTA_BYTE_ARRAY",
    ),
    "a text repeated to gigabytes": (_repeated_text, "most of it in error_message"),
    "a text in maps repeated to gigabytes": (_repeated_in_maps, "its column environment is of the type"),
    "metadata of megabytes": (_absurd_metadata, "a run's has at most 33554432"),
    "an encrypted file": (_encrypted, "it is encrypted"),
    "a column of another type": (_table(ttft_ns=pa.array(["1"])), "ttft_ns is of the type string, where int64 is due"),
    "a list where a number is due": (_table(block=pa.array([[1]])), "block is of the type list<element: int64>"),
    "a column that is there twice": (_twice, "its column status is there 2 times"),
    "lists within lists": (_deep, "epth"),
    "a place that is said twice": (
        lambda file: write(file, page(1, b"\0" * 8), 1, 1, more={"_9b": number(5)}),
        "is damaged",
    ),
    "a place of another kind": (
        lambda file: write(file, page(1, b"\0" * 8), 1, 1, more={"_11": short(4)}),
        "is damaged",
    ),
    "a column in another file": (
        lambda file: write(file, page(1, b"\0" * 8), 1, 1, elsewhere={"_1": text("x")}),
        "lies in another file",
    ),
    "no byte at all": (lambda file: file.write_bytes(b""), "it has 0 bytes"),
}
"""What it is -> what writes it, and what the reader says of it."""
