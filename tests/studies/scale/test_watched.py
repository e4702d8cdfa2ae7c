"""A sweep is watched while it is measured, and what is said of its course."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.store.reader import open_run
from studies.costs import cost_of
from studies.scale.__main__ import main, options
from studies.scale.watched import Held, Sample, course, growth, held_by, run_below, sit, stretches
from tests.support.sweeps import INTERRUPTING

SWEEP = (
    *("--backend", "simulated", "--precision", "int4", "--prompt-tokens", "1,2,3", "--new-tokens", "2"),
    *("--blocks", "4", "--repeats", "1", "--warmups", "0", "--max-warmups", "0"),
    *("--load-option", "simulated.ttft_ms=50", "--load-option", "simulated.itl_ms=1"),
)


def sample(cells: int, at_s: float = 0.0, resident_bytes: int = 10**8) -> Sample:
    return Sample(at_s, cells, temporary=3, harness=Held(1, resident_bytes, files=7, threads=2), worker=None)


def test_a_course_has_the_pace_of_each_stretch() -> None:
    head, *lines = course([sample(cells, at_s=cells / 10) for cells in range(0, 101, 5)], rows=2)
    assert head.split()[:3] == ["cells", "min", "harness"]
    assert [line.split()[0] for line in lines] == ["50", "100"]
    assert {line.split()[3] for line in lines} == {"100.0"}


@pytest.mark.parametrize("samples", [[], [sample(4)], [sample(4), sample(4)]])
def test_a_course_in_which_nothing_was_measured_has_no_stretch(samples: list[Sample]) -> None:
    assert list(stretches(samples, 10)) == []


def test_a_sweep_has_at_least_the_cells_that_were_asked_for() -> None:
    asked = options(1000, blocks=3, repeats=2)
    lengths = {name: asked[asked.index(name) + 1].split(",") for name in ("--prompt-tokens", "--new-tokens")}
    assert 1000 <= 15 * len(lengths["--prompt-tokens"]) * len(lengths["--new-tokens"]) < 1200


def test_growth_is_from_the_first_fifth_to_the_last() -> None:
    held = [Held(1, 1_000_000 * place, files=3 + place // 50, threads=2) for place in range(100)]
    assert growth(held) == "memory 9.5 to 89.5 MB, open files 3 to 4, threads 2 to 2"


def test_a_few_samples_say_nothing_of_growth() -> None:
    assert growth([Held(1, 1, 1, 1)] * 9) is None


def test_what_this_process_holds_is_known() -> None:
    held = held_by(os.getpid())
    assert held is not None
    assert min(held.resident_bytes, held.files, held.threads) > 0


@pytest.mark.process
def test_a_sweep_is_killed_and_carried_on_while_it_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as held:
        # It measures two blocks of three cells, and waits to be killed.
        held.setenv("HOLD_AT", "bench.run.between_visits:Progress.begin 3")
        held.setenv("HOLD_UNTIL", str(tmp_path / "never"))
        first = sit(tmp_path, (*INTERRUPTING, *SWEEP), 0.02, lambda done: done >= 4)
    assert first.samples[-1].cells >= 4
    assert open_run(run_below(tmp_path)).unfinished
    second = sit(tmp_path, ["--resume"], 0.02)
    assert not open_run(run_below(tmp_path)).unfinished
    assert second.before >= 4
    assert second.peak_bytes > 0


@pytest.mark.process
def test_a_sweep_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"exit code 4:\n(.|\n)*nosuch"):
        sit(tmp_path, ["--backend", "nosuch"], 0.05)


@pytest.mark.process
def test_stored_runs_are_read_by_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cells", "0", "--stored", "4"]) == 0
    said = capsys.readouterr().out
    assert "two stored runs of 4 cells, 360 generations together" in said
    assert [line.split()[0] for line in said.splitlines() if "CPU time" in line] == ["verify", "report", "compare"]


@pytest.mark.process
def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="verify ended with exit code"):
        cost_of("verify", "nosuch", "--results-dir", str(tmp_path))


@pytest.mark.parametrize("wrong", [("--cells", "-1"), ("--blocks", "0")])
def test_what_cannot_be_is_refused(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == 4
    assert "whole numbers" in capsys.readouterr().err
