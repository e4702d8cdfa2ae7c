"""The spreadsheet edition, read as what its format says it is: XML in a zip."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.plan.cells import Load
from bench.report.exports.summary_rows import summary_xlsx
from bench.report.render import ReportPaths
from tests.support.reports import render

WHEN = datetime(2026, 11, 22, 21, 17, tzinfo=UTC)
SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
SHEET = "xl/worksheets/sheet1.xml"


def part(workbook: bytes, name: str) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return ElementTree.fromstring(archive.read(name))


def cells(workbook: bytes) -> list[dict[str, Any]]:
    """The rows below the head, by the names in it; an empty cell is not there."""
    texts = [item.findtext(f"{SPACE}t") or "" for item in part(workbook, "xl/sharedStrings.xml")]

    def value(cell: ElementTree.Element) -> Any:
        assert cell.find(f"{SPACE}f") is None, "a formula"
        held = cell.findtext(f"{SPACE}v") or ""
        return texts[int(held)] if cell.get("t") == "s" else held == "1" if cell.get("t") == "b" else float(held)

    def by_column(row: ElementTree.Element) -> dict[str, Any]:
        return {re.sub(r"\d", "", cell.get("r") or ""): value(cell) for cell in row if len(cell)}

    head, *rows = (by_column(row) for row in part(workbook, SHEET).iter(f"{SPACE}row"))
    return [{head[column]: held for column, held in row.items()} for row in rows]


def book(*rows: dict[str, Any]) -> bytes:
    return summary_xlsx(rows, WHEN)


@pytest.fixture(scope="module")
def report(fake_run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    tmp_path = tmp_path_factory.mktemp("xlsx")
    loads = [Load("ort-genai", "CPU", "int4"), Load("transformers", "CPU", "fp32")]
    run = fake_run(loads=loads, prompt_tokens=(32, 512))
    run.break_cells("transformers-CPU-fp32-p512", "timeout", "=1+1 is no token")
    return render(run.write(tmp_path / "results"), tmp_path / "reports")


@pytest.mark.slow
def test_it_has_the_cells_of_the_json_with_what_was_not_measured_empty(report: ReportPaths) -> None:
    rows = json.loads(report.summary_json.read_text("utf-8"))["cells"]
    expected = [{name: held for name, held in row.items() if held not in (None, "")} for row in rows]
    # A cell holds sixteen digits.
    assert cells(report.summary_xlsx.read_bytes()) == [
        {name: pytest.approx(held, rel=1e-15) if isinstance(held, float) else held for name, held in row.items()}
        for row in expected
    ]


@pytest.mark.parametrize("value", [65.25, 3, 0, 0.0, 134_515_008, 1e-9])
def test_a_number_is_a_number(value: float) -> None:
    assert cells(book({"ttft_ms": value})) == [{"ttft_ms": value}]


@pytest.mark.parametrize("value", [None, ""])
def test_what_was_not_measured_is_an_empty_cell(value: object) -> None:
    assert cells(book({"model": "tiny", "ttft_ms": value})) == [{"model": "tiny"}]


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_is_one(value: bool) -> None:
    assert cells(book({"simulated": value})) == [{"simulated": value}]


@pytest.mark.parametrize(
    "text",
    ["=HYPERLINK(1)", "{=1+1}", "+1", "-1", "@SUM(A1)", "\t=1", "1,5", "1e5", "http://a.example", "a_x0041_b", " x "],
)
def test_text_stays_text(text: str) -> None:
    workbook = book({"model": text})
    (row,) = cells(workbook)
    assert row["model"].replace("_x005F_", "_") == text
    assert list(part(workbook, SHEET).iter(f"{SPACE}hyperlink")) == []


def test_what_cannot_be_in_a_file_is_left_out() -> None:
    assert cells(book({"model": "a\x1b\u202eb"})) == [{"model": "ab"}]


def test_text_that_is_longer_than_a_cell_is_cut() -> None:
    assert cells(book({"error_message": "x" * 40_000})) == [{"error_message": "x" * 32_767}]


def test_the_head_stays_in_sight(report: ReportPaths) -> None:
    (pane,) = part(report.summary_xlsx.read_bytes(), SHEET).iter(f"{SPACE}pane")
    assert (pane.get("state"), pane.get("topLeftCell")) == ("frozen", "A2")


def test_of_nothing_there_is_an_empty_sheet() -> None:
    rows: Sequence[ElementTree.Element] = list(part(book(), SHEET).iter(f"{SPACE}row"))
    assert rows == []


def test_the_same_run_gives_the_same_bytes(report: ReportPaths, tmp_path: Path) -> None:
    run = report.index.parents[2] / "results" / report.index.parent.name
    assert render(run, tmp_path).summary_xlsx.read_bytes() == report.summary_xlsx.read_bytes()
