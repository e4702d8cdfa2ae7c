"""The turns of a chat from the command line to the report, with and without the prefix cache."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from bench.analyse.run import analyse_run
from bench.commands.compare import main
from bench.plan.cells import Request
from bench.plan.resume import recorded_flags
from bench.report.drawing.run_charts import RunCharts
from bench.report.names import name_all, requests_name
from bench.report.run_table import run_table
from bench.report.run_view import view_run
from bench.store.reader import StoredRun, open_run
from tests.support.charts import blank_charts
from tests.support.played_runs import play, run
from tests.support.reports import render_analysis

CHAT = (
    *("--backend", "simulated", "--device", "CPU", "--precision", "int4", "--load-option", "simulated.itl_ms=0.1"),
    *("--prompt-tokens", "20", "--new-tokens", "4", "--turns", "1,4,8", "--blocks", "2", "--repeats", "2"),
    *("--warmups", "1", "--max-warmups", "1", "--seed", "1", "--no-quality"),
)
TURNS = {1: 20, 4: 92, 8: 188}
"""Turn -> tokens of its prompt."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A chat in both ways."""
    home = tmp_path_factory.mktemp("chat")
    with pytest.MonkeyPatch.context() as patched:
        play(patched)
        assert run(home, *CHAT, "--ask", "first,again").errors == []
    (folder,) = (home / "results").iterdir()
    return open_run(folder)


@pytest.fixture(scope="module")
def rows(stored: StoredRun) -> list[dict[str, Any]]:
    return list(stored.table("generations").to_pylist())


@pytest.fixture(scope="module")
def report(stored: StoredRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with blank_charts():
        return render_analysis(analyse_run(stored), tmp_path_factory.mktemp("report")).index.parent


@pytest.mark.slow
def test_a_turn_has_the_whole_conversation_as_its_prompt(rows: list[dict[str, Any]]) -> None:
    timed = [row for row in rows if not row["warmup"]]
    assert {(row["turn"], row["prompt_tokens"], row["new_tokens"]) for row in timed} == {
        (turn, tokens, 4) for turn, tokens in TURNS.items()
    }


@pytest.mark.slow
def test_the_history_is_asked_before_each_turn_with_the_cache_but_the_first(rows: list[dict[str, Any]]) -> None:
    before = [(one, after) for one, after in itertools.pairwise(rows) if one["turn"] is None]
    assert {
        (after["turn"], one["prompt_tokens"], one["new_tokens"], one["ask"], one["warmup"]) for one, after in before
    } == {
        (4, 72, 1, "first", True),
        (8, 168, 1, "first", True),
    }
    assert len(before) == sum(row["ask"] == "again" and row["turn"] > 1 for row in rows)
    assert all(
        (one["cell_key"], one["prompt_id"]) == (after["cell_key"], f"{after['prompt_id']}/{one['prompt_tokens']}")
        for one, after in before
    )


def test_both_ways_are_asked_the_same_prompts(rows: list[dict[str, Any]]) -> None:
    digests = {
        ask: {row["prompt_digest"] for row in rows if row["turn"] and row["ask"] == ask} for ask in ("first", "again")
    }
    assert digests["first"] == digests["again"]


def test_the_cache_leaves_the_last_message_to_compute(stored: StoredRun) -> None:
    cells = {(cell.ask, cell.turn): cell for cell in analyse_run(stored).cells}
    assert set(cells) == {(ask, turn) for ask in ("first", "again") for turn in TURNS}
    share = cells["again", 8].ttft_ms.estimate.value / cells["first", 8].ttft_ms.estimate.value
    assert share < 0.7
    assert {(cell.generations, cell.blocks) for cell in cells.values()} == {(4, 2)}


def test_a_hit_is_shown_at_each_turn_that_has_a_history(stored: StoredRun) -> None:
    assert [hit.again.turn for hit in view_run(analyse_run(stored)).hits] == [4, 8]


def test_the_plan_and_the_options_are_recorded(stored: StoredRun) -> None:
    assert [cell.get("turn") for cell in stored.record["plan"]["cells"]] == [1, 4, 8, 1, 4, 8]
    assert recorded_flags(stored.record)["turns"] == [1, 4, 8]


def test_a_chat_with_the_cache_has_a_name_of_its_own(stored: StoredRun) -> None:
    names = name_all(analyse_run(stored))
    assert [one.name for one in names.series] == ["simulated CPU int4", "simulated CPU int4, prefix cache on"]
    assert requests_name([Request(20, 4, 1, 1), Request(92, 4, 1, 4)], "again") == (
        "20 and 92 prompt tokens, 4 new, turn 1 and 4 of a chat, prefix cache on"
    )


def test_the_table_at_the_end_names_the_turns(stored: StoredRun) -> None:
    told = run_table(view_run(analyse_run(stored)))
    assert all(f" {TURNS[turn]} t{turn}{cache} " in told for turn in TURNS for cache in ("", " on"))
    assert "t: turn of a chat" in told


def test_a_chart_has_the_turns_as_its_axis(stored: StoredRun) -> None:
    analysis = analyse_run(stored)
    with blank_charts():
        (group,) = RunCharts(name_all(analysis), analysis).groups
    assert group.title == "4 new tokens, a chat with messages of 20 tokens"


@pytest.mark.slow
def test_exports_have_the_turn(report: Path) -> None:
    with (report / "summary.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["turn"] for row in csv.DictReader(stream)] == ["1", "4", "8"] * 2
    summary = json.loads((report / "summary.json").read_text("utf-8"))
    assert [cell["turn"] for cell in summary["cells"]] == [1, 4, 8] * 2
    assert {one["turn"] for one in summary["rankings"]} == {1, 4, 8}


@pytest.mark.slow
def test_a_run_without_a_chat_has_no_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    run(tmp_path, *(part for part in CHAT if part not in ("--turns", "1,4,8")))
    (folder,) = (tmp_path / "results").iterdir()
    stored = open_run(folder)
    assert set(stored.table("generations")["turn"].to_pylist()) == {None}
    assert "turn" not in stored.record["plan"]["cells"][0]
    with blank_charts():
        files = render_analysis(analyse_run(stored), tmp_path / "report").index.parent
    assert not any('turn"' in (files / name).read_text("utf-8") for name in ("summary.csv", "summary.json"))


@pytest.mark.slow
def test_two_runs_are_compared_turn_by_turn(stored: StoredRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    run(tmp_path, *CHAT, "--ask", "first,again")
    (other,) = (tmp_path / "results").iterdir()
    with blank_charts():
        assert main([str(stored.path), str(other), "--reports-dir", str(tmp_path / "out")]) == 0
    (written,) = tmp_path.glob("out/*/compare.json")
    cells = json.loads(written.read_text("utf-8"))["cells"]
    assert {(cell["turn"], cell["configuration"]) for cell in cells} == {
        (turn, f"simulated CPU int4{cache}") for turn in TURNS for cache in ("", ", prefix cache on")
    }
