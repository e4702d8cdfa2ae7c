"""The report of a run that still goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from bench.measure.visit import Outcome
from bench.plan.options import Options
from bench.plan.plan import make_plan
from bench.report.render import render
from bench.run import interim
from bench.run.interim import InterimReport
from bench.run.session import BenchSession
from tests.support.stored_runs import FakeRun

RELOADS = '<meta http-equiv="refresh"'


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interim, "_EARLIEST_S", 0.0)


def small_run(folder: Path) -> Path:
    return FakeRun(prompt_tokens=(32,), new_tokens=(4,), blocks=1, repeats=1, end=None).write(folder)


@pytest.mark.process
def test_the_page_says_that_the_run_goes_on_and_reloads_until_its_end(
    make_options: Callable[..., Options], tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    run = small_run(tmp_path / "results")
    options = make_options("--results-dir", str(run.parent), "--reports-dir", str(reports))
    page = reports / run.name / "index.html"
    with FileLock(run / ".lock"):
        line = InterimReport(run, options).render(1)
    assert line is not None
    assert line.startswith(f"so far     {page.as_uri()} (after block 1, made in ")
    text = page.read_text("utf-8")
    assert (RELOADS in text, "this run still goes on" in text, "carries on" in text) == (True, True, False)
    render(run, reports)
    assert RELOADS not in page.read_text("utf-8")


@pytest.mark.process
def test_a_report_that_cannot_be_made_is_said_and_no_more(make_options: Callable[..., Options], tmp_path: Path) -> None:
    line = InterimReport(tmp_path / "nothing", make_options("--reports-dir", str(tmp_path))).render(1)
    assert line is not None
    assert line.startswith("so far     no report, and the run goes on: error: there is no run")


@pytest.mark.process
def test_a_report_that_takes_too_long_is_said_in_words(
    make_options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interim, "_TIMEOUT_S", 0.01)
    line = InterimReport(tmp_path / "nothing", make_options("--reports-dir", str(tmp_path))).render(1)
    assert line is not None
    assert line.startswith("so far     no report, and the run goes on: it was not made within 0.01 s")


def test_reports_take_a_twentieth_of_the_time_at_most(
    make_options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    made = []

    def makes(self: InterimReport) -> tuple[str, None]:
        clock[0] += 3.0
        made.append(clock[0])
        return "file:///page", None

    monkeypatch.setattr(InterimReport, "_made", makes)
    monkeypatch.setattr(interim, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    report = InterimReport(tmp_path, make_options())
    assert report.render(1) == "so far     file:///page (after block 1, made in 3 s)"
    clock[0] += 59
    assert report.render(2) is None
    clock[0] += 2
    assert report.render(3) == "so far     file:///page (after block 3, made in 3 s)"


def test_a_short_run_has_none(
    make_options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interim, "_EARLIEST_S", 3600.0)
    assert InterimReport(tmp_path, make_options()).render(1) is None


def test_it_is_made_where_a_block_has_ended_that_measured_something(make_options: Callable[..., Options]) -> None:
    class Recorded:
        def __init__(self) -> None:
            self.blocks: list[int] = []

        def render(self, block: int) -> None:
            self.blocks.append(block)

    sweep = ("--backend", "simulated", "--precision", "int4,int8", "--prompt-tokens", "8", "--blocks", "3")
    plan = make_plan(make_options(*sweep))
    session: Any = BenchSession(make_options(*sweep), plan, "", lambda line: None)
    session._interim = recorded = Recorded()
    for visit in plan.visits:
        session._report_so_far(visit.block)
        # The first block measures nothing.
        if visit.block:
            session.outcome(visit, visit.cells[0], Outcome((1.0,), (0.5,)))
    assert recorded.blocks == [2]
