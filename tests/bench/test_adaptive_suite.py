"""Runs that add blocks until their intervals are narrow enough, driven as a user drives them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

# What these fixtures give is defined in the conftest beside this file.
Measured = Any
Sweep = Any

Ran = tuple[Sweep, Any, Path]


@pytest.fixture(scope="session")
def reached(tmp_path_factory: pytest.TempPathFactory, measured: Measured) -> Ran:
    """A run whose only cell that works reaches its wide target at once; the other fails in every block."""
    sweep = type(measured.sweep)(tmp_path_factory.mktemp("reached"))
    junit = sweep.home / "junit.xml"
    failing = ("--load-option", "simulated.fail_at=2", "--load-option", "simulated.only_prompt_tokens=8")
    # Long enough, and often enough, that other work on the machine does not move the medians by anything like that.
    played = ("--load-option", "simulated.ttft_ms=200", "--load-option", "simulated.itl_ms=100", "--repeats", "3")
    target = ("--interval-target", "99%", "--blocks", "10", "--max-blocks", "12")
    return sweep, sweep.run(*target, *failing, *played, f"--junit-xml={junit}"), junit


def test_a_cell_that_reached_the_target_is_measured_no_more(reached: Ran) -> None:
    blocks = [row["block"] for row in reached[0].generations() if row["status"] == "ok" and not row["warmup"]]
    assert blocks == sorted([*range(10)] * 3)


def test_later_items_skip_with_the_reason(reached: Ran) -> None:
    skips = [case.find("skipped") for case in ET.parse(reached[2]).getroot().iter("testcase")]
    reasons = Counter(one.get("message") for one in skips if one is not None)
    assert (reasons["target reached"], reasons["no number in any block so far"]) == (2, 2)


def test_no_worker_is_started_for_a_visit_that_needs_none(reached: Ran) -> None:
    assert [row["block"] for row in reached[0].loads()] == list(range(10))


def test_the_end_says_what_ended_the_run(reached: Ran) -> None:
    end = reached[0].stored.end
    adaptive = end["detail"]["adaptive"]
    assert (end["reason"], adaptive["ended_by"], adaptive["reached"], len(adaptive["not_reached"])) == (
        *("finished", "target"),
        *(1, 1),
    )


def test_the_report_says_what_ended_the_run_and_what_did_not_reach_the_target(reached: Ran) -> None:
    sweep, process, _ = reached
    folder = sweep.home / "reports" / sweep.stored.run_id
    texts = [(folder / name).read_text("utf-8") for name in ("index.html", "summary.md")]
    said = [" ".join(text.split()) for text in (*texts, process.stdout)]
    assert all("No cell needed another block." in text and "1 cell without any number" in text for text in said)


def test_the_record_has_the_target_and_its_bounds(reached: Ran) -> None:
    plan = reached[0].stored.record["plan"]
    assert [plan[name] for name in ("blocks", "interval_target", "max_blocks", "max_time_s")] == [10, 0.99, 12, None]


def test_a_run_whose_time_is_spent_begins_nothing_more(sweep: Sweep) -> None:
    process = sweep.run("--interval-target", "5%", "--blocks", "10", "--max-time", "0.000001")
    assert (process.returncode, sweep.generations(), sweep.stored.end["detail"]["adaptive"]["ended_by"]) == (
        *(1, []),
        "max-time",
    )


def test_a_run_of_a_fixed_number_of_blocks_has_no_detail(measured: Measured) -> None:
    assert measured.sweep.stored.end["detail"] is None


def test_a_run_that_reached_its_target_claims_which_is_fastest(reached: Ran) -> None:
    sweep = reached[0]
    summary = json.loads((sweep.home / "reports" / sweep.stored.run_id / "summary.json").read_text("utf-8"))
    assert {ranking["claims_verdict"] for ranking in summary["rankings"]} == {True}
