"""How far answers agree with those of the reference, as the report of a run shows it."""

# ruff: noqa: RUF001 - apostrophes are meant

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import CellResult
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.render import ReportPaths
from bench.report.run_page import run_page, summary_markdown
from bench.report.run_table import run_table
from bench.report.run_view import RunView, view_run
from bench.store.files import write_json
from bench.store.reader import open_run
from tests.support.markup import cell_details
from tests.support.reports import render
from tests.support.stored_runs import FakeRun

AGREEING = {"int4": 2, "int8": 28, "fp32": 64}
MakeReport = Callable[[FakeRun], ReportPaths]


def fake(agreeing: dict[str, int], **more: Any) -> FakeRun:
    loads = [Load("ort-genai", "CPU", precision) for precision in ("int4", "int8", "fp32")]
    return FakeRun(**{"loads": loads, "prompt_tokens": (32,), "agreeing": agreeing, **more})


@pytest.fixture
def made(tmp_path: Path) -> MakeReport:
    def make(run: FakeRun) -> ReportPaths:
        return render(run.write(tmp_path / "results"), tmp_path / "reports")

    return make


@pytest.fixture
def view(tmp_path: Path) -> RunView:
    return view_run(analyse_run(open_run(fake(AGREEING).write(tmp_path))))


@pytest.fixture
def beside_right(tmp_path: Path) -> ReportPaths:
    """The report of a run of int4 and int8 alone, beside 32 tokens of what the model's own weights answer."""
    run = fake(AGREEING, loads=[Load("ort-genai", "CPU", precision) for precision in ("int4", "int8")])
    path = run.write(tmp_path / "results")
    answers = {"reference": "transformers fp32", "answers": {"32/0/1": list(range(32)), "32/0/2": list(range(32))}}
    write_json(path / "answers.json", answers)
    write_json(path / "pieces.json", {str(one): f" w{one}" for one in (*range(64), *range(1000, 1064))})
    return render(path, tmp_path / "reports")


def rows(report: ReportPaths) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((report.index.parent / "summary.csv").read_text(encoding="utf-8"))))


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def results(report: ReportPaths) -> str:
    html = report.index.read_text(encoding="utf-8")
    return html[html.index('<section id="results">') : html.index("</section>", html.index('<section id="results">'))]


@pytest.mark.slow
def test_each_row_tells_where_its_answers_part_from_the_reference(made: MakeReport) -> None:
    shown = results(made(fake(AGREEING)))
    assert "first difference tokens" in text_of(shown)
    assert re.findall(r'<td class="n"[^>]*>(\d+ of \d+|reference)</td>', shown) == ["2 of 64", "28 of 64", "reference"]


def test_the_note_names_the_reference_and_what_the_figure_is_not(made: MakeReport) -> None:
    note = text_of(results(made(fake(AGREEING))))
    assert "The reference is ort-genai CPU fp32, the widest weights of this run; it is no ground truth." in note
    assert "does not say which answer is better" in note


@pytest.mark.slow
@pytest.mark.parametrize("agreeing", [{}, {"int4": 2}], ids=["no ids", "no reference with ids"])
def test_nothing_is_shown_where_nothing_was_compared(made: MakeReport, agreeing: dict[str, int]) -> None:
    report = made(fake(agreeing))
    assert "first difference" not in results(report).lower()
    for name in ("summary.md", "table.html"):
        assert "first difference" not in (report.index.parent / name).read_text(encoding="utf-8").lower()


@pytest.mark.slow
def test_simulated_answers_are_not_shown(made: MakeReport) -> None:
    loads = [Load("simulated", "CPU", precision) for precision in ("int4", "fp32")]
    report = made(fake(AGREEING, loads=loads))
    assert "first difference" not in results(report).lower()
    assert {row["answers_compared"] for row in rows(report)} == {""}


def test_the_summary_for_github_has_the_column(made: MakeReport) -> None:
    lines = (made(fake(AGREEING)).index.parent / "summary.md").read_text(encoding="utf-8").splitlines()
    assert any("| first difference tokens |" in line for line in lines)
    assert any("| 2 of 64 |" in line for line in lines)
    assert any("The reference is ort-genai CPU fp32" in line for line in lines)


def test_the_table_for_documents_has_the_column(made: MakeReport) -> None:
    html = (made(fake(AGREEING)).index.parent / "table.html").read_text(encoding="utf-8")
    assert html.count(">first difference tokens</th>") == 1
    assert re.findall(r">(\d+ of \d+|reference)</td>", html) == ["2 of 64", "28 of 64", "reference"]


def test_exports_have_the_figures(made: MakeReport) -> None:
    report = made(fake(AGREEING))
    by_precision = {row["precision"]: row for row in rows(report)}
    differences = ("first_difference_tokens", "first_difference_tokens_mean")
    keys = ("answers_compared", "tokens_compared", *differences, "answers_alike")
    assert [by_precision["int4"][key] for key in keys] == ["9", "64", "2.0", "2.0", "0.0"]
    assert [by_precision["fp32"][key] for key in keys] == ["0", "", "", "", ""]
    assert by_precision["int4"]["distinct_share"] == "1.0"
    benchmarks = json.loads((report.index.parent / "pytest-benchmark.json").read_text(encoding="utf-8"))["benchmarks"]
    assert {one["extra_info"]["first_difference_tokens"] for one in benchmarks} == {2.0, 28.0, None}


def test_the_summary_names_the_reference(made: MakeReport) -> None:
    run = fake(AGREEING)
    summary = json.loads((made(run).index.parent / "summary.json").read_text(encoding="utf-8"))
    assert summary["reference"] == {"configuration": "ort-genai CPU fp32", "load_key": run.loads[-1].key}


@pytest.mark.slow
def test_answers_beside_those_of_the_models_own_weights(beside_right: ReportPaths) -> None:
    shown = results(beside_right)
    assert re.findall(r'<td class="n"[^>]*>(\d+ of \d+|reference)</td>', shown) == ["2 of 32", "28 of 32"]
    note = "The reference is transformers fp32, computed from the weights that every configuration was made from"
    assert note in text_of(shown)
    assert {row["answers_compared"] for row in rows(beside_right)} == {"2"}
    summary = json.loads((beside_right.index.parent / "summary.json").read_text(encoding="utf-8"))
    assert summary["reference"] == {"configuration": "transformers fp32", "load_key": None}


def test_the_details_of_a_cell_tell_how_many_were_compared(view: RunView) -> None:
    found = cell_details(view)
    details = {cell.load.precision: found[cell.cell_key] for cell in view.analysis.cells}
    assert details["int8"]["First token that differs from the reference’s"] == (
        "after 28.0 tokens in the mean, 28 in the median, of 64"
    )
    assert details["int8"]["Answers like the reference’s to their end"] == "0 % of 9 compared"
    assert details["fp32"]["Answers"] == "the reference of this run"
    assert "Prompts asked again" not in details["int4"]


def with_cell(view: RunView, cell: CellResult) -> dict[str, str]:
    """The details of a cell that takes the place of the first."""
    cells = cell, *view.analysis.cells[1:]
    return cell_details(view_run(dataclasses.replace(view.analysis, cells=cells)))[cell.cell_key]


@pytest.mark.slow
def test_the_details_of_a_cell_tell_of_another_answer_to_the_same_prompt(view: RunView) -> None:
    cell = view.analysis.cells[0]
    assert cell.answers is not None
    other = dataclasses.replace(cell, answers=dataclasses.replace(cell.answers, repeated=9, repeats_that_differ=2))
    assert with_cell(view, other)["Prompts asked again"].startswith("another answer to the same prompt in 2 of 9")


@pytest.mark.slow
def test_a_cell_that_answers_otherwise_each_time_is_marked(view: RunView) -> None:
    cell, *others = view.analysis.cells
    assert cell.answers is not None
    varying = dataclasses.replace(cell, answers=dataclasses.replace(cell.answers, repeated=9, repeats_that_differ=2))
    shown = view_run(dataclasses.replace(view.analysis, cells=(varying, *others)))
    assert run_page(shown, "", b"").count('<span class="badge">not deterministic</span>') == 1
    assert summary_markdown(shown).count("not deterministic") == 1


@pytest.mark.slow
def test_collapsed_output_is_told_before_any_number(made: MakeReport) -> None:
    run = fake({**AGREEING, "int4": 0})
    report = made(run)
    html = report.index.read_text(encoding="utf-8")
    banner = "Collapsed output in 1 cell, of ort-genai CPU int4: every timed answer is one token repeated."
    assert 0 < html.index(banner) < html.index('<section id="answer"')
    assert results(report).count("collapsed output") == 1
    assert banner in (report.index.parent / "table.html").read_text(encoding="utf-8")
    assert {row["precision"]: row["answers_collapsed"] for row in rows(report)} == {
        "int4": "true",
        "int8": "false",
        "fp32": "false",
    }


def test_the_terminal_tells_collapsed_output(tmp_path: Path) -> None:
    view = view_run(analyse_run(open_run(fake({**AGREEING, "int4": 0}).write(tmp_path))))
    assert "Collapsed output in 1 cell, of ort-genai CPU int4" in " ".join(run_table(view).split())


@pytest.mark.slow
def test_random_weights_may_repeat_a_token(made: MakeReport) -> None:
    run = fake({**AGREEING, "int4": 0})
    run.model = {**run.model, "synthetic": True}
    assert "ollapsed output" not in made(run).index.read_text(encoding="utf-8")


@pytest.mark.slow
def test_details_tell_a_device_that_parts_from_the_cpu_and_tokens_that_there_are_not(view: RunView) -> None:
    cell = view.analysis.cells[0]
    assert cell.answers is not None
    answers = dataclasses.replace(cell.answers, cpu_first_difference=2.5, cpu_alike=0.25, outside=3)
    told = with_cell(view, dataclasses.replace(cell, answers=answers))
    assert told["First token that differs from the same artifact’s on the CPU"] == (
        "after 2.5 tokens in the median, of 64; 25 % of the answers are alike"
    )
    assert told["Tokens that the vocabulary does not have"] == "3"
