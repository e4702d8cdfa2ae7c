"""The parts of the study on a stack: which runs are made, and what is counted of them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.analyse.comparison import Difference
from bench.analyse.interval import Contrast, Estimate
from bench.errors import BenchError
from studies.intervals import real
from studies.intervals.__main__ import main
from studies.intervals.real import Sweep, false_calls, series
from studies.intervals.stored import Said
from tests.support.stored_runs import FakeRun


class Bench:
    """Stands in for the runs: writes them, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, arguments: Sequence[str], folder: Path) -> None:
        self.asked.append(tuple(arguments))
        FakeRun(blocks=3, prompt_tokens=(8,)).write(folder, f"run-{len(list(folder.glob('run-*'))):02}")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(real, "measure", made)
    return made


def test_a_run_is_told_where_the_interpreters_of_the_stacks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []

    def run(command: Sequence[str], *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        told.append(env)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("AIPC_BENCH_VENVS", '{"ort-genai": {"python": "/there"}}')
    monkeypatch.setattr(subprocess, "run", run)
    real.run_module("pytest")
    real.run_module("studies.architectures.tiny", python="/of/a/stack/python")

    assert [env.get("AIPC_BENCH_VENVS") for env in told] == ['{"ort-genai": {"python": "/there"}}', None]


def said(*verdicts: str) -> list[Said]:
    contrast = Contrast(Estimate(1.0, 0.9, 1.1, 3), 0.5)
    return [Said(str(n), Difference("tpot_ms", 1, 1, contrast, one)) for n, one in enumerate(verdicts)]


@pytest.mark.slow
def test_runs_that_are_there_already_are_not_made_again(bench: Bench, tmp_path: Path) -> None:
    sweep = Sweep("ort-genai", ("--blocks", "3"), tmp_path)
    series(sweep, "runs", 2, ())
    series(sweep, "runs", 3, ())

    assert len(bench.asked) == 3


def test_a_run_that_never_finishes_ends_the_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(real, "measure", lambda arguments, folder: None)
    with pytest.raises(BenchError, match="without being finished"):
        series(Sweep("ort-genai", (), tmp_path), "runs", 1, ())


def test_calls_are_counted_by_cell_and_by_comparison() -> None:
    table = false_calls("A/A", [said("slower", "same"), said("faster", "inconclusive"), said("same", "same")])

    assert [row[:4] for row in table.rows] == [
        ("slower or faster", "2 of 6", "33.3 %", "2 of 3"),
        ("slower", "1 of 6", "16.7 %", "1 of 3"),
    ]


def test_too_few_runs_are_said_to_be_too_few() -> None:
    assert false_calls("A/A", []).note.startswith("Too few runs")


@pytest.mark.slow
def test_identical_runs_are_compared_and_gated(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["real", "--only", "runs", "--runs", "7", "--results-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out

    assert ("of 6" in printed, "of 2" in printed, len(bench.asked)) == (True, True, 7)


@pytest.mark.slow
def test_identical_variants_are_asked_for_as_a_user_would(bench: Bench, tmp_path: Path) -> None:
    main(["real", "--only", "ab", "--comparisons", "1", "--results-dir", str(tmp_path), "--blocks", "4"])

    (asked,) = bench.asked
    assert asked[-4:] == ("--a", "current", "--b", "same")
    assert asked[asked.index("--blocks") + 1] == "4"


@pytest.mark.slow
def test_a_slowed_interpreter_is_a_variant_and_a_worker(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIPC_BENCH_VENVS", '{"ort-genai": {"python": "/somewhere/python"}}')
    monkeypatch.setattr(real, "make_slowed", lambda python, folder, backend, share: f"{python} {backend} +{share}")
    main(["real", "--only", "slowdown", "--share", "20%", "--results-dir", str(tmp_path)])

    slower = "/somewhere/python ort-genai +0.2"
    assert (bench.asked[0][-2:], bench.asked[-1][-2:]) == (("--b", slower), ("--worker", f"ort-genai={slower}"))


@pytest.mark.process
def test_a_run_that_fails_is_told_by_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"status 4.*nonsense"):
        real.measure(("--backend", "nonsense"), tmp_path)


def test_a_stack_that_is_not_there_is_a_usage_error(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIPC_BENCH_VENVS", raising=False)

    assert main(["real", "--only", "slowdown", "--results-dir", str(tmp_path)]) == 4
    assert "ort-genai cannot be measured" in capsys.readouterr().err


def test_runs_of_another_sweep_are_not_taken_for_its_own(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["real", "--only", "ab", "--comparisons", "1", "--results-dir", str(tmp_path)]

    assert (main(arguments), main([*arguments, "--new-tokens", "16"])) == (0, 4)
    assert "holds runs of another sweep" in capsys.readouterr().err
