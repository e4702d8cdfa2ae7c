from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from bench.store.reader import open_run
from bench.store.schema import SCHEMA_VERSION, TABLES
from bench.store.writer import RunWriter

MOMENTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_list(kind):
        return st.lists(values(kind.value_type), max_size=3)
    if pa.types.is_map(kind):
        return st.lists(st.tuples(TEXT, values(kind.item_type)), max_size=2, unique_by=lambda entry: entry[0])
    if pa.types.is_integer(kind):
        bits = kind.bit_width - 1
        return st.integers(min_value=-(2**bits), max_value=2**bits - 1)
    if pa.types.is_floating(kind):
        return NUMBERS
    if pa.types.is_boolean(kind):
        return st.booleans()
    return MOMENTS if pa.types.is_timestamp(kind) else TEXT


def rows(schema: pa.Schema) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows as the writer takes them: any column that may be null is null at times."""
    columns = {
        field.name: st.one_of(st.none(), values(field.type)) if field.nullable else values(field.type)
        for field in schema
        if field.name != "run_id"
    }
    return st.lists(st.fixed_dictionaries(columns), max_size=4)


BATCHES = {name: st.lists(rows(schema), max_size=4) for name, schema in TABLES.items()}


def stored(parts: list[list[dict[str, Any]]], table: str, *, finished: bool) -> list[Mapping[str, Any]]:
    # On Windows a run that is not finished keeps its lock, which cannot be removed then.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        writer = RunWriter(Path(folder), "run-1")
        writer.begin({})
        for part in parts:
            writer.rows(table, part)
        if finished:
            writer.finish("finished")
        return list(open_run(writer.path).table(table).to_pylist())


@pytest.mark.parametrize("finished", [False, True], ids=["as parts", "gathered"])
@pytest.mark.parametrize("table", list(TABLES))
# Fewer in the profile `quick`.
@settings(max_examples=min(8, settings().max_examples // 5))
@given(data=st.data())
def test_every_row_comes_back_once_in_order_and_unchanged(table: str, finished: bool, data: st.DataObject) -> None:
    parts = data.draw(BATCHES[table])
    expected = [{"run_id": "run-1", **row} for part in parts for row in part]
    assert stored(parts, table, finished=finished) == expected


def test_the_version_is_that_of_the_columns() -> None:
    columns = {name: len(schema.names) for name, schema in TABLES.items()}
    assert (SCHEMA_VERSION, columns) == (8, {"loads": 53, "generations": 34, "findings": 12, "quality": 19})


@pytest.mark.parametrize("table", list(TABLES))
def test_a_run_can_be_told_in_every_table(table: str) -> None:
    assert not TABLES[table].field("run_id").nullable


@pytest.mark.parametrize(
    ("suffix", "kind"), [("_ns", pa.int64()), ("_s", pa.float64()), ("_bytes", pa.int64()), ("_j", pa.float64())]
)
def test_a_unit_has_one_type_everywhere(suffix: str, kind: pa.DataType) -> None:
    fields = [field for schema in TABLES.values() for field in schema if field.name.endswith(suffix)]
    assert {field.type if not pa.types.is_list(field.type) else field.type.value_type for field in fields} == {kind}


@pytest.mark.parametrize("suffix", ["_ns", "_s", "_bytes", "_j"])
def test_what_is_measured_may_be_null(suffix: str) -> None:
    fields = [field for schema in TABLES.values() for field in schema if field.name.endswith(suffix)]
    assert all(field.nullable for field in fields)
