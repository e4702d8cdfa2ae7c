"""The gate as a command: what it takes, what it says, and its exit status."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bench.commands.gate as command
from bench.analyse.gate_rule import Gate, gate
from bench.analyse.results import RunAnalysis
from bench.commands.gate import main
from bench.plan.cells import Load
from bench.report.compare.gate_exports import could_hide_text, gate_json, gate_lines, gate_markdown, headline
from tests.support.analyses import failed, made_cell, made_load, made_run
from tests.support.comparisons import ab_run
from tests.support.nights import score
from tests.support.stored_runs import FakeRun

Run = Callable[..., int]
LOADS = [Load("ort-genai", "CPU", "int4")]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six runs of one load, a head that is a twin of them, and one that is much slower."""
    results = tmp_path_factory.mktemp("gate") / "results"
    for number in range(6):
        small().write(results, f"base{number}")
    small().write(results, "twin")
    small(slower={"ort-genai": 1.5}).write(results, "slow")
    return results


def small(**changes: Any) -> FakeRun:
    return FakeRun(**{"loads": LOADS, "prompt_tokens": (32,), "blocks": 2, **changes})


@pytest.fixture
def run(stored: Path, tmp_path: Path) -> Run:
    return lambda *arguments: main([*arguments, "--results-dir", str(stored), "--reports-dir", str(tmp_path / "out")])


# -- the exit status


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--baseline", "base*", "--head", "twin"], 0),
        (["--baseline", "base[0-2]", "base[3-4]", "--baseline", "base5", "--head", "slow"], 1),
        (["--baseline", "base[0-3]", "--head", "twin"], 2),
        (["--baseline", "base0", "--head", "slow"], 1),
        (["--baseline", "base*", "--head", "nowhere"], 4),
        (["--baseline", "base*", "--head", "base*"], 4),
        (["--baseline", "base*", "--head", "base0"], 4),
        (["--baseline", "base*"], 4),
        (["--head", "twin"], 4),
        (["--head", "twin", "--run", "twin", "--baseline", "base*"], 4),
        (["--baseline", "base*", "--head", "twin", "--threshold", "few"], 4),
        (["--baseline", "base*", "--head", "twin", "--nonsense"], 4),
        (["--baseline", "base*", "--head", "twin", "--quality-tolerance", "1%"], 2),
        (["--baseline", "base*", "--head", "twin", "--quality-tolerance", "few"], 4),
        (["--baseline", "base*", "--head", "slow", "--threshold", "300%"], 0),
    ],
)
def test_the_exit_status_is_the_answer(run: Run, arguments: list[str], status: int) -> None:
    assert run(*arguments) == status


@pytest.mark.parametrize(
    ("ratio", "options", "status"),
    [
        (1.0, (), 0),
        (1.2, (), 1),
        (1.2, ("--quality-tolerance", "30%"), 0),
        (None, (), 0),
        (None, ("--quality-tolerance", "1%"), 2),
    ],
)
def test_a_twin_that_answers_worse_fails(
    tmp_path: Path, ratio: float | None, options: tuple[str, ...], status: int
) -> None:
    for name in ("base0", "base1", "base2", "base3", "base4", "head"):
        folder = small().write(tmp_path, name)
        if name != "head" or ratio:
            score(folder, LOADS[0], ratio if name == "head" and ratio else 1.0)
    asked = ["--baseline", "base*", "--head", "head", *options]
    assert main([*asked, "--results-dir", str(tmp_path), "--reports-dir", str(tmp_path / "out")]) == status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--baseline", "base*", "--head", "base0"], "base0 cannot be its own baseline"),
        (["--head", "twin"], "name its baselines with --baseline"),
        (["--baseline", "base*", "--head", "base*"], "means 6 runs"),
        (["--baseline", "base*"], "name the run in question"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    run: Run, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 4
    told = capsys.readouterr().err
    assert (said in told, told.count("\n")) == (True, 1)


def test_a_copy_of_the_head_is_no_baseline(stored: Path, tmp_path: Path, run: Run) -> None:
    shutil.copytree(stored / "twin", tmp_path / "copy")
    assert run("--baseline", "base*", str(tmp_path / "copy"), "--head", "twin") == 4


def of_another_model(folder: Path, run_id: str) -> str:
    """The folder of a run whose model has another digest."""
    other = small()
    other.model = {**other.model, "digest": "b"}
    return str(other.write(folder, run_id))


def test_another_model_is_refused_unless_it_is_forced(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    head = of_another_model(tmp_path, "other")
    assert (run("--baseline", "base*", "--head", head), run("--baseline", "base*", "--head", head, "--force")) == (4, 0)
    told = capsys.readouterr()
    assert ("would mean nothing" in told.err, "DIFFERENT model digest" in told.out) == (True, True)


def test_what_differs_is_told_of_the_baseline_that_it_is_of(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    older = of_another_model(tmp_path, "older")
    run("--baseline", older, "base*", "--head", "twin", "--force")
    said = capsys.readouterr().out
    assert f"DIFFERENT model digest: b in baseline older, {'a' * 16} here" in said
    assert "newest baseline" not in said


def test_a_run_of_a_newer_version_cannot_be_told(tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    head = small().write(tmp_path, "newer")
    record = json.loads((head / "run.json").read_text("utf-8"))
    (head / "run.json").write_text(json.dumps({**record, "schema_version": 99}), "utf-8")
    assert run("--baseline", "base*", "--head", str(head)) == 2
    assert "update AIPC Bench" in capsys.readouterr().err


def test_an_error_of_its_own_is_not_read_as_a_regression(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> Gate:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(command, "gate", broken)
    assert run("--baseline", "base*", "--head", "twin") == 2
    assert "the gate failed: ZeroDivisionError" in capsys.readouterr().err


def test_a_head_that_is_still_being_written_cannot_be_told(tmp_path: Path, run: Run) -> None:
    assert run("--baseline", "base*", "--head", str(small(end=None).write(tmp_path, "open"))) == 2


def test_a_run_with_variants_needs_no_baselines(tmp_path: Path, run: Run) -> None:
    ab = str(ab_run(tmp_path))
    assert {run("--run", ab), run("--head", ab)} <= {0, 1}


def test_a_run_with_variants_takes_no_baselines(tmp_path: Path, run: Run) -> None:
    assert run("--baseline", "base*", "--head", str(ab_run(tmp_path))) == 4


def test_what_is_said_is_written_too(tmp_path: Path, run: Run) -> None:
    run("--baseline", "base*", "--head", "slow")
    folder = tmp_path / "out" / "gate-slow"
    told = json.loads((folder / "gate.json").read_text("utf-8"))
    assert {path.name for path in folder.iterdir()} == {"gate.md", "gate.json"}
    assert (told["gate_version"], told["outcome"], told["exit_status"]) == (3, "regression", 1)


def test_a_cell_that_crashed_in_nine_of_ten_blocks_cannot_be_told(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    head = small(blocks=10)
    head.break_cells("ort-genai", "crashed", "killed by signal 11", range(1, 10))
    assert run("--baseline", "base*", "--head", str(head.write(tmp_path, "crashed"))) == 2
    told = capsys.readouterr().out
    assert "CANNOT TELL: 1 cell not measured in all blocks" in told
    assert "BLOCKS LOST ort-genai CPU int4, 32+64: crashed in 9 blocks: killed by signal 11" in told
    folder = tmp_path / "out" / "gate-crashed"
    (lost,) = json.loads((folder / "gate.json").read_text("utf-8"))["lost"]
    assert lost["blocks"] == [{"status": "crashed", "message": "killed by signal 11", "blocks": list(range(1, 10))}]
    assert "- **blocks lost**: ort-genai CPU int4" in (folder / "gate.md").read_text("utf-8")


def test_a_run_that_was_interrupted_before_its_last_block_cannot_be_told(tmp_path: Path, run: Run) -> None:
    head = small(end="interrupted", record={"plan": {**small()._record()["plan"], "blocks": 10}})
    assert run("--baseline", "base*", "--head", str(head.write(tmp_path, "short"))) == 2


def test_a_serious_finding_in_the_head_is_said(tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    slept = {
        "code": "suspended",
        "severity": "serious",
        "subject": "run",
        "message": "the machine was suspended for 60 s",
        "advice": "Run again with sleep switched off.",
    }
    run("--baseline", "base*", "--head", str(small(findings=[slept]).write(tmp_path, "slept")))
    said = "SERIOUS finding in this run, about one of the cells: suspended: the machine was suspended for 60 s"
    assert said in capsys.readouterr().out


# -- in words


def runs(count: int = 6, cells: int = 1) -> Iterator[RunAnalysis]:
    noise = random.Random(1)
    for number in range(count):
        made = [made_cell([10 * noise.lognormvariate(0, 0.02)] * 3, index) for index in range(1, cells + 1)]
        yield made_run(f"base{number}", made)


def held(*values: float, **options: Any) -> Gate:
    head = made_run("head", [made_cell([value] * 3, index) for index, value in enumerate(values, start=1)])
    return gate(head, list(runs(cells=len(values))), 0.05, **options)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (held(10.0), "no regression shown in 1 cell"),
        (held(20.0, 10.0), "REGRESSION shown: 1 figure of 1 cell slower"),
        (
            gate(made_run("head", [made_cell([10.0])]), [], 0.05),
            "CANNOT TELL: no baseline can be compared with this run",
        ),
        (held(10.5, strict=True), "CANNOT TELL: 1 of 1 figure could hide a slowdown beyond 5 %"),
    ],
)
def test_the_headline_is_the_outcome(found: Gate, said: str) -> None:
    assert headline(found) == said


def test_a_figure_without_a_verdict_says_what_it_could_hide() -> None:
    one = held(10.0).head.differences[0]
    assert could_hide_text(one) == f"a slowdown of up to {100 * ((one.contrast.ratio.high or 0) - 1):.1f} % could hide"


def test_a_figure_without_an_interval_could_hide_anything() -> None:
    few = gate(made_run("head", [made_cell([10.0], 1)]), list(runs(2)), 0.05)
    assert could_hide_text(few.head.differences[0]) == "any slowdown could hide"


def test_a_figure_that_is_called_hides_nothing() -> None:
    assert could_hide_text(held(20.0).head.differences[0]) == ""


@pytest.fixture
def hostile() -> Gate:
    """A gate whose names and reasons come from somebody who means harm."""
    load = made_load("<script>alert(1)</script>|x \u202e")
    cells = [made_cell([10.0, 10.1], prompt, load) for prompt in (1, 2)]
    head = failed(made_run("head", cells), cells[1], "<img src=x> | \x1b[31m" + "x" * 5000)
    return gate(head, [made_run(f"base{n}", cells) for n in range(5)], 0.05)


def test_the_lines_are_plain_text_of_any_encoding(hostile: Gate) -> None:
    said = "\n".join(gate_lines(hostile))
    assert (said.isascii(), "\x1b" in said) == (True, False)


def test_markdown_keeps_foreign_text_as_text(hostile: Gate) -> None:
    said = gate_markdown(hostile)
    assert ("<script>" in said, "<img" in said, "&lt;script&gt;" in said) == (False, False, True)


def test_missing_cells_are_listed_with_their_reason(hostile: Gate) -> None:
    assert "2+1: crashed: " in next(line for line in gate_lines(hostile) if line.startswith("MISSING"))


@pytest.mark.slow
def test_a_step_summary_of_thousands_of_cells_stays_within_its_limit() -> None:
    found = held(*([10.0] * 2000))
    assert len(gate_markdown(found).encode()) < 2**20
    assert len(list(gate_lines(found))) < 100
    assert len(json.loads(gate_json(found))["cells"]) == 2000


def test_a_gate_without_any_figure_has_no_nan_in_it() -> None:
    found = gate(made_run("head", []), [], 0.0)
    said = "".join((*gate_lines(found), gate_markdown(found), gate_json(found)))
    assert ("nan" in said.lower().replace("cannot", ""), "no figure could be compared" in said) == (
        False,
        True,
    )
