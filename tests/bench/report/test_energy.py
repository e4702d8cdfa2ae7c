from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.language import speaking
from bench.report.run_page import run_page
from bench.report.run_view import ENERGY_CHARTS, Energy, view_run
from bench.store.reader import open_run
from tests.support.markup import Tags, visible
from tests.support.reports import render
from tests.support.stored_runs import FakeRun

LOADS = (Load("ort-genai", "CPU", "int4"), Load("simulated", "CPU", "int4"))
COUNTERS = {"energy_j": 3.2, "energy_source": "RAPL package-0: <b>all</b>", "gpu_busy_ns": 7_000_000, "npu_busy_ns": 0}


def section(tmp_path: Path, **changes: object) -> Energy | None:
    run = FakeRun(**{"loads": LOADS, "prompt_tokens": (32, 128), **changes}).write(tmp_path)  # type: ignore[arg-type]
    return view_run(analyse_run(open_run(run))).energy


def test_a_run_without_counters_has_no_section(tmp_path: Path) -> None:
    assert section(tmp_path) is None


def test_cpu_time_alone_makes_no_section(tmp_path: Path) -> None:
    assert section(tmp_path, counters={"cpu_time_ns": 5_000_000}) is None


def test_there_is_a_chart_for_each_counter_that_moved(tmp_path: Path) -> None:
    found = section(tmp_path, counters=COUNTERS)
    assert found is not None
    assert [name for name in ENERGY_CHARTS if any(found.columns[name])] == ["energy_j_per_token", "gpu_busy_ms"]


def test_simulated_latencies_cost_nothing(tmp_path: Path) -> None:
    found = section(tmp_path, counters=COUNTERS)
    assert found is not None
    assert {cell.load.backend for cell in found.cells} == {"ort-genai"}


def test_a_device_that_stood_still_is_in_the_table_as_zero(tmp_path: Path) -> None:
    found = section(tmp_path, counters={"npu_busy_ns": 0})
    assert found is not None
    assert found.columns == {"npu_busy_ms": (0.0, 0.0)}


def test_energy_is_shown_in_millijoules(tmp_path: Path) -> None:
    found = section(tmp_path, counters=COUNTERS)
    assert found is not None
    assert {value and round(value, 6) for value in found.columns["energy_j_per_token"]} == {50.0}


@pytest.mark.slow
def test_whoever_sees_energy_is_told_that_the_prefill_is_in_it(made: str) -> None:
    shown = visible(made.partition('<section id="energy">')[2].partition("</section>")[0])
    assert "prefill and decode together" in shown
    assert "Energy per new token, prefill included, mJ" in shown
    assert "energy per new token, prefill included" in shown


@pytest.mark.slow
def test_a_section_without_energy_does_not_speak_of_it(tmp_path: Path) -> None:
    run = FakeRun(loads=LOADS, prompt_tokens=(32,), counters={"gpu_busy_ns": 7_000_000}).write(tmp_path / "results")
    page = render(run, tmp_path / "reports").index.read_text(encoding="utf-8")
    assert "GPU busy time per generation, ms" in page
    assert "prefill and decode together" not in page


@pytest.mark.slow
def test_many_cells_are_not_all_drawn(tmp_path: Path) -> None:
    lengths = tuple(range(1, 51))
    run = FakeRun(loads=LOADS, counters=COUNTERS, prompt_tokens=lengths, new_tokens=(2,), blocks=1, repeats=1)
    page = render(run.write(tmp_path / "results"), tmp_path / "reports").index.read_text(encoding="utf-8")
    shown, _, _ = page.partition('<section id="energy">')[2].partition("</section>")
    assert shown.count("Drawn are the first 40 of 50 cells; the table has all.") == 2
    assert (shown.count('<div class="bar"'), shown.count('<th scope="row">')) == (80, 50)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("energy")
    run = FakeRun(loads=LOADS, prompt_tokens=(32,), counters=COUNTERS).write(folder / "results")
    return render(run, folder / "reports").index.read_text(encoding="utf-8")


def test_the_page_has_the_section_with_its_table(made: str) -> None:
    assert Tags(made).balanced
    assert 'id="energy"' in made
    assert 'href="#energy"' in made
    assert 'id="table-energy"' in made


def test_the_page_says_what_the_energy_covers_and_escapes_it(made: str) -> None:
    assert "RAPL package-0: &lt;b&gt;all&lt;/b&gt;" in made
    assert "<b>all</b>" not in made


def test_a_page_of_another_language_says_that_what_a_counter_covers_is_english(tmp_path: Path) -> None:
    run = FakeRun(loads=LOADS, prompt_tokens=(32,), counters=COUNTERS).write(tmp_path / "results")
    with speaking("tr"):
        page = render(run, tmp_path / "reports").index.read_text(encoding="utf-8")
    assert '<span lang="en">RAPL package-0: &lt;b&gt;all&lt;/b&gt;</span>' in page


def test_columns_without_any_value_are_left_out(made: str) -> None:
    table = visible(made.partition('id="table-energy"')[2].partition("</thead>")[0])
    assert "NPU busy" in table  # it stood still, which is a value
    assert "CPU clock" not in table


class MovedLate(FakeRun):
    """A run whose last load alone kept the GPU busy."""

    def _generations(self, load: Load, block: int) -> Iterator[dict[str, Any]]:
        for row in super()._generations(load, block):
            yield {**row, "gpu_busy_ns": 7_000_000 if load == self.loads[-1] else 0}


@pytest.mark.slow
def test_a_counter_may_move_for_none_of_the_bars_that_are_drawn(tmp_path: Path) -> None:
    loads = [Load("ort-genai", "CPU", "int4", {"place": str(place)}) for place in range(41)]
    run = MovedLate(loads=loads, prompt_tokens=(32,), new_tokens=(2,), blocks=1, repeats=1)
    page = render(run.write(tmp_path), tmp_path / "reports").index.read_text(encoding="utf-8")
    assert "the first 40 of 41 cells" in page
    assert page.count('class="p2" width="0.00%"') == 40


@pytest.mark.slow
def test_the_turn_of_a_chat_is_named(tmp_path: Path) -> None:
    run = FakeRun(loads=LOADS[:1], prompt_tokens=(128,), counters=COUNTERS)
    analysis = analyse_run(open_run(run.write(tmp_path)))
    chat = replace(analysis, cells=tuple(replace(cell, turn=2) for cell in analysis.cells), rankings=())
    shown = run_page(view_run(chat), "", b"").partition('<section id="energy">')[2].partition("</section>")[0]
    assert shown.count("128 prompt tokens, 64 new, turn 2 of a chat") == 5
