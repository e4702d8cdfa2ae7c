from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import AskedCell, CellResult, Finding, Generation, RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.render import ReportPaths
from bench.report.run_details import blocks, left_out, plot, timed_region
from bench.report.run_page import run_page
from bench.report.run_view import view_run
from bench.store.reader import open_run
from tests.support.analyses import measured
from tests.support.markup import cell_details

MakeRun = Callable[..., Any]


@pytest.fixture(scope="module")
def analysis(stored_run: Path) -> RunAnalysis:
    return analyse_run(open_run(stored_run))


@pytest.fixture(scope="module")
def html(stored_report: ReportPaths) -> str:
    return stored_report.index.read_text(encoding="utf-8")


def changed(analysis: RunAnalysis, **values: Any) -> RunAnalysis:
    """With the first cell changed."""
    first, *others = analysis.cells
    return dataclasses.replace(analysis, cells=(dataclasses.replace(first, **values), *others))


def of(analysis: RunAnalysis, cell: CellResult) -> dict[str, str]:
    """The facts that the page tells of a cell, by their names."""
    return cell_details(view_run(analysis))[cell.cell_key]


def section(html: str) -> str:
    return html.partition('<section id="cells">')[2].partition("</section>")[0]


def test_every_row_of_the_table_leads_to_its_details(html: str) -> None:
    links = re.findall(r'href="#(cell-\w+)"', html)
    assert (len(links), sorted(links)) == (21, sorted(re.findall(r'<div class="about" id="(cell-\w+)"', html)))


def test_the_target_lies_within_what_is_folded_so_that_a_browser_opens_it(html: str) -> None:
    assert re.search(r'<details class="card cell"[^>]*><summary>.*?</summary>\s*<div class="about" id="cell-', html)


@pytest.mark.slow
def test_a_key_that_is_no_name_for_an_element_is_given_one(analysis: RunAnalysis) -> None:
    view = view_run(changed(analysis, cell_key='"><script>&x=1#'))
    anchors = {row.anchor for group in view.groups for row in group.rows}
    assert (len(anchors), [one for one in anchors if not re.fullmatch("cell-[0-9a-f]{16}", one)]) == (21, [])


@pytest.mark.slow
def test_the_figures_of_a_block_are_its_generations_their_median_and_its_warm_ups(analysis: RunAnalysis) -> None:
    series = tuple(
        Generation(block, use, ttft, tpot)  # type: ignore[arg-type]
        for block, use, ttft, tpot in [
            (0, "warm-up", 9, 3),
            (0, "timed", 5, 1),
            (0, "timed", 7, 2),
            (1, "timed", 6, 1.5),
            (1, "excluded", 600, 70),
        ]
    )
    cell = analysis.cells[0]
    measured = dataclasses.replace(cell.ttft_ms, by_block={0: 6.0, 1: 6.0})
    found = changed(analysis, series=series, ttft_ms=measured)
    assert [(block, figures[:3]) for block, figures in blocks(found.cells[0])] == [
        (1, ["5.00 7.00", "6.00", "9.00"]),
        (2, ["6.00", "6.00", ""]),
    ]
    heads = re.findall('<th scope="col">(.*?)</th>', of(found, cell)[""])
    assert heads[:4] == ["block", "TTFT, each", "TTFT, median", "TTFT, warm-ups"]


def test_what_does_not_count_is_told_with_its_reason() -> None:
    series = (
        Generation(2, "warm-up", 1, 1),
        Generation(2, "timed", 1, 1),
        Generation(2, "excluded", 512.4, 7, "the machine was suspended"),
        Generation(2, "excluded", None, None),
    )
    assert [*left_out(series)] == [
        "Block 3, generation 2 (TTFT 512 ms, TPOT 7.00 ms): the machine was suspended.",
        "Block 3, generation 3 (no times): its record lacks a time or a step.",
    ]


@pytest.mark.slow
def test_of_many_that_do_not_count_some_are_told(analysis: RunAnalysis) -> None:
    series = tuple(Generation(0, "excluded", 1, 1, "asleep") for _ in range(40))
    told = [*left_out(series)]
    assert (len(told), told[-1]) == (13, "And 28 more generations.")
    assert told[-1] in of(changed(analysis, series=series), analysis.cells[0])[""]


@pytest.mark.slow
def test_a_block_in_which_the_cell_failed_is_told(fake_run: MakeRun, tmp_path: Path) -> None:
    run = analyse_run(open_run(fake_run(loads=[Load("ort-genai", "CPU", "int4")]).write(tmp_path)))
    cell = run.cells[0]
    failures = analyse_run(open_run(_broken(fake_run, tmp_path / "broken"))).failures
    failed = dataclasses.replace(failures[0], cells=(AskedCell(cell.cell_key, cell.load, *cell.shape),), blocks=(1, 2))
    told = of(dataclasses.replace(run, failures=(failed,)), cell)[""]
    assert "<li>Blocks 2 and 3: timed out, no token within 1800 s</li>" in told


def _broken(fake_run: MakeRun, folder: Path) -> Path:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")])
    run.break_cells("", "timeout", "no token within 1800 s")
    written: Path = run.write(folder)
    return written


@pytest.mark.slow
def test_warnings_are_those_of_the_cell_alone(analysis: RunAnalysis) -> None:
    first, other = analysis.cells[0], analysis.cells[1]
    assert first.load == other.load
    findings = (
        Finding("drift", "warning", "TTFT rose", "Look.", "cell", None, first.cell_key),
        Finding("warm-up-unsettled", "warning", "still faster", "More.", "cell", other.load.load_key, other.cell_key),
        Finding("hot", "warning", "99 degrees", "Cool it.", "load", first.load.load_key),
        Finding("virtual-machine", "info", "it is virtual", "Trust ratios."),
    )
    noted = dataclasses.replace(analysis, findings=findings)
    told = {cell.cell_key: re.findall("<span>(.*?)</span></li>", of(noted, cell)[""]) for cell in (first, other)}
    assert told == {first.cell_key: ["TTFT rose", "99 degrees"], other.cell_key: ["still faster", "99 degrees"]}


def test_the_page_links_a_warning_to_its_note(fake_run: MakeRun, tmp_path: Path) -> None:
    run = analyse_run(open_run(fake_run(loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(8,)).write(tmp_path)))
    finding = Finding("drift", "warning", "<b>rose</b>", "Look.", "cell", None, run.cells[0].cell_key)
    shown = section(run_page(view_run(dataclasses.replace(run, findings=(finding,))), "", b""))
    assert '<a href="#note-1">Drift</a>: <span>&lt;b&gt;rose&lt;/b&gt;</span>' in shown


def test_the_facts_of_a_cell_are_those_that_are_known(fake_run: MakeRun, tmp_path: Path) -> None:
    more = {
        "weight_bits": [("int8", 0.21), ("int4", 0.79)],
        "weight_recipe": [("group_size", "64"), ("symmetric", "true")],
        "changed_hints": [("KV_CACHE_PRECISION", "asked f16, got u8")],
        "compile_cache": "hit",
        "inference_precision": "bf16",
        "attention_backend": None,
    }
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4", {"threads": 3})], more=more).write(tmp_path)
    found = analyse_run(open_run(run))
    facts = of(found, found.cells[0])
    assert {name: value for name, value in facts.items() if name not in ("", "Device")} == {
        "Time for the whole answer": "470 ms (427–518)",  # noqa: RUF001 - as it is shown
        "Prefill rate": "494 tokens/s (444–551)",  # noqa: RUF001 - as it is shown
        "Decode rate": "155 tokens/s (141–170)",  # noqa: RUF001 - as it is shown
        "Weights": "int4, 4.9 bits per weight, 79 % int4, 21 % int8",
        "Weight quantization": "group_size=64, symmetric=true",
        "Computes in": "bf16",
        "Inside the timed region": timed_region("ort-genai"),
        "Load options": "threads=3",
        "Changed by the device": "KV_CACHE_PRECISION: asked f16, got u8",
        "Compile cache": "hit × 3",  # noqa: RUF001 - as it is shown
        "Threads": "4",
        "Version of the stack": "2026.4.1.0",
    }


@pytest.mark.slow
def test_request_set_up_is_told_where_the_stack_tells_it(analysis: RunAnalysis) -> None:
    cell = analysis.cells[0]
    told = dataclasses.replace(analysis, cells=(dataclasses.replace(cell, setup_ms=measured([2.0] * 3)),))
    without, found = of(analysis, cell), of(told, cell)
    name = "Request set-up, within TTFT"
    assert (found[name], name in without) == ("2.00 ms (2.00–2.00)", False)  # noqa: RUF001


def test_the_evidence_of_the_device_is_shown(html: str) -> None:
    assert section(html).count("The compiled model names the device.") == 21


def test_each_cell_has_the_command_that_measures_it_alone(analysis: RunAnalysis) -> None:
    cell = analysis.cells[0]
    command = "--backend openvino-genai --device CPU --precision int4 --prompt-tokens 32 --new-tokens 64"
    assert f"{command}</code>" in of(analysis, cell)[""]


def test_an_answer_of_one_token_has_one_drawing(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")], new_tokens=(1,), prompt_tokens=(8,))
    found = analyse_run(open_run(run.write(tmp_path)))
    told = of(found, found.cells[0])[""]
    assert re.findall("<figcaption>(.*?)<", told) == ["Time to first token by block, ms"]
    assert told.count('<th scope="col">') == 4


def test_a_drawing_on_a_logarithmic_axis_says_so(analysis: RunAnalysis) -> None:
    cell = analysis.cells[0]
    series = tuple(Generation(0, "timed", ttft, 1) for ttft in (1, 20))
    title, _chart = plot(dataclasses.replace(cell, series=series), "ttft_ms")
    assert title == "Time to first token by block, ms (logarithmic)"


def test_no_coordinate_has_more_than_one_decimal(html: str) -> None:
    assert not re.search(r'\b(?:d|x|y|height)="[^"]*\.\d\d', section(html))


def test_few_cells_are_not_folded_away_by_shape(html: str) -> None:
    assert (section(html).count('<div class="shape-cells">'), section(html).count('<details class="same">')) == (3, 0)


@pytest.mark.slow
def test_many_cells_are(fake_run: MakeRun, tmp_path: Path) -> None:
    run = analyse_run(open_run(fake_run(prompt_tokens=(8, 16, 32, 64), blocks=1).write(tmp_path)))
    shown = section(run_page(view_run(run), "", b""))
    assert (shown.count('<details class="shape-cells">'), shown.count("<details"), shown.count("</details>")) == (
        4,
        32,
        32,
    )


def test_a_run_without_results_has_no_such_section(fake_run: MakeRun, tmp_path: Path) -> None:
    run = analyse_run(open_run(_broken(fake_run, tmp_path)))
    shown = run_page(view_run(run), "", b"")
    assert ('id="cells"' in shown, 'href="#cells"' in shown) == (False, False)
