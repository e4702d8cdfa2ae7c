"""Who needs least memory: one value per configuration, with what may be said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.render import ReportPaths
from bench.report.run_view import Answer, RunView, view_run
from bench.report.run_words import answer_sentence, answer_title, overview_sentence
from bench.store.reader import open_run
from tests.support.reports import render_analysis

MakeRun = Callable[..., Any]
TWO = (Load("ort-genai", "CPU", "int4"), Load("ort-genai", "CPU", "int8"))


def analysed(run: Any, folder: Path) -> RunAnalysis:
    return analyse_run(open_run(run.write(folder)))


def by_memory(view: RunView) -> list[Answer]:
    return [answer for group in view.answers for answer in group if answer.metric == "memory"]


def sentences(analysis: RunAnalysis) -> list[str]:
    view = view_run(analysis)
    return [answer_sentence(view, answer) for answer in by_memory(view)]


def test_few_blocks_say_what_was_lowest_and_claim_no_more(fake_run: MakeRun, tmp_path: Path) -> None:
    (said,) = sentences(analysed(fake_run(loads=TWO), tmp_path))
    assert said.startswith("ort-genai CPU int4 had the lowest peak memory measured: 457 MB (457\N{EN DASH}457). Next:")


def test_ten_blocks_claim_the_least(fake_run: MakeRun, tmp_path: Path) -> None:
    (said,) = sentences(analysed(fake_run(loads=TWO, blocks=10), tmp_path))
    assert said.startswith("ort-genai CPU int4 needs least memory: 457 MB")


def test_one_block_has_no_interval_and_says_so(fake_run: MakeRun, tmp_path: Path) -> None:
    (said,) = sentences(analysed(fake_run(loads=TWO, blocks=1), tmp_path))
    assert said.endswith("457 MB. One block gives no interval, so no other can be told apart from it.")


def test_a_rival_needs_so_many_times_as_much(fake_run: MakeRun, tmp_path: Path) -> None:
    (said,) = sentences(analysed(fake_run(loads=TWO), tmp_path))
    assert "ort-genai CPU int8, 1.25\N{MULTIPLICATION SIGN} as much" in said


def test_of_memory_nothing_is_called_fast(stored_run: Path) -> None:
    (said,) = sentences(analyse_run(open_run(stored_run)))
    assert not {"fastest", "long", "longest"} & set(said.lower().replace(".", " ").split())


def test_the_overview_ends_with_memory(stored_run: Path) -> None:
    view = view_run(analyse_run(open_run(stored_run)))
    assert [one.metric for one in view.overviews] == ["ttft_ms", "tpot_ms", "response_ms", "memory"]
    assert overview_sentence(view, view.overviews[-1]).startswith("Lowest peak memory: ")


@pytest.mark.slow
def test_the_overview_says_which_requests_where_not_all_answered_the_same(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run()
    run.break_cells("transformers-CPU-fp32-p512", "timeout", "no token")
    view = view_run(analysed(run, tmp_path))
    (said,) = [overview_sentence(view, one) for one in view.overviews if one.metric == "memory"]
    assert said.startswith("Lowest peak memory at 32, 128 and 512 prompt tokens, 64 new: ")


def test_requests_that_not_all_answered_are_named(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=TWO)
    run.break_cells("ort-genai-CPU-int8-p512", "timeout", "no token")
    view = view_run(analysed(run, tmp_path))
    assert [answer_title(answer) for answer in by_memory(view)] == [
        "32 and 128 prompt tokens, 64 new",
        "32, 128 and 512 prompt tokens, 64 new",
    ]


@pytest.mark.parametrize("name", ["index.html", "summary.md", "summary.json"])
def test_each_form_of_the_report_ranks_by_memory(stored_report: ReportPaths, name: str) -> None:
    assert "Lowest peak memory: " in (stored_report.index.parent / name).read_text("utf-8")


@pytest.mark.slow
def test_a_run_that_does_not_know_its_memory_says_nothing_of_it(fake_run: MakeRun, tmp_path: Path) -> None:
    analysis = analysed(fake_run(loads=TWO, more={"peak_memory_bytes": None}), tmp_path / "results")
    page = render_analysis(analysis, tmp_path / "report").index.read_text("utf-8")
    assert (sentences(analysis), "Memory: peak of the worker process" in page) == ([], False)
