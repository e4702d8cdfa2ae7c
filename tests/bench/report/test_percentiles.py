"""Percentiles of inter-token latency: all four are shown, or what they need."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.render import ReportPaths
from bench.report.run_words import quantiles_note
from bench.store.reader import open_run
from tests.support.reports import render_analysis

MakeRun = Callable[..., Any]


@pytest.fixture(scope="module")
def report(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    """Answers of 3 and of 64 tokens, three generations each: 6 and 189 latencies."""
    run = fake_run(
        loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,), new_tokens=(3, 64), blocks=1, repeats=3
    )
    folder = tmp_path_factory.mktemp("percentiles")
    return render_analysis(analyse_run(open_run(run.write(folder))), folder / "report")


def table(report: ReportPaths) -> list[list[str]]:
    page = report.index.read_text("utf-8")
    (body,) = re.findall(r"p99 ms</th></tr></thead>\s*<tbody>(.*?)</tbody>", page, flags=re.DOTALL)
    return [re.findall(r'<td[^>]* ?class="n"[^>]*>(.*?)</td>', row) for row in body.split("</tr>") if "<td" in row]


@pytest.mark.slow
def test_the_page_says_what_a_percentile_needs_where_it_cannot_be_given(report: ReportPaths) -> None:
    assert table(report)[0] == ["32", "3", "6", "needs 10", "needs 50", "needs 100", "needs 500"]


def test_the_page_shows_those_that_can_be_given(report: ReportPaths) -> None:
    cells = table(report)[1]
    assert (cells[:3], [re.fullmatch(r"[\d.]+", one) is not None for one in cells[3:]], cells[6]) == (
        ["32", "64", "189"],
        [True, True, True, False],
        "needs 500",
    )


def test_the_page_warns_in_a_sentence(report: ReportPaths) -> None:
    text = report.index.read_text("utf-8")
    assert "p50 of inter-token latency needs 10 of them, and 1 of 2 cells has fewer." in text
    assert "p99 of inter-token latency needs 500 of them, and every cell has fewer." in text


def test_the_markdown_warns_too(report: ReportPaths) -> None:
    assert "p99 of inter-token latency needs 500 of them" in report.summary_md.read_text("utf-8")


def test_the_csv_says_what_is_missing(report: ReportPaths) -> None:
    rows = list(csv.DictReader(io.StringIO(report.summary_csv.read_text("utf-8"))))
    assert [(row["itl_samples"], row["itl_p99_ms"], row["itl_note"]) for row in rows] == [
        ("6", "", "p50 needs 10 latencies, p90 needs 50 latencies, p95 needs 100 latencies, p99 needs 500 latencies"),
        ("189", "", "p99 needs 500 latencies"),
    ]


def test_the_json_has_all_four(report: ReportPaths) -> None:
    cell = json.loads(report.summary_json.read_text("utf-8"))["cells"][1]
    assert [cell[f"itl_{name}_ms"] is None for name in ("p50", "p90", "p95", "p99")] == [False, False, False, True]


def test_answers_of_one_token_need_nothing() -> None:
    assert quantiles_note([]) == ""
