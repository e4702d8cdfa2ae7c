"""A table of figures, for a terminal of any encoding and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UsageError
from bench.report.format import clean
from bench.report.template import in_markdown

BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"
"""What is between these two lines of a page is written by the study."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title; ``note`` says how to read them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def as_lines(table: Table) -> Iterator[str]:
    """For a terminal."""
    widths = [max(len(row[place]) for row in (table.columns, *table.rows)) for place in range(len(table.columns))]
    yield table.title
    yield from ([f"  {table.note}"] if table.note else [])
    for row in (table.columns, *table.rows):
        numbers = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
        line = "  " + "  ".join((row[0].ljust(widths[0]), *numbers)).rstrip()
        yield clean(line).encode("ascii", "replace").decode("ascii")


def as_markdown(tables: Sequence[Table], level: int = 3) -> str:
    """For a page, each table under a heading."""
    parts: list[str] = []
    for table in tables:
        parts += [f"{'#' * level} {in_markdown(table.title)}", ""]
        parts += [in_markdown(table.note), ""] if table.note else []
        parts += [as_row(table.columns), "|---|" + "---:|" * (len(table.columns) - 1)]
        parts += [*map(as_row, table.rows), ""]
    return "\n".join(parts)


def write_markdown(path: Path, tables: Sequence[Table]) -> None:
    """Write ``tables`` to ``path``: between its marks where it has them, else as the whole file.

    Raises:
        UsageError: the file cannot be read or written.
    """
    text = as_markdown(tables)
    try:
        if path.exists():
            before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
            _, end, after = rest.partition(END)
            if not begin or not end:
                raise UsageError(f"{path} is there already and has no lines {BEGIN} and {END}; name another file")
            text = f"{before}{BEGIN}\n\n{text}\n{END}{after}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error


def as_row(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(in_markdown(cell) for cell in cells) + " |"


def percent(share: float | None, places: int = 1) -> str:
    """A share as a percentage; blank where there is none."""
    return "" if share is None else f"{100 * share:.{places}f} %"


def percent_range(low: float, high: float, places: int = 1) -> str:
    """An interval of shares."""
    return f"{100 * low:.{places}f} to {100 * high:.{places}f}"
