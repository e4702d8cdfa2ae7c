"""Quality in the report of a run: beside each latency, in the answer, in a section of its own, and in the exports."""

# ruff: noqa: RUF001 - dashes and apostrophes are meant

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bench.analyse.interval import Estimate
from bench.analyse.quality import Limits, OfTexts, Quality
from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report import quality_words, run_words
from bench.report.render import ReportPaths
from bench.report.run_page import run_page
from bench.report.run_table import COLUMNS, run_table
from bench.report.run_view import view_run
from bench.store.files import write_json
from bench.store.reader import open_run
from tests.support.analyses import made_load
from tests.support.markup import cell_details
from tests.support.qualities import BROKEN, DEGRADED, FAITHFUL, THE_REFERENCE, UNKNOWN, scored
from tests.support.reports import render_analysis
from tests.support.stored_runs import FakeRun

KNOWN = {
    "ort-genai-CPU-int4": DEGRADED,
    "openvino-genai-CPU-int4": BROKEN,
    "openvino-genai-CPU-int8": UNKNOWN,
    "transformers": THE_REFERENCE,
    "": FAITHFUL,
}
"""What the fixtures know: the fastest is degraded, the next is broken, and one could not be scored."""

Report = Callable[[Mapping[str, Quality]], ReportPaths]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    """A run of one prompt length in ten blocks, of which nothing is known but its latencies."""
    run = FakeRun(prompt_tokens=(32,), blocks=10, repeats=1)
    return analyse_run(open_run(run.write(tmp_path_factory.mktemp("quality"))))


@pytest.fixture(scope="module")
def run(stored: RunAnalysis) -> RunAnalysis:
    """The same with what :data:`KNOWN` says."""
    return scored(stored, KNOWN)


@pytest.fixture(scope="module")
def report(run: RunAnalysis, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    """Its report."""
    return render_analysis(run, tmp_path_factory.mktemp("report"))


def page(report: ReportPaths) -> str:
    return report.index.read_text(encoding="utf-8")


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def section(html: str, name: str) -> str:
    start = html.index(f'<section id="{name}">')
    return html[start : html.index("</section>", start)]


def row_of(html: str, name: str) -> str:
    """The row of results whose configuration has this name."""
    table = html[html.index('id="table-results"') :]
    return next(one for one in table.split("<tr ")[1:] if f">{name}</a>" in one)


def answers(run: RunAnalysis) -> list[str]:
    view = view_run(run)
    return [run_words.overview_sentence(view, one) for one in view.overviews]


# -- the answer


@pytest.mark.slow
def test_the_fastest_is_answered_among_the_faithful_first(run: RunAnalysis) -> None:
    of_tpot = [one for one in answers(run) if "time per output token" in one]
    assert of_tpot == [
        "Among the faithful: Fastest by time per output token at 32 prompt tokens: ort-genai CPU int8.",
        (
            "Of all: Fastest by time per output token at 32 prompt tokens: ort-genai CPU int4 (degraded, at 1.28 times "
            "the perplexity of the reference)."
        ),
    ]


def test_one_sentence_is_enough_where_the_fastest_of_all_is_faithful(stored: RunAnalysis) -> None:
    found = answers(scored(stored, {**KNOWN, "ort-genai-CPU-int4": FAITHFUL}))
    assert [one for one in found if "time per output token" in one] == [
        "Fastest by time per output token at 32 prompt tokens: ort-genai CPU int4 (faithful)."
    ]


def test_a_single_faithful_configuration_is_named_too(stored: RunAnalysis) -> None:
    run = scored(stored, {"": DEGRADED, "transformers": THE_REFERENCE})
    assert answers(run)[0] == (
        "Among the faithful: Lowest time to first token at 32 prompt tokens: transformers CPU fp32."
    )


def test_no_winner_stands_without_its_quality(run: RunAnalysis) -> None:
    named = re.compile(r"\((degraded, at|faithful|quality unknown|quality not measured|the reference of quality)")
    assert [one for one in answers(run) if not one.startswith("Among the faithful") and not named.search(one)] == []


def test_a_winner_without_a_score_is_said_to_have_none(stored: RunAnalysis) -> None:
    run = scored(stored, {"transformers": THE_REFERENCE})
    assert "ort-genai CPU int4 (quality not measured)" in " ".join(answers(run))


def test_a_broken_one_is_in_no_ranking_and_named_beside_it(run: RunAnalysis) -> None:
    view = view_run(run)
    for group in view.answers:
        for answer in group:
            assert not answer.winner.broken
            assert not any(rival.load.broken for rival in answer.ranking.rivals)
    sentence = run_words.answer_sentence(view, view.answers[0][-1])
    assert sentence.endswith("Broken, so not ranked: openvino-genai CPU int4.")


def test_nothing_is_called_lowest_in_memory_whose_output_is_broken(stored: RunAnalysis) -> None:
    rows = view_run(scored(stored, {"ort-genai-CPU-int4": BROKEN, "openvino-genai-CPU-int4": BROKEN})).groups[0].rows
    assert [row.cell.load.broken for row in rows if "memory" in row.lowest] == [False]


@pytest.mark.slow
def test_the_page_shows_both_winners_with_their_figures(report: ReportPaths) -> None:
    shown = text_of(section(page(report), "answer"))
    assert "ort-genai CPU int8 fastest among the faithful" in shown
    assert "ort-genai CPU int4 fastest of all; degraded, at 1.28 times the perplexity of the reference" in shown


def test_a_run_without_quality_says_so_once_and_is_else_as_before(stored: RunAnalysis, tmp_path: Path) -> None:
    html = page(render_analysis(stored, tmp_path))
    assert html.count("Quality was not measured") == 1
    assert 'id="quality"' not in html
    assert "perplexity ratio" not in section(html, "results")
    assert "among the faithful" not in html.lower()
    assert answers(stored)[1] == "Fastest by time per output token at 32 prompt tokens: ort-genai CPU int4."


def test_a_simulated_run_says_nothing_of_quality(tmp_path: Path) -> None:
    simulated = FakeRun(loads=[Load("simulated", "CPU", "int4")], prompt_tokens=(32,), repeats=1)
    view = view_run(analyse_run(open_run(simulated.write(tmp_path))))
    assert quality_words.not_measured(view) == ""


# -- the tables


def test_each_row_of_the_results_has_its_ratio(report: ReportPaths) -> None:
    html = page(report)
    assert "perplexity ratio" in text_of(section(html, "results"))
    assert "1.28 degraded" in text_of(row_of(html, "ort-genai CPU int4"))
    assert 'title="1.28 (1.16–1.41) times the perplexity of transformers fp32"' in row_of(html, "ort-genai CPU int4")
    assert "— unknown" in text_of(row_of(html, "openvino-genai CPU int8"))
    assert 'title="it could not be scored"' in row_of(html, "openvino-genai CPU int8")


def test_the_latencies_of_a_broken_configuration_are_struck_through(report: ReportPaths) -> None:
    html = page(report)
    row = row_of(html, "openvino-genai CPU int4")
    figures = re.findall(r'<b data-exact="[^"]+">(.*?)</b>', row)
    assert len(figures) >= 4
    assert all(one.startswith('<s><span class="spoken">broken output: </span>') for one in figures)
    assert "<s>" not in row_of(html, "ort-genai CPU int4")


def test_every_table_of_the_page_strikes_them_through(report: ReportPaths) -> None:
    html = page(report)
    for name in ("arrival", "spread", "tradeoff", "quality", "cells"):
        assert "<s>" in section(html, name), name


def test_broken_output_is_told_before_any_number(report: ReportPaths) -> None:
    html = page(report)
    banner = "Broken output: openvino-genai CPU int4 (812 (731–893) times the perplexity of transformers fp32)."
    assert 0 < html.index(banner) < html.index('<section id="answer"')


def test_the_summary_for_github_has_the_ratio_and_strikes_the_broken_through(report: ReportPaths) -> None:
    lines = report.summary_md.read_text(encoding="utf-8").splitlines()
    degraded = next(line for line in lines if "| ort-genai CPU int4 |" in line)
    assert "| 1.28 (1.16–1.41), degraded |" in degraded
    broken = next(line for line in lines if "| openvino-genai CPU int4 |" in line)
    assert len(re.findall(r"\| ~~[\d.,]+ \([\d.,–]+\)~~ ", broken)) == 3
    assert re.search(r"\| ~~[\d.,]+~~ \| 457 \|", broken)


def test_the_pasted_table_has_both_too(report: ReportPaths) -> None:
    html = report.table.read_text(encoding="utf-8")
    assert ">1.28 (1.16–1.41), degraded</td>" in html
    assert html.count("<s>") == 4
    assert "openvino-genai CPU int4 (broken)" in html


def test_the_terminal_has_the_ratio_within_its_columns(run: RunAnalysis) -> None:
    shown = run_table(view_run(run))
    lines = {(line.split()[0], line.split()[2]): line for line in shown.splitlines() if " verified" in line}
    assert " 1.28! " in lines["ort-genai", "int4"]
    assert " broken " in lines["openvino-genai", "int4"]
    assert " ? " in lines["openvino-genai", "int8"]
    assert " ref " in lines["transformers", "fp32"]
    assert shown.isascii()
    assert max(map(len, shown.splitlines())) <= COLUMNS


def test_the_terminal_has_no_such_column_without_quality(stored: RunAnalysis) -> None:
    shown = run_table(view_run(stored))
    assert "ppl" not in shown
    assert "Quality was not measured" in shown


# -- the section and the details


def test_the_section_says_what_was_done(report: ReportPaths) -> None:
    shown = text_of(section(page(report), "quality"))
    assert "Each configuration was given 12 fixed texts (1,920 tokens)" in shown
    assert "The ratio is to the perplexity of transformers fp32 on the same texts" in shown
    assert "weights stored as Q4_1" in shown
    limits = Limits()
    told = f"From {limits.degraded:.2f} on a configuration is called degraded, and from {limits.broken:.2f} on broken."
    assert told in shown


def test_a_run_whose_every_load_could_not_be_scored_tells_why_and_no_method(
    stored: RunAnalysis, tmp_path: Path
) -> None:
    shown = text_of(section(page(render_analysis(scored(stored, {"": UNKNOWN}), tmp_path)), "quality"))
    assert "Each configuration was given" not in shown
    assert shown.count("the worker was killed by signal 9") == 7


def test_it_is_said_where_some_scored_fewer_tokens(stored: RunAnalysis) -> None:
    slow = replace(FAITHFUL, positions=320)
    told = [
        quality_words.method(view_run(scored(stored, known))) for known in ({"": FAITHFUL, "ort": slow}, {"": slow})
    ]
    assert ["scored fewer" in " ".join(one) for one in told] == [True, False]


@pytest.mark.parametrize(("value", "shown"), [(0.0, "0.000"), (3e-6, "< 0.0001"), (0.0044, "0.0044"), (0.374, "0.374")])
def test_a_small_divergence_keeps_its_digits(value: float, shown: str) -> None:
    assert quality_words.small(value) == shown


def test_the_limits_of_the_run_are_told(run: RunAnalysis) -> None:
    options = {"options": {"quality_limits": {"degraded": 1.1, "broken": 3.0}}}
    view = view_run(replace(run, record={**run.record, **options}))
    assert "From 1.10 on a configuration is called degraded, and from 3.00" in run_page(view, "", b"")


def test_the_section_has_the_figures_of_each_load(report: ReportPaths) -> None:
    shown = text_of(section(page(report), "quality"))
    assert "ort-genai CPU int4 degraded 34.7 1.28 1.16–1.41 0.374 2.41 65.4 1,920 12 texts" in shown
    assert "openvino-genai CPU int8 unknown it could not be scored the worker was killed by signal 9 —" in shown
    assert "transformers CPU fp32 faithful 27.0 reference" in shown


def test_columns_that_nobody_has_are_left_out(report: ReportPaths, stored: RunAnalysis, tmp_path: Path) -> None:
    assert "longest prompt" not in text_of(section(page(report), "quality"))
    longest = OfTexts("longest-prompt", 1, 64, 54.0, 2.31, 0.9, 0.4)
    npu = replace(FAITHFUL, longest=longest, cpu_ratio=Estimate(1.31, 1.2, 1.4, 12))
    shown = text_of(section(page(render_analysis(scored(stored, {"ort-genai-CPU-int8": npu}), tmp_path)), "quality"))
    assert "ratio, longest prompt" in shown
    assert "2.31 1.31 1.20–1.40" in shown


def test_a_table_tells_the_ratio_by_kind_of_text(report: ReportPaths) -> None:
    shown = text_of(section(page(report), "quality"))
    assert "configuration chat code" in shown
    assert "ort-genai CPU int4 1.28 1.28" in shown


def test_a_load_that_was_not_scored_on_a_kind_of_text_has_a_blank_there(stored: RunAnalysis, tmp_path: Path) -> None:
    slow = replace(FAITHFUL, kinds=FAITHFUL.kinds[1:])
    run = scored(stored, {"ort-genai-CPU-int8": slow, "": DEGRADED})
    shown = text_of(section(page(render_analysis(run, tmp_path)), "quality"))
    assert "ort-genai CPU int8 1.00 ort-genai CPU fp32 1.28 1.28" in shown


def test_the_details_of_a_cell_have_its_figures(run: RunAnalysis) -> None:
    told = cell_details(view_run(run))
    details = {cell.load.label: told[cell.cell_key] for cell in run.cells}
    found = details["ort-genai-CPU-int4"]
    assert found["Quality"] == "degraded"
    assert found["Perplexity ratio"] == "1.28 (1.16–1.41) times the perplexity of transformers fp32"
    assert found["Perplexity"] == "34.7 over 1,920 tokens of 12 texts"
    assert found["KL divergence from the reference"] == "0.374 nats in the mean, 2.41 at the 99th percentile"
    assert found["Likeliest token as the reference’s"] == "65.4 %"
    assert details["openvino-genai-CPU-int8"]["Quality"] == "unknown; it could not be scored"


def test_every_reason_has_its_words() -> None:
    codes = (
        "not-finite",
        "constant",
        "chance",
        "collapsed",
        "longest",
        "device",
        "no-reference",
        "no-scores",
        "failed",
    )
    assert all(quality_words.reason(replace(made_load(), quality=replace(FAITHFUL, reason=code))) for code in codes)


@pytest.mark.slow
@pytest.mark.charts("run_charts", "canvas")
def test_the_chart_draws_the_frontier_and_crosses_the_broken_out(run: RunAnalysis, tmp_path: Path) -> None:
    shown = section(page(render_analysis(run, tmp_path)), "quality")
    tip = r"ort-genai CPU int4: [\d.]+ ms per token, 1.28 times the perplexity of the reference; no other needs less"
    assert re.search(tip, shown)
    assert "812 times the perplexity of the reference; broken" in shown
    assert shown.count("; no other needs less of both") == 2


# -- answers side by side


def pieces() -> dict[str, str]:
    return {str(one): f" w{one}" for one in (*range(64), *range(1000, 1064))}


def with_pieces(folder: Path, found: object) -> RunAnalysis:
    fake = FakeRun(agreeing={"int4": 2, "int8": 28, "fp32": 64}, prompt_tokens=(32, 64, 128, 256), repeats=1)
    path = fake.write(folder)
    (path / "pieces.json").write_text(json.dumps(found), encoding="utf-8")
    return analyse_run(open_run(path))


@pytest.mark.slow
def test_answers_stand_side_by_side_and_part_at_a_mark(tmp_path: Path) -> None:
    run = scored(with_pieces(tmp_path / "results", pieces()), KNOWN)
    shown = section(page(render_analysis(run, tmp_path / "report")), "quality")
    assert [one.prompt_tokens for one in run.samples] == [32, 128, 256]
    assert "<span> w0 w1</span><mark> w1002</mark> w1003" in shown
    reference, *others = run.samples[0].answers
    assert reference.load is not None
    assert reference.load.label == "transformers-CPU-fp32"
    by_precision = {answer.load.precision: answer for answer in others if answer.load}
    assert {name: answer.alike for name, answer in by_precision.items()} == {"int4": 2, "int8": 28, "fp32": 64}
    assert by_precision["fp32"].first_other == ""


@pytest.mark.slow
def test_the_reference_stands_first_where_it_is_no_load_of_the_run(tmp_path: Path) -> None:
    fake = FakeRun(agreeing={"int4": 2, "int8": 28}, prompt_tokens=(32,), repeats=1, pieces=pieces())
    path = fake.write(tmp_path / "results")
    write_json(path / "answers.json", {"reference": "transformers fp32", "answers": {"32/0/1": list(range(32))}})
    run = scored(analyse_run(open_run(path)), KNOWN)
    (sample,) = run.samples
    first, *others = sample.answers
    assert (first.load, first.alike, first.rest) == (None, 32, "")
    assert {answer.load.precision: answer.alike for answer in others if answer.load} == {"int4": 2, "int8": 28}
    shown = section(page(render_analysis(run, tmp_path / "report")), "quality")
    assert '<th scope="row">transformers fp32</th><td class="n">reference</td>' in shown
    assert "w32" not in shown


@pytest.mark.parametrize("found", [[], {"1": 2}, "text"], ids=["a list", "numbers", "a string"])
def test_a_file_of_pieces_that_is_none_leaves_them_out(tmp_path: Path, found: object) -> None:
    assert with_pieces(tmp_path, found).samples == ()


def test_a_piece_that_is_not_known_is_shown_as_one(tmp_path: Path) -> None:
    run = with_pieces(tmp_path, {"0": "A"})
    assert run.samples[0].answers[0].text_alike == "A" + 63 * "\ufffd"


@pytest.mark.slow
def test_markup_in_a_piece_stays_text(tmp_path: Path) -> None:
    run = scored(with_pieces(tmp_path / "results", {**pieces(), "0": "<script>alert(1)</script>"}), KNOWN)
    assert "<script>alert(1)" not in page(render_analysis(run, tmp_path / "report"))


def test_where_all_is_broken_no_more_blocks_are_asked_for(stored: RunAnalysis) -> None:
    broken = replace(scored(stored, {"": BROKEN}), rankings=())
    view = view_run(broken)
    assert run_words.all_sentences(view)[-1] == "Nothing is ranked: all that was measured is broken."
    assert run_words.VERDICT_COMMAND not in text_of(section(run_page(view, "", b""), "answer"))


# -- exports


def test_the_rows_of_exports_have_the_columns(report: ReportPaths) -> None:
    rows = list(csv.DictReader(io.StringIO(report.summary_csv.read_text(encoding="utf-8"))))
    found = {(row["backend"], row["precision"]): row for row in rows}
    names = ("quality", "perplexity_ratio", "kl_mean", "kl_p99", "same_top")
    assert [found["ort-genai", "int4"][name] for name in names] == ["degraded", "1.284", "0.374", "2.41", "0.654"]
    assert float(found["ort-genai", "int4"]["perplexity_ratio_low"]) == pytest.approx(1.1556)
    assert [found["openvino-genai", "int8"][name] for name in names] == ["unknown", "", "", "", ""]


def test_the_summary_has_an_object_for_each_load(report: ReportPaths) -> None:
    summary = json.loads(report.summary_json.read_text(encoding="utf-8"))
    by_name = {one["configuration"]: one for one in summary["quality"]}
    assert summary["summary_version"] == 7
    assert by_name["ort-genai CPU int4"]["reason"] == "ratio"
    assert by_name["ort-genai CPU int4"]["kinds"][0]["kind"] == "chat"
    assert by_name["openvino-genai CPU int8"]["error"] == "the worker was killed by signal 9"
    assert by_name["transformers CPU fp32"]["is_reference"] is True
    of_tpot = [one for one in summary["faithful_rankings"] if one["metric"] == "tpot_ms"]
    assert [one["lowest"] for one in of_tpot] == ["ort-genai CPU int8"]
    assert {one["configuration"] for one in summary["rankings"][0]["broken"]} == {"openvino-genai CPU int4"}


def test_the_summary_of_a_run_without_quality_has_none(stored: RunAnalysis, tmp_path: Path) -> None:
    summary = json.loads(render_analysis(stored, tmp_path).summary_json.read_text(encoding="utf-8"))
    assert (summary["quality"], summary["faithful_rankings"]) == ([], [])
    assert summary["cells"][0]["quality"] is None


def test_benchmarks_have_the_columns_and_the_broken_another_name(report: ReportPaths) -> None:
    benchmarks = json.loads(report.pytest_benchmark.read_text(encoding="utf-8"))["benchmarks"]
    by_name = {one["name"]: one["extra_info"] for one in benchmarks}
    assert by_name["tpot[ort-genai-CPU-int4-p32-n64-b1]"]["perplexity_ratio"] == 1.284
    assert by_name["tpot[openvino-genai-CPU-int4-p32-n64-b1] (broken)"]["quality"] == "broken"
    actions = json.loads(report.action_benchmark.read_text(encoding="utf-8"))
    assert any("openvino-genai CPU int4 (broken)" in one["name"] for one in actions)
