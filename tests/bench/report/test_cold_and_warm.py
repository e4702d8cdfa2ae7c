"""Loads that compiled and loads that a cache served, the first answer and later ones: shown apart."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Cell, Load
from bench.report.drawing.bars import LoadBar, load_bars
from bench.report.names import first_request
from bench.store.reader import open_run
from tests.support.reports import render_analysis

MakeRun = Callable[..., Any]


@pytest.fixture(scope="module")
def cached(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    """One load whose first process compiled for eight seconds and filled the cache that served the others."""

    class Cached(fake_run):  # type: ignore[misc, valid-type]
        def load_row(self, load: Load, block: int, position: int) -> dict[str, Any]:
            row = super().load_row(load, block, position)
            state = {"compile_cache": "hit", "load_s": 0.5} if block else {"compile_cache": "cold", "load_s": 8.0}
            return {**row, **state, "first_generation_s": 5.0}

    run = Cached(loads=[Load("openvino-genai", "CPU", "int4")], prompt_tokens=(128,), blocks=4)
    return analyse_run(open_run(run.write(tmp_path_factory.mktemp("cached"))))


@pytest.fixture(scope="module")
def report(cached: RunAnalysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_analysis(cached, tmp_path_factory.mktemp("report")).index.parent


def read_and_compile(bar: LoadBar) -> float:
    return next(length for _kind, name, _begin, length in bar.parts if name == "read and compile")


def test_each_state_of_the_compile_cache_has_a_bar(cached: RunAnalysis) -> None:
    bars = [(bar.times.compile_cache, bar.times.processes, read_and_compile(bar)) for bar in load_bars(cached)]
    assert bars == [("cold", 1, 8.0), ("hit", 3, 0.5)]


def test_a_bar_shows_where_the_first_generation_would_end_if_the_process_were_warm(cached: RunAnalysis) -> None:
    bar = load_bars(cached)[0]
    _kind, _name, begin, _length = bar.parts[-1]
    assert bar.times.steady_s is not None
    assert bar.steady == pytest.approx(begin + bar.times.steady_s)


def test_the_page_names_the_states_with_their_counts(report: Path) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", (report / "index.html").read_text("utf-8")).split())
    found = ["compile cache cold, 1 process", "from the compile cache, 3 processes", "cold × 1", "hit × 3"]  # noqa: RUF001
    assert [one for one in found if one not in text] == []


def test_the_csv_has_both_apart(report: Path) -> None:
    (row,) = csv.DictReader(io.StringIO((report / "summary.csv").read_text("utf-8")))
    assert [row[name] for name in ("load_s", "loads", "cached_load_s", "cached_loads")] == ["8.0", "1", "0.5", "3"]


def test_the_csv_has_the_first_generation_beside_the_same_request_later(report: Path) -> None:
    (row,) = csv.DictReader(io.StringIO((report / "summary.csv").read_text("utf-8")))
    assert min(float(row[name]) for name in ("first_generation_s", "steady_s", "cached_steady_s")) > 0


@pytest.fixture(scope="module")
def mixed(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    """Two loads that begin with 32 prompt tokens in every block, and one that has 128 alone, as on an NPU."""
    loads = [Load(backend, "CPU", "int4") for backend in ("openvino-genai", "ort-genai", "transformers")]

    class Mixed(fake_run):  # type: ignore[misc, valid-type]
        @property
        def cells(self) -> list[Cell]:
            short = [Cell(load, 32, 64) for load in loads[:2]]
            return [*short, *(Cell(load, 128, 64) for load in loads)]

    run = Mixed(loads=loads, blocks=3)
    return analyse_run(open_run(run.write(tmp_path_factory.mktemp("mixed"))))


def test_a_bar_of_another_first_request_is_told_from_the_others(mixed: RunAnalysis) -> None:
    bars = {bar.load.backend: (first_request(bar.times), bar.other) for bar in load_bars(mixed)}
    usual = ("32 prompt tokens, 64 new", False)
    assert bars == {
        "openvino-genai": usual,
        "ort-genai": usual,
        "transformers": ("128 prompt tokens, 64 new", True),
    }


def test_the_page_names_the_first_request_and_which_bar_is_not_comparable(mixed: RunAnalysis, tmp_path: Path) -> None:
    page = render_analysis(mixed, tmp_path).index.read_text("utf-8")
    section = page.partition('<section id="costs">')[2].partition("</section>")[0]
    text = " ".join(re.sub(r"<[^>]+>", " ", section).split())
    assert text.count("First generation: 32 prompt tokens, 64 new.") == 1
    assert text.count("transformers CPU int4 First generation: 128 prompt tokens, 64 new.") == 1
    assert "its first generation, and its sum, are not comparable" in text


def test_the_exports_name_the_first_request(mixed: RunAnalysis, tmp_path: Path) -> None:
    folder = render_analysis(mixed, tmp_path).index.parent
    rows = csv.DictReader(io.StringIO((folder / "summary.csv").read_text("utf-8")))
    names = ("first_prompt_tokens", "first_new_tokens", "first_batch_size", "first_loads")
    found = {row["backend"]: [row[name] for name in names] for row in rows}
    assert found == {"openvino-genai": ["32", "64", "1", "3"], "ort-genai": ["32", "64", "1", "3"]} | {
        "transformers": ["128", "64", "1", "3"]
    }
    cells = json.loads((folder / "summary.json").read_text("utf-8"))["cells"]
    assert {cell["first_prompt_tokens"] for cell in cells} == {32, 128}


def test_a_page_of_one_first_request_has_nothing_to_warn_of(report: Path) -> None:
    page = (report / "index.html").read_text("utf-8")
    assert "First generation: 128 prompt tokens, 64 new." in page
    assert "not comparable with those of the other bars" not in page
