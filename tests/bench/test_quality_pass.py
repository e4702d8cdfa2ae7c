"""What a run makes of the quality of its loads, from the command line to the rows."""

from __future__ import annotations

from typing import Any

import pytest

from bench.commands.quality import main

pytestmark = pytest.mark.process

Sweep = Any
"""What this fixture gives is defined in the conftest beside this file."""

TOLD = ("--load-option", "simulated.perplexity_ratio=1.3")


def quality(sweep: Sweep) -> list[dict[str, Any]]:
    return list(sweep.stored.table("quality").to_pylist())


def test_each_load_scores_the_texts_after_the_last_block(sweep: Sweep) -> None:
    ran = sweep.run("--precision", "int4,int8", "--prompt-tokens", "8,300", *TOLD)
    rows, visits = quality(sweep), sweep.loads()
    assert (ran.returncode, {row["status"] for row in rows}) == (0, {"ok"})
    assert {row["load_key"] for row in rows} == {row["load_key"] for row in visits}
    assert min(row["started_at"] for row in rows) >= max(row["ended_at"] for row in visits)
    longest = [row for row in rows if row["kind"] == "longest-prompt"]
    assert [(row["first_position"], len(row["log_probs"])) for row in longest] == [(235, 64)] * 2
    assert "quality 2 of 2: simulated CPU int8" in ran.stdout


def test_another_device_is_scored_on_the_cpu_too(sweep: Sweep) -> None:
    sweep.run("--device", "NPU", *TOLD)
    assert {row["device"] for row in quality(sweep)} == {"NPU", "CPU"}
    assert len({row["load_key"] for row in quality(sweep)}) == 1


def test_without_quality_nothing_is_scored_until_it_is_asked_for(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = sweep.run("--no-quality", *TOLD)
    assert (quality(sweep), sweep.stored.record["options"]["quality"], "quality 1" in ran.stdout) == ([], False, False)
    folders = ("--results-dir", str(sweep.home / "results"), "--reports-dir", str(sweep.home / "reports"))
    assert main([sweep.stored.run_id, *folders]) == 0
    assert {row["load_key"] for row in quality(sweep)} == {row["load_key"] for row in sweep.loads()}
    assert "quality 1 of 1: simulated CPU int4" in capsys.readouterr().out


def test_a_load_without_a_number_is_not_scored(sweep: Sweep) -> None:
    sweep.run("--load-option", "simulated.fail_load=no", *TOLD)
    assert quality(sweep) == []


def test_what_loads_are_judged_by_is_recorded(sweep: Sweep) -> None:
    asked = ("--quality-limits", "degraded=1.2,broken=3", "--reference", "simulated-CPU-int4")
    sweep.run(*asked, *TOLD)
    options = sweep.stored.record["options"]
    limits = {"degraded": 1.2, "broken": 3.0}
    assert (options["quality_limits"], options["reference"]) == (limits, "simulated-CPU-int4")
