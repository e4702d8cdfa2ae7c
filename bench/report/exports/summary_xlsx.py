"""summary.xlsx: the rows of summary.csv with numbers as numbers, which every spreadsheet shows in its own language.

A CSV file says neither what separates its columns nor which sign its decimals have, so a spreadsheet goes by the
system's settings, and reads one column where these are those of Turkish or German.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import xlsxwriter

from bench.report.format import clean

_LONGEST_TEXT = 32_767
"""Characters that a cell can hold."""
_WIDEST = 300
"""Of a column, in pixels."""


def summary_xlsx(rows: Sequence[Mapping[str, Any]], created: datetime) -> bytes:
    """The rows of :func:`bench.report.exports.summary_csv.cell_rows` as a workbook of one sheet.

    What was not measured is an empty cell. Text is stored as text, which no spreadsheet computes.

    Args:
        rows: all with the same keys.
        created: kept in the file, so that the same run gives the same bytes.
    """
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        book.set_properties({"created": created})
        sheet = book.add_worksheet("summary")
        if rows:
            head = book.add_format({"bold": True})
            for column, name in enumerate(rows[0]):
                sheet.write_string(0, column, name, head)
            for line, row in enumerate(rows, start=1):
                for column, value in enumerate(row.values()):
                    _write(sheet, line, column, value)
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, len(rows), len(rows[0]) - 1)
            sheet.autofit(_WIDEST)
    return written.getvalue()


def _write(sheet: Any, line: int, column: int, value: object) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int | float):
        sheet.write_number(line, column, value)
    elif value not in (None, ""):
        sheet.write_string(line, column, clean(str(value))[:_LONGEST_TEXT])
