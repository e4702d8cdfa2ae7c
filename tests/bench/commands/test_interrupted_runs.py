"""What compare, gate and history say of runs that were interrupted and carried on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.commands.compare import main as compare
from bench.commands.gate import main as gate
from bench.commands.history import main as history
from bench.plan.cells import Load
from tests.support.comparisons import ab_run
from tests.support.nights import run_id, write_night

SITTINGS = [
    {"began_at": "2026-11-02T02:00:00+00:00", "ended_at": "2026-11-02T02:05:00+00:00", "reason": "killed"},
    {
        "began_at": "2026-11-02T02:10:00+00:00",
        "block": 1,
        "position": 0,
        "changed": {},
        "ended_at": "2026-11-02T02:20:00+00:00",
        "reason": "interrupted",
    },
    {"began_at": "2026-11-02T04:26:00+00:00", "block": 2, "position": 1, "changed": {}},
]
WHOLE, INTERRUPTED = run_id(0), run_id(1)
SAID = "carried on after 2 interruptions (5 min, 2.1 h)"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was measured at once, and one that was interrupted twice."""
    results = tmp_path_factory.mktemp("results")
    for night, record in enumerate(({}, {"sittings": SITTINGS})):
        write_night(results, night, record=record, loads=[Load("ort-genai", "CPU", "int4")], prompt_tokens=(32,))
    return results


def told(reports: Path, name: str) -> dict[str, Any]:
    (written,) = reports.rglob(name)
    value: dict[str, Any] = json.loads(written.read_text("utf-8"))
    return value


def folders(results: Path, reports: Path) -> list[str]:
    return ["--results-dir", str(results), "--reports-dir", str(reports)]


@pytest.mark.slow
@pytest.mark.parametrize(("order", "who"), [((WHOLE, INTERRUPTED), "The head"), ((INTERRUPTED, WHOLE), "The base")])
def test_a_comparison_names_the_run_how_often_and_for_how_long(
    order: tuple[str, str], who: str, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare([*order, *folders(results, tmp_path)]) == 0
    assert f"{who} was {SAID}: its blocks are of several sittings" in " ".join(capsys.readouterr().out.split())
    found = told(tmp_path, "compare.json")
    assert sum(f"{who} was {SAID}" in note for note in found["notes"]) == 1
    sides = (found["base_interruptions"], found["heads"][0]["interruptions"])
    named, other = sides if who == "The base" else sides[::-1]
    assert [(one["reason"], one["pause_s"], one["block"]) for one in named] == [
        ("killed", 300, 1),
        ("interrupted", 7560, 2),
    ]
    assert other == []


def test_variants_are_compared_within_a_sitting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ab_run(tmp_path / "results") / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "sittings": SITTINGS}), "utf-8")
    assert compare(["ab-run", *folders(tmp_path / "results", tmp_path / "reports")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"The run was {SAID}: the two visits of a ratio are always of the same sitting" in said
    assert said.count("carried on after") == 1


@pytest.mark.parametrize("head", [INTERRUPTED, WHOLE])
def test_the_gate_names_it_in_its_text_and_its_json(
    head: str, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = WHOLE if head == INTERRUPTED else INTERRUPTED
    gate(["--head", head, "--baseline", baseline, *folders(results, tmp_path)])
    said = f"{INTERRUPTED} was {SAID}: its blocks"
    if head == WHOLE:
        said = f"several sittings: baseline {INTERRUPTED}"
    assert said in " ".join(capsys.readouterr().out.split())
    found = told(tmp_path, "gate.json")
    assert sum(said in note for note in found["notes"]) == 1
    sides = found["head_interruptions"], *found["baseline_interruptions"]
    assert [len(one) for one in sides] == ([2, 0] if head == INTERRUPTED else [0, 2])


def test_a_history_names_it_for_each_run(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history(folders(results, tmp_path)) == 0
    said = f"{INTERRUPTED} (2 interruptions (5 min, 2.1 h))"
    assert said in " ".join(capsys.readouterr().out.split())
    found = told(tmp_path, "history.json")
    assert any(said in note for note in found["notes"])
    assert {run["run_id"]: len(run["interruptions"]) for run in found["runs"]} == {WHOLE: 0, INTERRUPTED: 2}
    (page,) = tmp_path.rglob("history.html")
    assert f"<td>{SAID}</td>" in page.read_text("utf-8")


def test_runs_that_were_measured_at_once_say_nothing_of_it(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history([WHOLE, *folders(results, tmp_path)]) == 0
    assert "interruption" not in capsys.readouterr().out
