from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.export_csv import summary_csv
from bench.report.export_json import SUMMARY_VERSION
from bench.report.export_markdown import escape, summary_markdown
from bench.report.names import name_all
from bench.report.render import ReportPaths, render
from bench.store.reader import open_run

MakeRun = Callable[..., Any]


@pytest.fixture(scope="module")
def report(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    tmp_path = tmp_path_factory.mktemp("exports")
    run = fake_run(loads=[*fake_run().loads, Load("simulated", "CPU", "int4")])
    run.break_cells("transformers-CPU-fp32-p512", "timeout", "no token | within 1800 s")
    return render(run.write(tmp_path / "results"), tmp_path / "reports")


def rows(report: ReportPaths) -> list[dict[str, str]]:
    with report.summary_csv.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def summary(report: ReportPaths) -> dict[str, Any]:
    value = json.loads(report.summary_json.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value


def test_csv_has_one_row_per_planned_cell(report: ReportPaths) -> None:
    assert len({row["cell_key"] for row in rows(report)}) == len(rows(report)) == 24


def test_csv_tells_what_was_not_measured(report: ReportPaths) -> None:
    (row,) = [row for row in rows(report) if row["status"] == "timeout"]
    assert (row["backend"], row["prompt_tokens"], row["ttft_ms"]) == ("transformers", "512", "")


def test_csv_marks_simulated_rows(report: ReportPaths) -> None:
    assert {row["simulated"] for row in rows(report) if row["backend"] == "simulated"} == {"true"}


def test_csv_names_its_units(report: ReportPaths) -> None:
    assert {"ttft_low_ms", "decode_tokens_per_s", "load_s", "peak_memory_bytes"} <= set(rows(report)[0])


def test_csv_text_is_no_formula() -> None:
    assert summary_csv([{"model": "=HYPERLINK(1)"}]) == "model\n'=HYPERLINK(1)\n"


def test_csv_of_nothing_is_empty() -> None:
    assert summary_csv([]) == ""


def test_json_carries_its_version(report: ReportPaths) -> None:
    assert summary(report)["summary_version"] == SUMMARY_VERSION


def test_json_holds_the_rows_of_the_csv(report: ReportPaths) -> None:
    assert [cell["cell_key"] for cell in summary(report)["cells"]] == [row["cell_key"] for row in rows(report)]


def test_json_marks_simulated_rankings(report: ReportPaths) -> None:
    found = {ranking["lowest"] for ranking in summary(report)["rankings"] if ranking["simulated"]}
    assert found == {"simulated CPU int4"}


def test_json_keeps_null_for_what_was_not_measured(report: ReportPaths) -> None:
    assert {cell["device_memory_bytes"] for cell in summary(report)["cells"]} == {None}


def test_markdown_has_one_line_per_measured_cell(report: ReportPaths) -> None:
    lines = report.summary_md.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("| ") for line in lines) == 1 + 23


def test_markdown_marks_simulated_rows(report: ReportPaths) -> None:
    lines = report.summary_md.read_text(encoding="utf-8").splitlines()
    assert all("simulated" in line for line in lines if line.startswith("|") and " simulated " in line)
    assert any("simulated CPU int4 | simulated" in line for line in lines)


def test_markdown_tells_the_failure(report: ReportPaths) -> None:
    assert r"no token \| within 1800 s" in report.summary_md.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("raw", "written"),
    [("a|b", r"a\|b"), ("<script>", "&lt;script&gt;"), ("x\n# y", r"x \# y"), ("`z`", r"\`z\`"), ("a\x1bb", "ab")],
)
def test_markdown_text_stays_text(raw: str, written: str) -> None:
    assert escape(raw) == written


def test_markdown_fits_a_step_summary(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(prompt_tokens=tuple(range(10, 60)), new_tokens=(2,), blocks=2, repeats=1).write(tmp_path)
    analysis = analyse_run(open_run(run))
    assert len(summary_markdown(analysis, name_all(analysis), []).encode("utf-8")) < 2**20


def test_no_half_written_file_is_left(report: ReportPaths) -> None:
    names = {path.name for path in report.index.parent.iterdir()}
    assert names == {"index.html", "summary.md", "summary.csv", "summary.json"}
