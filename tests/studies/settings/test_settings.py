"""Which runs the study of settings makes, and what it reads of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.analyse.interval import Estimate
from bench.errors import BenchError
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.prepare.recipes import INT4
from studies.settings import measured
from studies.settings.__main__ import main
from studies.settings.measured import COLUMNS, SETTINGS, Setting
from tests.support.stored_runs import FakeRun

LOADS = tuple(Load("ort-genai", "CPU", "int4", variant=name) for name in "ab")
SETTING = next(setting for setting in SETTINGS if setting.backend == "ort-genai")


@dataclass
class Bench:
    """Stands in for the runs and for what scores them, and keeps what it was asked.

    Args:
        run: what is written; ``None`` where a run ends before that.
        fails: what a run says that fails.
        unscored: what the scoring says that fails.
    """

    run: FakeRun | None
    fails: str | None = None
    unscored: str | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    scored: list[tuple[str, ...]] = field(default_factory=list)

    def measure(self, arguments: Sequence[str], folder: Path) -> None:
        self.asked.append(tuple(arguments))
        if self.run is not None:
            self.run.write(folder, f"run-{len(self.asked)}")
        if self.fails is not None:
            raise BenchError(self.fails)

    def run_module(self, *arguments: str) -> None:
        self.scored.append(arguments)
        if self.unscored is not None:
            raise BenchError(self.unscored)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    perplexity = {LOADS[0].label: 1.2, LOADS[1].label: 1.1}
    made = Bench(FakeRun(loads=LOADS, prompt_tokens=(8,), perplexity=perplexity))
    monkeypatch.setattr(measured, "measure", made.measure)
    monkeypatch.setattr(measured, "run_module", made.run_module)
    venvs = {name: {"python": "/somewhere/python"} for name in ("ort-genai", "openvino-genai")}
    monkeypatch.setenv("AIPC_BENCH_VENVS", json.dumps(venvs))
    return made


class Study:
    """How the study is called, and the rows that it printed."""

    def __init__(self, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.results, self._capsys = results, capsys

    def __call__(self, *names: str) -> list[list[str]]:
        only = [part for name in names for part in ("--only", name)]
        assert main([*only, "--results-dir", str(self.results), "--blocks", "3"]) == 0
        printed = self._capsys.readouterr().out.splitlines()
        assert (printed[0].count(" | "), printed[1]) == (len(COLUMNS) - 1, "|---" * len(COLUMNS) + "|")
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in printed[2:]]


@pytest.fixture
def study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Study:
    return Study(tmp_path, capsys)


def value(shown: str) -> float:
    return float(shown.partition(" ")[0])


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_is_options_that_its_load_has(setting: Setting) -> None:
    spec = BACKENDS[setting.backend]
    for given in filter(None, (*setting.options.split(","), *setting.base.split(","))):
        name, _, value = given.partition("=")
        assert spec.options[name].applies_to("CPU", setting.precision)
        assert name != "recipe" or value in INT4[spec.artifact_format]


def test_settings_are_told_apart_by_name() -> None:
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_a_setting_is_the_second_variant_and_the_default_the_first() -> None:
    own = Setting("one", "ort-genai", "int4", "recipe=plain")
    assert own.variants == ("--a", "current", "--b", "ort-genai.recipe=plain")


def test_what_it_is_compared_with_may_be_options_too() -> None:
    both = Setting("one", "openvino-genai", "int4", "x=1,y=0", "x=1")
    assert both.variants == ("--a", "openvino-genai.x=1", "--b", "openvino-genai.x=1,openvino-genai.y=0")


@pytest.mark.slow
def test_a_run_is_asked_for_as_a_user_would(bench: Bench, study: Study) -> None:
    study(SETTING.name)
    (asked,) = bench.asked
    assert asked[-4:] == SETTING.variants
    assert (asked[asked.index("--blocks") + 1], "--no-quality" in asked) == ("3", True)


def test_the_run_that_was_made_is_scored(bench: Bench, study: Study) -> None:
    study(SETTING.name)
    (scored,) = bench.scored
    assert scored[:3] == ("bench.commands", "quality", str(study.results / SETTING.name / "run-1"))


def test_a_row_has_the_ratios_of_times_and_of_perplexities(bench: Bench, study: Study) -> None:
    (row,) = study(SETTING.name)
    assert row[:3] == [SETTING.options, "ort-genai int4", "default"]
    assert [value(ratio) for ratio in row[5:8]] == pytest.approx([1.1 / 1.2, 1.2, 1.1], rel=0.05)
    assert all(re.fullmatch(r"[\d.]+ \([\d.]+ to [\d.]+\)", ratio) for ratio in row[3:8])


def test_a_single_block_has_no_interval() -> None:
    assert measured.shown(Estimate(0.9, None, None, 1)) == "0.900"


@pytest.mark.slow
def test_a_load_that_fails_is_told_by_its_reason(bench: Bench, study: Study) -> None:
    assert bench.run is not None
    bench.run.break_cells(LOADS[1].label, "failed", "no such kernel")
    bench.fails = "a run failed with status 1"
    (row,) = study(SETTING.name)
    assert (row[3:5], "no such kernel" in row[8], row[5] != "") == (["", ""], True, True)


def test_a_setting_that_fails_ends_no_other(bench: Bench, study: Study) -> None:
    bench.run, bench.fails = None, "a run failed with status 4"
    rows = study(SETTING.name, "openvino-genai-sdpa")
    assert [row[3:] for row in rows] == [["", "", "", "", "", "a run failed with status 4"]] * 2


def test_times_are_kept_where_nothing_could_be_scored(bench: Bench, study: Study) -> None:
    bench.run, bench.unscored = FakeRun(loads=LOADS, prompt_tokens=(8,)), "no load can be scored"
    (row,) = study(SETTING.name)
    assert (row[3] != "", row[5:]) == (True, ["", "", "", "no load can be scored"])


def test_a_stack_that_is_not_there_is_a_row_that_says_so(bench: Bench, study: Study) -> None:
    (row,) = study("llama-cpp-kv-q8_0")
    assert (row[8].startswith("not measured: there is no llama-cpp venv"), bench.asked) == (True, [])


@pytest.mark.parametrize("asked", [("--blocks", "0"), ("--only", "nothing")])
def test_what_cannot_be_is_refused(asked: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(asked), capsys.readouterr().err[:6]) == (4, "error:")
