"""Loads that compiled and loads that a cache served, the first answer and later ones: shown apart."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.drawing.bars import LoadBar, load_bars
from bench.report.render import render_analysis
from bench.store.reader import open_run

MakeRun = Callable[..., Any]


@pytest.fixture(scope="module")
def cached(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> RunAnalysis:
    """One load whose first process compiled for eight seconds and filled the cache that served the others."""

    class Cached(fake_run):  # type: ignore[misc, valid-type]
        def _load_row(self, load: Load, load_id: str, block: int, position: int) -> dict[str, Any]:
            row = super()._load_row(load, load_id, block, position)
            state = {"compile_cache": "hit", "load_s": 0.5} if block else {"compile_cache": "cold", "load_s": 8.0}
            return {**row, **state, "first_generation_s": 5.0}

    run = Cached(loads=[Load("openvino-genai", "CPU", "int4")], prompt_tokens=(128,), blocks=4)
    return analyse_run(open_run(run.write(tmp_path_factory.mktemp("cached"))))


@pytest.fixture(scope="module")
def report(cached: RunAnalysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_analysis(cached, tmp_path_factory.mktemp("report")).index.parent


def read_and_compile(bar: LoadBar) -> float:
    return next(segment.value for segment in bar.segments if segment.label == "read and compile")


def test_each_state_of_the_compile_cache_has_a_bar(cached: RunAnalysis) -> None:
    bars = [(bar.times.compile_cache, bar.times.processes, read_and_compile(bar)) for bar in load_bars(cached)]
    assert bars == [("cold", 1, 8.0), ("hit", 3, 0.5)]


def test_a_bar_shows_where_the_first_generation_would_end_if_the_process_were_warm(cached: RunAnalysis) -> None:
    bar = load_bars(cached)[0]
    first = bar.segments[-1]
    assert bar.times.steady_s is not None
    assert bar.steady == pytest.approx(first.start + first.width * bar.times.steady_s / first.value)


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
