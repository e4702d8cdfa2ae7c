"""Quality in a history: its sentences, its table, and what a program gets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.build_history import build_history
from bench.analyse.interval import Estimate
from bench.analyse.machine_runs import machine_run
from bench.analyse.read_history import MachineHistory
from bench.commands.history import main
from bench.plan.cells import Load
from bench.report.history.history_exports import as_json, lines, markdown
from bench.report.history.history_page import page
from bench.report.history.history_text import sentences
from bench.report.language import speaking
from tests.support.analyses import made_cell, made_load, made_quality, made_run, packages, with_quality
from tests.support.markup import NO_TURKISH, Tags, left_in_english
from tests.support.nights import run_id, score, write_night

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
SOUND = made_quality([8.0, 12.0], perplexity=9.8, ratio=Estimate(1.01, 1.0, 1.02, 2))
WORSE = made_quality([9.6, 14.4], "degraded", perplexity=11.8, ratio=Estimate(1.21, 1.2, 1.22, 2))
BROKEN = made_quality([], "broken", reason="not-finite")


def view(*known: tuple[Any, str, str]) -> MachineHistory:
    """Runs of these qualities, artifacts and versions of a package."""
    runs = []
    for night, (quality, artifact, version) in enumerate(known):
        run = made_run(f"run{night}", [made_cell([10.0, 10.0])], venvs=packages(ort=version))
        name = f"run{night}"
        runs.append(machine_run(name, FIRST + timedelta(days=night), with_quality(run, quality, artifact), scores=True))
    return MachineHistory("m" * 16, "a machine", build_history(runs, 0.03))


STEP = (SOUND, "a", "1"), (SOUND, "a", "1"), (WORSE, "a", "2")


def test_a_step_is_said_with_what_changed_there() -> None:
    assert sentences(view(*STEP))[0] == (
        "Perplexity of ort-genai CPU int4: +20.0 % between run run1 (2026-11-02) and run run2 (2026-11-03). "
        "Verdict: faithful, now degraded. Changed there: ort 1 -> 2 (in ort-genai)."
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ((WORSE, "b", "1"), "Verdict: faithful, now degraded. The artifact is another one."),
        ((BROKEN, "a", "1"), "ort-genai CPU int4: faithful, now broken between run run0"),
    ],
)
def test_another_artifact_and_a_load_that_broke_are_said(after: tuple[Any, str, str], said: str) -> None:
    assert said in sentences(view((SOUND, "a", "1"), after))[0]


def test_loads_of_one_stack_that_changed_together_share_a_sentence() -> None:
    runs = []
    for night, factors in enumerate(((1.0, 1.0), (1.1, 1.2))):
        own = [
            replace(made_load(precision=precision), quality=made_quality([factor * 8.0, factor * 12.0]))
            for precision, factor in zip(("int4", "int8"), factors, strict=True)
        ]
        run = made_run(f"run{night}", [made_cell([10.0], load=load) for load in own])
        runs.append(machine_run(f"run{night}", FIRST + timedelta(days=night), run, scores=True))
    said = sentences(MachineHistory("m" * 16, "a machine", build_history(runs, 0.03)))[0]
    assert said.startswith(
        "Perplexity of ort-genai CPU int4 and ort-genai CPU int8: +10.0 % to +20.0 % between run run0"
    )


def test_quality_that_stayed_is_in_the_table_alone() -> None:
    found = view((SOUND, "a", "1"), (SOUND, "a", "1"))
    assert "erplexity" not in "\n".join(lines(found))
    assert "| ort-genai CPU int4 | 2 | 9.80 | 1.01× (1.00–1.02) | faithful |" in markdown(found)  # noqa: RUF001


def test_the_page_has_the_levels() -> None:
    found = page(view(*STEP))
    assert (Tags(found).balanced, "9.80 -&gt; 11.8" in found) == (True, True)


def test_runs_without_quality_say_nothing_of_it() -> None:
    found = view((None, "a", "1"), (None, "a", "1"))
    assert ("erplexity" in page(found), "erplexity" in markdown(found)) == (False, False)


def test_a_program_gets_every_run_and_step() -> None:
    (one,) = json.loads(as_json(view(*STEP)))["quality"]
    (step,) = one["steps"]
    assert [point["perplexity"] for point in one["points"]] == [9.8, 9.8, 11.8]
    assert (step["before"], step["after"], step["ratio"]) == ("run1", "run2", pytest.approx(1.2))


@pytest.mark.parametrize("known", [STEP, ((SOUND, "a", "1"), (BROKEN, "b", "1"))])
def test_in_turkish_nothing_is_said_in_english(known: Any) -> None:
    found = view(*known)
    with speaking("tr"):
        told = [line for line in markdown(found).splitlines() if NO_TURKISH.search(line)]
        assert (left_in_english(page(found)), told) == ([], [])


@pytest.mark.slow
def test_stored_runs_have_a_series_for_each_load(tmp_path: Path) -> None:
    load = Load("ort-genai", "CPU", "int4")
    for night, ratio in enumerate((1.0, 1.0, 1.2)):
        score(write_night(tmp_path, night, loads=[load]), load, ratio)
    assert main(["--results-dir", str(tmp_path), "--reports-dir", str(tmp_path / "out"), "--redact"]) == 0
    (written,) = tmp_path.glob("out/history-*/history.json")
    (one,) = json.loads(written.read_text("utf-8"))["quality"]
    assert (one["name"], [point["verdict"] for point in one["points"]]) == (
        "ort-genai CPU int4",
        ["faithful", "faithful", "degraded"],
    )
    assert [step["after"] for step in one["steps"]] == [run_id(2)]
