"""Cells that were measured in different blocks: figures beside a ratio cover the blocks of the ratio, and say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.language import speaking
from bench.report.render import ReportPaths
from bench.report.run_view import view_run
from bench.report.run_words import answer_sentence, overview_sentence, verdict_sentence
from bench.store.reader import open_run
from tests.support.markup import Visible
from tests.support.reports import render_analysis

MakeRun = Callable[..., Any]
INT4, INT8 = (Load("ort-genai", "CPU", precision) for precision in ("int4", "int8"))
FULL = Load("transformers", "CPU", "fp32")


@pytest.fixture(scope="module")
def analyse(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunAnalysis]:
    """Twelve blocks of these loads, of which the int8 one failed in some."""

    def analysed(*loads: Load, lost: tuple[int, ...]) -> RunAnalysis:
        run = fake_run(loads=loads, prompt_tokens=(128,), blocks=12)
        run.break_cells("ort-genai-CPU-int8", "crashed", "gone", lost)
        return analyse_run(open_run(run.write(tmp_path_factory.mktemp("run"))))

    return analysed


@pytest.fixture(scope="module")
def two(analyse: Callable[..., RunAnalysis]) -> RunAnalysis:
    return analyse(INT4, INT8, lost=(3, 7))


@pytest.fixture(scope="module")
def three(analyse: Callable[..., RunAnalysis]) -> RunAnalysis:
    return analyse(INT4, INT8, FULL, lost=(3, 7))


@pytest.fixture(scope="module")
def report(three: RunAnalysis, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    return render_analysis(three, tmp_path_factory.mktemp("report"))


def visible(page: str) -> str:
    return " ".join(Visible(page).said)


def ttft(analysis: RunAnalysis) -> str:
    view = view_run(analysis)
    return answer_sentence(view, view.answers[0][0])


def test_the_figure_of_the_lowest_says_which_blocks_it_covers(two: RunAnalysis) -> None:
    assert ") over 10 shared blocks. Next: ort-genai CPU int8, " in ttft(two)
    ranking = two.rankings[0]
    assert ranking.lowest.value == pytest.approx(ranking.rivals[0].value / ranking.rivals[0].ratio.value)


def test_a_ratio_over_fewer_blocks_says_what_it_is_of(three: RunAnalysis) -> None:
    rival = three.rankings[0].rivals[0]
    assert (rival.load.precision, rival.ratio.blocks, three.rankings[0].lowest.blocks) == ("int8", 10, 12)
    assert f", {rival.value:.0f} against {rival.lowest:.0f} ms over 10 shared blocks." in ttft(three)


def test_the_same_in_turkish(two: RunAnalysis, three: RunAnalysis) -> None:
    with speaking("tr"):
        assert ") 10 ortak blok üzerinden. " in ttft(two)
        assert ", 10 ortak blokta " in ttft(three)


def test_the_page_says_it_beside_the_mark(report: ReportPaths, three: RunAnalysis) -> None:
    rival = three.rankings[0].rivals[0]
    said = visible(report.index.read_text("utf-8"))
    assert f"{rival.value:.0f} against {rival.lowest:.0f} ms over 10 shared blocks" in said


def test_json_has_both_figures_of_each_ratio(report: ReportPaths, three: RunAnalysis) -> None:
    summary = json.loads((report.index.parent / "summary.json").read_text("utf-8"))
    found, ranking = summary["rankings"][0], three.rankings[0]
    assert (found["lowest_ms"], found["blocks"], found["claims_lowest"]) == (ranking.lowest.value, 12, True)
    assert [(one["value_ms"], one["lowest_ms"], one["blocks"]) for one in found["others"]] == [
        (rival.value, rival.lowest, rival.ratio.blocks) for rival in ranking.rivals
    ]


@pytest.mark.parametrize("name", ["index.html", "summary.md"])
def test_each_form_says_what_the_claims_are_adjusted_by(report: ReportPaths, name: str) -> None:
    text = (report.index.parent / name).read_text("utf-8")
    assert "adjustment for all pairs of the ranking: of rankings" in text


def test_too_few_shared_blocks_claim_nothing(analyse: Callable[..., RunAnalysis]) -> None:
    view = view_run(analyse(INT4, INT8, lost=(3, 4, 7)))
    assert not view.verdict
    assert verdict_sentence(view).startswith("A first look at 9 blocks: no verdict is claimed")
    assert overview_sentence(view, view.overviews[0]).startswith("Lowest time to first token")


@pytest.mark.slow
def test_who_was_measured_in_other_blocks_alone_is_named_and_not_compared(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=(INT4, INT8, FULL), prompt_tokens=(128,), blocks=12)
    run.break_cells("ort-genai-CPU-int4", "crashed", "gone", (11,))
    run.break_cells("transformers", "crashed", "gone", (11,))
    run.break_cells("ort-genai-CPU-int8", "crashed", "gone", tuple(range(11)))
    analysis = analyse_run(open_run(run.write(tmp_path / "results")))
    page = render_analysis(analysis, tmp_path / "report").index.read_text("utf-8")
    said = "Measured in other blocks alone, so not compared with it: ort-genai CPU int8."
    assert (ttft(analysis).endswith(said), said in visible(page)) == (True, True)
    assert "fastest" not in ttft(analysis)
    assert verdict_sentence(view_run(analysis)).startswith("No verdict is claimed: some were measured in other blocks")


def test_the_mark_in_the_table_is_that_of_the_ranking(three: RunAnalysis) -> None:
    (group,) = view_run(three).groups
    marked = {row.cell.cell_key: row.lowest for row in group.rows if row.lowest}
    assert marked == {three.rankings[0].winner.cell_key: {"ttft_ms", "tpot_ms", "response_ms", "memory"}}
