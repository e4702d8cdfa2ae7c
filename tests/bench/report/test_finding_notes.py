from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import Finding, Occurrence, RunAnalysis
from bench.analyse.run import analyse_run
from bench.report.exports.summary_json import summary_json
from bench.report.finding_notes import Note, finding_notes, in_short, serious_for_answer
from bench.report.language import speaking
from bench.report.run_details import observer_facts
from bench.report.run_page import run_page, summary_markdown
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.store.reader import open_run
from tests.support.markup import left_in_english
from tests.support.stored_runs import FakeRun

HOSTILE = "<script>alert(1)</script> | *bold*"


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    run = FakeRun(prompt_tokens=(32, 128))
    return analyse_run(open_run(run.write(tmp_path_factory.mktemp("findings"))))


@pytest.fixture(scope="module")
def found(quiet: RunAnalysis) -> RunAnalysis:
    cell = quiet.cells[0]
    findings = (
        Finding("other-load", "serious", "42 % in block 1", "Close them.", "load", cell.load.load_key, None, (0,), 1),
        Finding("drift", "warning", HOSTILE, "Look.", "cell", None, quiet.cells[-1].cell_key),
        Finding("virtual-machine", "info", "it is virtual", "Trust ratios."),
    )
    return dataclasses.replace(quiet, findings=findings)


@pytest.fixture(scope="module")
def html(found: RunAnalysis) -> str:
    return run_page(view_run(found), "", b"")


def notes(analysis: RunAnalysis) -> list[Note]:
    return finding_notes(view_run(analysis))


@pytest.mark.slow
def test_a_run_without_findings_has_no_notes(quiet: RunAnalysis) -> None:
    assert (notes(quiet), in_short([])) == ([], [])


@pytest.mark.slow
def test_a_finding_about_a_cell_without_figures_names_it(tmp_path: Path) -> None:
    run = FakeRun(prompt_tokens=(32, 128))
    run.break_cells("transformers-CPU-fp32-p128", "timeout", "no token within 1800 s")
    analysis = analyse_run(open_run(run.write(tmp_path)))
    (failed,) = {cell.cell_key for cell in analysis.failed}
    finding = Finding("drift", "warning", "it rose", "Look.", "cell", None, failed)
    (note,) = notes(dataclasses.replace(analysis, findings=(finding,)))
    assert note.lines == ("transformers CPU fp32, prompt 128, 64 new: it rose",)


def test_notes_are_numbered_by_kind(found: RunAnalysis) -> None:
    assert [(note.number, note.code) for note in notes(found)] == [
        (1, "other-load"),
        (2, "drift"),
        (3, "virtual-machine"),
    ]


def test_a_note_names_what_it_is_about(found: RunAnalysis) -> None:
    assert notes(found)[0].lines == ("openvino-genai CPU int4: 42 % in block 1",)


def marked(analysis: RunAnalysis) -> dict[str, list[str]]:
    """Cell key -> the codes beside it in the table of results, of those cells that have any."""
    rows = [row for group in view_run(analysis).groups for row in group.rows if row.seen]
    return {row.cell.cell_key: [*row.seen] for row in rows}


def test_the_rows_of_the_table_carry_what_was_seen_of_them_and_of_their_loads(found: RunAnalysis) -> None:
    own = [cell.cell_key for cell in found.cells if cell.load is found.cells[0].load]
    assert marked(found) == {**{key: ["other-load"] for key in own}, found.cells[-1].cell_key: ["drift"]}
    assert len(own) == 2


def test_the_page_links_cells_to_notes_that_are_there(html: str) -> None:
    table = html.partition('<table class="results"')[2].partition("</table>")[0]
    assert table.count('href="#note-1"') == 2
    assert 'id="note-1"' in html


def test_the_page_of_a_quiet_run_has_no_such_section(quiet: RunAnalysis) -> None:
    assert 'id="notes"' not in run_page(view_run(quiet), "", b"")


def test_the_answer_comes_first_and_the_notes_below_the_results(html: str) -> None:
    sections = re.findall('<section id="([a-z]+)">', html)
    links = re.findall('href="#([a-z]+)"', html.partition("<nav")[2].partition("</nav>")[0])
    assert (sections[0], sections[sections.index("results") + 1]) == ("answer", "notes")
    assert links == sections


def test_a_serious_finding_is_seen_before_any_number(html: str) -> None:
    before = html.partition('<section id="answer">')[2].partition('<p class="lead"')[0]
    assert re.findall('href="#(.*?)"', before) == ["note-1"]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({}, True),
        ({"severity": "warning"}, False),
        ({"load_key": None}, True),
        ({"load_key": "a load without results"}, False),
        ({"load_key": None, "cell_key": "a cell without results"}, False),
    ],
    ids=["of a load that is ranked", "not serious", "of the whole run", "of another load", "of another cell"],
)
def test_it_is_one_that_the_answer_rests_on(found: RunAnalysis, change: dict[str, Any], shown: bool) -> None:
    other = dataclasses.replace(found, findings=(dataclasses.replace(found.findings[0], **change),))
    assert bool(serious_for_answer(view_run(other), notes(other))) is shown


def test_a_finding_of_one_cell_marks_no_other_of_its_load(found: RunAnalysis) -> None:
    cell = found.cells[0]
    one = Finding("warm-up-unsettled", "warning", "still faster", "More.", "cell", cell.load.load_key, cell.cell_key)
    assert cell.load is found.cells[1].load
    assert marked(dataclasses.replace(found, findings=(one,))) == {cell.cell_key: ["warm-up-unsettled"]}


def test_what_a_finding_says_stays_text(found: RunAnalysis, html: str) -> None:
    assert "<script>alert" not in html
    assert "<script>" not in summary_markdown(view_run(found))


def test_a_turkish_page_has_findings_whole_in_turkish_and_quotes_those_of_older_runs(found: RunAnalysis) -> None:
    coded = dataclasses.replace(
        found.findings[0], code="hot", occurrences=(Occurrence("97 °C", ("hot",), {"celsius": 97.25}, 0),)
    )
    older = dataclasses.replace(found.findings[1], message="it drifts")
    both = dataclasses.replace(found, findings=(coded, older))
    with speaking("tr"):
        notes = run_page(view_run(both), "", b"").partition('<section id="notes">')[2].partition("</section>")[0]
    assert "1. blokta: CPU, ziyaretin sonunda 97 °C sıcaklıktaydı" in notes  # noqa: RUF001 - a Turkish letter
    (quoted,) = re.findall('lang="en">(.*?)<', notes)
    assert quoted.endswith(": it drifts")
    assert "eski bir sürümün" in notes
    assert left_in_english(notes) == []


def test_many_lines_are_folded(found: RunAnalysis) -> None:
    many = tuple(dataclasses.replace(found.findings[0], load_key=f"load {n}") for n in range(9))
    (note,) = notes(dataclasses.replace(found, findings=many))
    assert (note.opened, len(note.lines), note.title) == (4, 9, "Other load (9 times)")


def test_what_may_be_chance_is_folded_behind_a_warning_of_its_kind(found: RunAnalysis) -> None:
    warning = dataclasses.replace(found.findings[0], code="drift", severity="warning", message="for sure")
    chance = tuple(
        dataclasses.replace(warning, severity="info", load_key=f"load {n}", message="it may be chance")
        for n in range(9)
    )
    (both,), (alone,) = (notes(dataclasses.replace(found, findings=some)) for some in ((warning, *chance), chance))
    assert (both.opened, len(both.lines)) == (1, 10)
    assert (alone.opened, len(alone.lines)) == (2, 9)


def test_the_terminal_counts_and_tells_the_serious_ones(found: RunAnalysis) -> None:
    told = run_table(view_run(found))
    assert "guard: 1 serious, 1 warning, 1 info: other-load, drift; the report has them" in told
    assert "serious: openvino-genai CPU int4: 42 % in block 1. Close them." in told


def test_the_markdown_has_each_kind_with_its_advice(found: RunAnalysis) -> None:
    assert "- **serious**, Other load: openvino-genai CPU int4: 42 % in block 1. Close them." in summary_markdown(
        view_run(found)
    )


def test_the_json_has_every_finding_with_its_subject(found: RunAnalysis) -> None:
    first = json.loads(summary_json(view_run(found), [], {"en": ""}))["findings"][0]
    assert (first["code"], first["subject"], first["blocks"]) == ("other-load", "load", [0])


def test_observers_are_told_with_their_cost() -> None:
    record: dict[str, Any] = {
        "observers": {
            "energy": None,
            "cpu_frequency": {"source": "scaling_cur_freq", "cost_us": 44.5},
            "conditions": {"source": "CPU time", "cost_us": 1800.0},
        }
    }
    assert observer_facts(record) == [
        (
            "Read beside the times",
            "cpu frequency: scaling_cur_freq, 44 µs a reading\nconditions: CPU time, 1.8 ms a reading",
        ),
        ("No counter for", "energy"),
    ]
    with speaking("tr"):
        told = dict(observer_facts(record))["Sürelerle birlikte okunanlar"]
    assert '<span lang="en">CPU time</span>, okuma' in told


def test_an_observer_with_markup_is_shown_and_not_run() -> None:
    (_, told), _ = observer_facts({"observers": {HOSTILE: {"source": HOSTILE}}})
    assert (told.count("&lt;script&gt;"), "<script>" in told) == (2, False)


def test_a_run_from_before_the_observers_has_nothing_to_tell() -> None:
    assert {value for _, value in observer_facts({})} == {""}
