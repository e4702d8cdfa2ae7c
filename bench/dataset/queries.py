"""Queries of users, and their answers a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from bench.errors import UsageError

_ROWS = 10_000
_WRITES = {"copy", "export"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows with named columns.

    Args:
        columns: their names; one may stand twice.
        batches: the rows, each a tuple of Python's own values.
    """

    columns: tuple[str, ...]
    batches: Iterator[list[tuple[Any, ...]]]

    def changed(self, change: Callable[[list[tuple[Any, ...]]], list[tuple[Any, ...]]]) -> Answer:
        """The same with each batch changed."""
        return replace(self, batches=map(change, self.batches))


def answer_to(connection: duckdb.DuckDBPyConnection, text: str) -> Iterator[Answer]:
    """The answers to the queries in ``text``, which are separated by semicolons; one without rows gives none.

    Each answer is read before the next one is asked for.

    Raises:
        UsageError: a query is wrong, writes files, or needs more memory than there is.
    """
    try:
        _refuse_writing(text)
        for statement in connection.extract_statements(text):
            found = connection.sql(statement.query)
            if found is not None:
                reader = found.to_arrow_reader(_ROWS)
                yield Answer(tuple(reader.schema.names), _batches(reader))
    except duckdb.Error as error:
        raise UsageError(in_a_line(error)) from error


def _batches(reader: pa.RecordBatchReader) -> Iterator[list[tuple[Any, ...]]]:
    try:
        for batch in reader:
            yield [*zip(*(_values(column) for column in batch.columns), strict=True)]
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        raise UsageError(in_a_line(error)) from error


def _values(column: pa.Array) -> Sequence[Any]:
    values: Sequence[Any] = column.to_pylist()
    return [None if one is None else dict(one) for one in values] if pa.types.is_map(column.type) else values


def _refuse_writing(text: str) -> None:
    tokens = duckdb.tokenize(text)
    ends = [*(start for start, _ in tokens[1:]), len(text)]
    for (start, kind), end in zip(tokens, ends, strict=True):
        word = text[start:end].split(maxsplit=1)[0].casefold() if kind is duckdb.token_type.keyword else ""
        if word in _WRITES:
            raise UsageError(f"a query writes no files ({word}): use --format and --output")


def in_a_line(error: Exception) -> str:
    """What went wrong, without the query that DuckDB repeats."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())
