"""Quality in a history: its sentences, its table, and what a program gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.analyse.build_history import build_history
from bench.analyse.interval import Estimate
from bench.analyse.timeline import read_analysis
from bench.report.history.history_exports import as_json, lines, markdown
from bench.report.history.history_page import page
from bench.report.history.history_text import sentences
from bench.report.history.history_view import HistoryView
from bench.report.language import speaking
from tests.support.analyses import made_cell, made_quality, made_run, packages, with_quality
from tests.support.markup import NO_TURKISH, Tags, left_in_english

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
SOUND = made_quality([8.0, 12.0], perplexity=9.8, ratio=Estimate(1.01, 1.0, 1.02, 2))
WORSE = made_quality([9.6, 14.4], "degraded", perplexity=11.8, ratio=Estimate(1.21, 1.2, 1.22, 2))
BROKEN = made_quality([], "broken", reason="not-finite")


def view(*known: tuple[Any, str, str]) -> HistoryView:
    """Runs of these qualities, artifacts and versions of a package."""
    runs = []
    for night, (quality, artifact, version) in enumerate(known):
        run = made_run(f"run{night}", [made_cell([10.0, 10.0])], venvs=packages(ort=version))
        name = f"run{night}"
        runs.append(
            read_analysis(
                with_quality(run, quality, artifact),
                {},
                name,
                FIRST + timedelta(days=night),
                lambda _: lambda: "ort 32",
            )
        )
    return HistoryView("m" * 16, "a machine", build_history(runs, 0.03))


STEP = (SOUND, "a", "1"), (SOUND, "a", "1"), (WORSE, "a", "2")


def test_a_step_is_said_with_what_changed_there() -> None:
    assert sentences(view(*STEP))[0] == (
        "Perplexity of ort-genai-int4: +20.0 % between run run1 (2026-11-02) and run run2 (2026-11-03). "
        "Verdict: faithful, now degraded. Changed there: ort 1 -> 2 (in ort-genai)."
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ((WORSE, "b", "1"), "Verdict: faithful, now degraded. The artifact is another one."),
        ((BROKEN, "a", "1"), "ort-genai-int4: faithful, now broken between run run0"),
    ],
)
def test_another_artifact_and_a_load_that_broke_are_said(after: tuple[Any, str, str], said: str) -> None:
    assert said in sentences(view((SOUND, "a", "1"), after))[0]


def test_quality_that_stayed_is_in_the_table_alone() -> None:
    found = view((SOUND, "a", "1"), (SOUND, "a", "1"))
    assert "erplexity" not in "\n".join(lines(found))
    assert "| ort-genai-int4 | 2 | 9.80 | 1.01× (1.00–1.02) | faithful |" in markdown(found)  # noqa: RUF001


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
