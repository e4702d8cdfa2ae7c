"""Queries of users, and their answers a batch of rows at a time: as a table, Markdown, CSV or JSON."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

import duckdb
import pyarrow as pa

from bench.errors import UsageError

_ROWS = 10_000


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
        tokens = duckdb.tokenize(text)
        ends = [*(start for start, _ in tokens[1:]), len(text)]
        for (start, kind), end in zip(tokens, ends, strict=True):
            word = text[start:end].split(maxsplit=1)[0].casefold() if kind is duckdb.token_type.keyword else ""
            if word in {"copy", "export"}:
                raise UsageError(f"a query writes no files ({word}): use --format and --output")
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


def in_a_line(error: Exception) -> str:
    """What went wrong, without the query that DuckDB repeats."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())


_MOST_ROWS = 200
_MOST_SIGNS = 60


def write_table(answer: Answer, to: IO[str]) -> None:
    """For people: columns aligned, the first rows, and long values cut."""
    rows = [*itertools.islice((row for batch in answer.batches for row in batch), _MOST_ROWS + 1)]
    shown = [[_cut(_shown(value)) for value in row] for row in rows[:_MOST_ROWS]]
    heads = [_cut(_plain(name)) for name in answer.columns]
    widths = [max(map(len, column)) for column in zip(heads, *shown, strict=True)]
    right = [any(isinstance(row[at], int | float | Decimal) for row in rows) for at in range(len(heads))]
    for line in (heads, ["-" * width for width in widths], *shown):
        cells = (
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        )
        to.write("  ".join(cells).rstrip() + "\n")
    count = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    to.write(f"(the first {_MOST_ROWS} rows; --format csv has all)\n" if len(rows) > _MOST_ROWS else f"({count})\n")


def write_markdown(answer: Answer, to: IO[str]) -> None:
    """A table of GitHub's Markdown."""
    head = [map(_plain, answer.columns), ["---"] * len(answer.columns)]
    for cells in itertools.chain(head, (map(_shown, row) for batch in answer.batches for row in batch)):
        to.write("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")


def write_csv(answer: Answer, to: IO[str]) -> None:
    """All digits; lists and maps as JSON, null as nothing."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(answer.columns)
    for batch in answer.batches:
        writer.writerows(["" if value is None else _text(value) for value in row] for row in batch)


def write_json(answer: Answer, to: IO[str]) -> None:
    """A list of objects, one a line.

    Raises:
        UsageError: two columns have the same name, so an object would lack one of them.
    """
    name, count = Counter(answer.columns).most_common(1)[0]
    if count > 1:
        raise UsageError(f"{count} columns are called {name}, and JSON has one of a name: call them otherwise by AS")
    to.write("[")
    before = "\n"
    for batch in answer.batches:
        for row in batch:
            values = {name: _in_json(value) for name, value in zip(answer.columns, row, strict=True)}
            to.write(before + json.dumps(values, ensure_ascii=False, allow_nan=False))
            before = ",\n"
    to.write("\n]\n")


FORMATS: dict[str, Callable[[Answer, IO[str]], None]] = {
    "table": write_table,
    "csv": write_csv,
    "json": write_json,
    "markdown": write_markdown,
}


def _shown(value: Any) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return "null" if value is None else _plain(_text(value))


def _text(value: Any) -> str:
    made = _in_json(value)
    return made if isinstance(made, str) else json.dumps(made, ensure_ascii=False)


def _in_json(value: Any) -> Any:  # noqa: PLR0911 - a line for each type
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): _in_json(one) for key, one in value.items()}
    return [_in_json(one) for one in value] if isinstance(value, list | tuple) else str(value)


def _plain(text: str) -> str:
    """In one line, and without signs that a terminal would act on: the data may be anybody's."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SIGNS else text[: _MOST_SIGNS - 1] + "…"
