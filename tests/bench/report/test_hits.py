"""First asks and prefix-cache hits are told apart wherever they are shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.drawing.style import line_styles
from bench.report.names import name_all
from bench.report.render import ReportPaths
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.report.run_words import answer_title, overview_sentence
from bench.store.reader import open_run
from tests.support.reports import render_analysis

MakeRun = Callable[..., Any]
FIRST = Load("openvino-genai", "CPU", "int4")
AGAIN = Load("openvino-genai", "CPU", "int4", {"prefix_caching": "on"})
OTHER = Load("ort-genai", "CPU", "int4")


@pytest.fixture(scope="module")
def both(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    """One stack asked both ways, another one first alone."""
    run = fake_run(loads=(FIRST, AGAIN, OTHER), prompt_tokens=(128,))
    return analyse_run(open_run(run.write(tmp_path_factory.mktemp("both"))))


@pytest.fixture(scope="module")
def report(both: RunAnalysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_analysis(both, tmp_path_factory.mktemp("report")).index.parent


def test_a_hit_has_a_name_of_its_own(both: RunAnalysis) -> None:
    assert [one.name for one in name_all(both).series] == [
        "openvino-genai CPU int4",
        "openvino-genai CPU int4, prefix-cache hit",
        "ort-genai CPU int4",
    ]


def test_a_hit_has_a_colour_of_its_own(both: RunAnalysis) -> None:
    looks = line_styles(name_all(both).series)
    assert looks[FIRST.key].colour != looks[AGAIN.key].colour


def test_hits_are_answered_apart(both: RunAnalysis) -> None:
    titles = [answer_title(group[0]) for group in view_run(both).answers if group[0].metric != "memory"]
    assert titles == ["128 prompt tokens, 64 new", "128 prompt tokens, 64 new, prefix-cache hit"]


def test_the_overview_speaks_of_first_asks_where_hits_have_no_rival(both: RunAnalysis) -> None:
    view = view_run(both)
    assert view.overviews
    assert not any("prefix-cache hit" in overview_sentence(view, one) for one in view.overviews)


def test_low_is_marked_among_first_asks_alone(both: RunAnalysis) -> None:
    (group,) = view_run(both).groups
    marked = [row.cell.ask for row in group.rows if row.lowest]
    assert (len(group.rows), set(marked)) == (3, {"first"})


def test_hits_come_after_first_asks(both: RunAnalysis) -> None:
    (group,) = view_run(both).groups
    assert [row.cell.ask for row in group.rows] == ["first", "first", "again"]


def test_a_hit_has_no_prefill_rate(both: RunAnalysis) -> None:
    assert [cell.prefill_tokens_per_s is None for cell in both.cells] == [False, True, False]


def test_first_ask_and_hit_stand_side_by_side(both: RunAnalysis) -> None:
    (found,) = view_run(both).hits
    assert name_all(both).of(found.first.load) == "openvino-genai CPU int4"
    assert (found.first.ask, found.again.ask, found.again.prompt_tokens) == ("first", "again", 128)


def test_the_share_of_a_hit_is_its_time_over_that_of_the_first_ask(both: RunAnalysis) -> None:
    (found,) = view_run(both).hits
    assert found.share.value == pytest.approx(found.again_ms.estimate.value / found.first_ms.estimate.value)


def test_the_times_beside_a_share_cover_its_blocks(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=(FIRST, AGAIN), prompt_tokens=(128,), blocks=4)
    run.break_cells("openvino-genai-CPU-int4-p128-n64-b1-again", "crashed", "gone", blocks=(2, 3))
    analysis = analyse_run(open_run(run.write(tmp_path)))
    (found,) = view_run(analysis).hits
    assert (found.first_ms.estimate.blocks, found.again_ms.estimate.blocks, found.share.blocks) == (2, 2, 2)
    assert found.share.value == pytest.approx(found.again_ms.estimate.value / found.first_ms.estimate.value)


def test_the_page_shows_both(report: Path) -> None:
    assert "First ask and prefix-cache hit" in (report / "index.html").read_text("utf-8")


def test_a_page_without_hits_has_no_table_of_them(stored_report: ReportPaths) -> None:
    assert "First ask and prefix-cache hit" not in stored_report.index.read_text("utf-8")


def test_the_summary_says_of_each_cell_how_it_was_asked(report: Path) -> None:
    summary = json.loads((report / "summary.json").read_text("utf-8"))
    assert [cell["ask"] for cell in summary["cells"]] == ["first", "again", "first"]


def test_the_terminal_marks_hits(both: RunAnalysis) -> None:
    prompts = [line for line in run_table(view_run(both)).splitlines() if line.startswith("openvino-genai CPU")]
    assert ["128 hit" in line for line in prompts] == [False, True]
