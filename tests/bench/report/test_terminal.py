from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.interval import Estimate
from bench.analyse.run import analyse_run
from bench.plan.cells import Load
from bench.report.run_table import COLUMNS, run_table, spread_of
from bench.report.run_view import view_run
from bench.store.reader import open_run

MakeRun = Callable[..., Any]


def table(run: Path) -> str:
    return run_table(view_run(analyse_run(open_run(run))))


@pytest.fixture(scope="module")
def hostile_table(fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    load = Load("a-backend-with-a-very-long-name \u6f22\u5b57", "GPU.0", "fp16", variant="\x1b[31mred")
    run = fake_run(
        loads=[*fake_run().loads[-2:], load], prompt_tokens=(32, 131072), new_tokens=(2, 4096), blocks=2, repeats=1
    )
    run.break_cells("transformers", "failed", "x" * 500 + " \x1b[0m\u2026")
    return table(run.write(tmp_path_factory.mktemp("hostile")))


def test_the_table_has_one_line_per_cell(stored_run: Path) -> None:
    lines = table(stored_run).splitlines()
    assert sum(line.endswith(" verified") for line in lines) == 21


@pytest.mark.slow
def test_the_table_is_ascii(hostile_table: str) -> None:
    assert hostile_table.isascii()


@pytest.mark.slow
def test_the_table_fits_its_columns(hostile_table: str) -> None:
    assert max(len(line) for line in hostile_table.splitlines()) <= COLUMNS


def test_no_escape_reaches_the_terminal(hostile_table: str) -> None:
    assert "\x1b" not in hostile_table


def test_shapes_stand_apart_where_there_are_several(hostile_table: str) -> None:
    assert "32+4096x1" in hostile_table


def test_simulated_is_said(simulated_run: Path) -> None:
    assert "these latencies were played, no model ran" in table(simulated_run)


@pytest.mark.slow
def test_the_share_of_the_time_stands_before_the_verdict(fake_run: MakeRun, tmp_path: Path) -> None:
    shown = table(fake_run(more={"device_share": 1.93}).write(tmp_path / "results"))
    assert (sum(line.endswith("193% verified") for line in shown.splitlines()), "\nbusy: " in shown) == (21, True)


def test_one_block_shows_no_interval(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(blocks=1).write(tmp_path / "results")
    assert "%" not in "".join(line for line in table(run).splitlines() if line.endswith(" verified"))


@pytest.mark.parametrize(
    ("low", "high", "shown"), [(0.999, 1.001, "<1%"), (0.95, 1.05, "5%"), (0.001, 1000.0, ">999%"), (None, None, "")]
)
def test_half_an_interval_is_never_said_to_be_nothing(low: float | None, high: float | None, shown: str) -> None:
    assert spread_of(Estimate(1.0, low, high, 3)) == shown


def test_failures_alone_give_their_reasons(fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(loads=[Load("ort-genai", "CPU", "int4")])
    run.break_cells("", "unsupported", "no such device here")
    shown = table(run.write(tmp_path / "results"))
    assert "unsupported: ort-genai CPU int4, prompt 32, 128, 512: no such device here" in shown
