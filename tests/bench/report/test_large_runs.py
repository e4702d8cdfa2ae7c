"""What is shown to people of a run of more cells than a page takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import Answers, Finding, RunAnalysis
from bench.analyse.run import analyse_run
from bench.report import run_view
from bench.report.finding_notes import finding_notes
from bench.report.names import cell_name, shape_name
from bench.report.quality_words import not_measured
from bench.report.render import finish_run
from bench.report.run_page import run_page
from bench.report.run_view import RunView, on_a_page, view_run
from bench.report.run_words import adaptive_end, banners
from bench.store.reader import open_run
from tests.support.markup import visible
from tests.support.qualities import BROKEN, FAITHFUL, scored
from tests.support.stored_runs import FakeRun

SHAPES = 6


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prompts = tuple(8 * length for length in range(1, SHAPES + 1))
    return FakeRun(prompt_tokens=prompts, blocks=2, repeats=1).write(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def view(run: Path) -> RunView:
    return view_run(analyse_run(open_run(run)))


@pytest.fixture
def per_shape(view: RunView) -> int:
    return len(view.groups[0].rows)


@pytest.mark.slow
def test_a_usual_run_is_shown_whole(view: RunView) -> None:
    assert on_a_page(view) is view


@pytest.mark.slow
def test_of_a_large_run_whole_shapes_are_shown(view: RunView, per_shape: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_view, "MOST_CELLS", 3 * per_shape + 1)
    shown = on_a_page(view)
    assert shown.groups == view.groups[:3]
    assert len(shown.beyond) == (SHAPES - 3) * per_shape
    assert {one.shapes[0][0] for one in shown.analysis.rankings} == {8, 16, 24}
    assert [shown.names.of(load) for load in view.analysis.loads] == [
        view.names.of(load) for load in view.analysis.loads
    ]
    assert {cell.shape for line in shown.names.series for cell in line.cells} == {group.shape for group in shown.groups}


def test_findings_about_cells_that_are_not_shown_name_them(
    view: RunView, per_shape: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_view, "MOST_CELLS", per_shape)
    last = view.groups[-1].rows[0].cell
    finding = Finding("drift", "warning", "it rose", "Look.", "cell", None, last.cell_key)
    (note,) = finding_notes(on_a_page(view_run(replace(view.analysis, findings=(finding,)))))
    assert note.lines == (f"{cell_name(view.names, last)}: it rose",)


def test_cells_that_are_not_shown_have_numbers_all_the_same(
    view: RunView, per_shape: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_view, "MOST_CELLS", per_shape)
    last = view.groups[-1].rows[0].cell
    adaptive = {"target": 0.05, "blocks": 12, "not_reached": [last.cell_key], "reached": 41, "cells": 42}
    end = {"reason": "finished", "detail": {"adaptive": adaptive}}
    said = adaptive_end(on_a_page(view_run(replace(view.analysis, end=end))))
    assert f"these did not: {view.names.of(last.load)} at {shape_name(last.shape)}." in said


def test_a_shape_that_is_too_large_is_shown_all_the_same(view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_view, "MOST_CELLS", 1)
    assert on_a_page(view).groups == view.groups[:1]


@pytest.fixture
def first_alone(view: RunView, per_shape: int, monkeypatch: pytest.MonkeyPatch) -> RunAnalysis:
    """A run of which the cells of the first shape are shown; int8 of ort-genai, on an NPU, has none among these."""
    monkeypatch.setattr(run_view, "MOST_CELLS", per_shape)
    own, shape = "ort-genai-CPU-int8", view.groups[0].shape
    changed = {
        load.load_key: replace(load, device_requested="NPU", device_executed="NPU") if load.label == own else load
        for load in view.analysis.loads
    }
    cells = [
        replace(cell, load=changed[cell.load.load_key])
        for cell in view.analysis.cells
        if cell.load.label != own or cell.shape != shape
    ]
    return replace(view.analysis, loads=tuple(changed.values()), cells=tuple(cells))


def test_a_load_that_is_broken_in_no_cell_that_is_shown_is_told_before_any_number(first_alone: RunAnalysis) -> None:
    found = on_a_page(view_run(scored(first_alone, {"": FAITHFUL, "ort-genai-CPU-int8": BROKEN})))
    (said,) = [one for one in banners(found) if one.startswith("Broken output:")]
    assert "ort-genai NPU int8" in said


def test_collapsed_answers_of_cells_that_are_not_shown_are_told_too(first_alone: RunAnalysis) -> None:
    collapsed = Answers(distinct=0.1, collapsed=True)
    cells = [
        replace(cell, answers=collapsed) if cell.load.label == "ort-genai-CPU-int8" else cell
        for cell in first_alone.cells
    ]
    (said,) = [one for one in banners(on_a_page(view_run(replace(first_alone, cells=tuple(cells))))) if "Coll" in one]
    assert said.startswith(f"Collapsed output in {SHAPES - 1} cells, of ort-genai NPU int8:")


def test_names_are_those_of_the_whole_run(first_alone: RunAnalysis) -> None:
    cells = [
        replace(cell, ask="again") if cell.load.label == "ort-genai-CPU-int8" else cell for cell in first_alone.cells
    ]
    whole = view_run(replace(first_alone, cells=tuple(cells)))
    names, shown = ([of.names.of(load) for load in first_alone.loads] for of in (whole, on_a_page(whole)))
    assert shown == names
    assert "ort-genai NPU int8, prefix-cache hit" in names


def test_quality_that_is_known_of_cells_that_are_not_shown_was_measured(first_alone: RunAnalysis) -> None:
    assert not_measured(on_a_page(view_run(first_alone)))
    assert not not_measured(on_a_page(view_run(scored(first_alone, {"ort-genai-CPU-int8": FAITHFUL}))))


def test_what_was_measured_is_said_of_the_whole_run(first_alone: RunAnalysis, per_shape: int) -> None:
    page = visible(run_page(on_a_page(view_run(first_alone)), "", b""))
    assert f"{SHAPES * per_shape - 1} cells measured" in page
    assert "none was measured" not in page


@pytest.mark.slow
def test_every_file_for_people_says_so_and_those_for_programs_have_all(
    run: Path, view: RunView, per_shape: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_view, "MOST_CELLS", per_shape)
    lines = finish_run(run, tmp_path, open_report=False)
    said = f"{per_shape} of {SHAPES * per_shape} cells are shown, those of the first 1 request shape;"
    assert said in " ".join(" ".join(lines).split())
    files: dict[str, Any] = {path.name: path for path in (tmp_path / run.name).iterdir()}
    for name in ("index.html", "summary.md", "table.html"):
        assert said in files[name].read_text("utf-8")
    page = files["index.html"].read_text("utf-8")
    assert 'href="summary.csv" download="summary.csv"' in page
    assert "both lie beside this page" in page
    assert len(files["summary.csv"].read_text("utf-8").splitlines()) == 1 + SHAPES * per_shape


def test_rankings_among_the_faithful_stay_with_their_shapes(
    view: RunView, per_shape: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_view, "MOST_CELLS", per_shape)
    more = replace(view, analysis=replace(view.analysis, faithful_rankings=view.analysis.rankings))
    assert {one.shapes[0][0] for one in on_a_page(more).analysis.faithful_rankings} == {8}
