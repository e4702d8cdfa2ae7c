"""The quality pass of a stored run: of the loads that were timed, or of none."""

from __future__ import annotations

import atexit
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from backends.contract import Text
from bench.commands.quality import main
from bench.findings import Code
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.store_rows import Row
from bench.observe.limits import limits
from bench.observe.machine import hardware, machine_id
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venv, Venvs
from bench.run import machine_lock, score_stored
from bench.run.doctor.readiness import Readiness
from bench.run.doctor.system import SystemFacts
from bench.run.machine_lock import MachineLock
from bench.store.digests import differences, record_digests
from bench.store.files import write_json
from bench.store.reader import StoredRun, open_run
from bench.store.schema import PIECES
from bench.store.writer import replace_rows
from tests.support.rows import quality_row
from tests.support.stored_runs import FakeRun

RUN_ID = "20261122T211735Z-3f9a1c"


def simulated(ratio: float, precision: str = "int4") -> Load:
    return Load("simulated", "CPU", precision, {"perplexity_ratio": ratio})


def write(folder: Path, *loads: Load, **changes: Any) -> Path:
    """A stored run of this machine."""
    fake = FakeRun(loads=loads, blocks=1, repeats=1, prompt_tokens=(8,), new_tokens=(2,))
    here = {"machine_id": machine_id(), "machine": hardware(limits())}
    record = {**here, "venvs": {}, **changes.pop("record", {})}
    return replace(fake, record={**fake.record, **record}, **changes).write(folder / "results")


class Asked:
    """How the command is called, and what it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, *arguments: str) -> tuple[int, str]:
        folders = ("--results-dir", str(self.folder / "results"), "--reports-dir", str(self.folder / "reports"))
        status = main([*arguments, *folders])
        said = self._capsys.readouterr()
        return status, said.out + said.err

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(open_run(self.folder / "results" / RUN_ID).table("quality").to_pylist())

    @property
    def reported(self) -> bool:
        return (self.folder / "reports" / RUN_ID / "index.html").is_file()


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Loads are played: each text has the perplexity that the load was told."""

    def play(
        load: Load,
        plan: LoadPlan,
        facts: RunFacts,
        scratch: Path,
        texts: Sequence[Text],
        reference: Any,
        seconds: float,
    ) -> list[Row]:
        ratio = load.options["perplexity_ratio"]
        if ratio == 0:
            raise KeyboardInterrupt
        return [quality_row(load, text=text.name, log_probs=[-ratio] * 20) for text in texts]

    monkeypatch.setattr("bench.run.quality.score_load", play)
    monkeypatch.setattr(score_stored, "look", lambda *_: Readiness((), SystemFacts(windows=False)))
    monkeypatch.setattr(score_stored, "describe_venvs", lambda named: {name: {} for name in named})
    return Asked(tmp_path, capsys)


@pytest.mark.slow
def test_the_newest_run_is_scored_and_reported(tmp_path: Path, ask: Asked) -> None:
    write(tmp_path, simulated(1.0), simulated(1.1, "int8"))
    status, said = ask()
    assert (status, ask.reported, {row["status"] for row in ask.rows}) == (0, True, {"ok"})
    assert "quality 2 of 2: simulated CPU int8" in said


def test_a_run_that_ctrl_c_leaves_with_other_files_has_their_digests(
    tmp_path: Path, ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, simulated(1.0))
    record_digests(path)

    def stopped(run: StoredRun, *_: object) -> None:
        write_json(run.path / PIECES, {"1": "one"})
        raise KeyboardInterrupt

    monkeypatch.setattr(score_stored, "keep_pieces", stopped)
    assert ask()[0] == 130
    assert differences(path) == []


@pytest.mark.slow
def test_what_was_scored_before_is_replaced_and_what_was_not_asked_again_stays(tmp_path: Path, ask: Asked) -> None:
    path = write(tmp_path, simulated(1.0))
    ask()
    once = ask.rows
    other = quality_row(Load("gone", "CPU", "int4"), text="chat-1", log_probs=[-1.0])
    replace_rows(open_run(path), "quality", pc.scalar(value=True), [other])
    ask()
    assert len(ask.rows) == len(once) + 1


@pytest.mark.slow
def test_a_load_that_is_broken_is_found_once(tmp_path: Path, ask: Asked) -> None:
    path = write(tmp_path, simulated(9.0), simulated(1.0, "int8"))
    ask()
    ask()
    assert open_run(path).table("findings")["code"].to_pylist() == [Code.BROKEN.word]


@pytest.mark.slow
def test_a_load_whose_environment_cannot_be_made_keeps_what_it_had(
    tmp_path: Path, ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, simulated(1.0))
    ask()
    before = ask.rows
    monkeypatch.setattr(Venvs, "of", lambda *_: Venv(failed=("ERROR: no network",)))
    monkeypatch.setattr(
        "bench.run.quality.score_load", lambda one, *_: [quality_row(one, status="failed", error_message="no network")]
    )
    status, said = ask()
    assert (status, ask.rows) == (1, before)
    assert "not scored: simulated-CPU-int4: no network" in said


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_scored(tmp_path: Path, ask: Asked) -> None:
    write(tmp_path, simulated(1.0), simulated(0, "int8"))
    status, said = ask()
    assert (status, {row["load_key"] for row in ask.rows}) == (130, {simulated(1.0).key})
    assert "stopped; what was scored is kept" in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"end": None}, "has no end.json: the run still goes on, or was killed"),
        ({"record": {"machine_id": "another"}}, "was measured on another machine: its loads can be scored there alone"),
        ({"record": {"machine": {"cpu": {"name": "another"}}}}, "was measured on another machine"),
        (
            {"loads": (Load("simulated", "CPU", "int4", {"perplexity_ratio": 1}, variant="a"),)},
            "a variant of `nox -s ab`",
        ),
        ({"record": {"plan": {}}}, "has no plan with loads"),
    ],
)
def test_a_run_that_cannot_be_scored_is_refused(tmp_path: Path, ask: Asked, changes: dict[str, Any], why: str) -> None:
    loads = changes.pop("loads", (simulated(1.0),))
    write(tmp_path, *loads, **changes)
    status, said = ask()
    assert (status, why in said, ask.rows) == (1, True, [])


@pytest.mark.slow
def test_variants_that_are_load_options_can_be_scored(tmp_path: Path, ask: Asked) -> None:
    load = Load("simulated", "CPU", "int4", {"perplexity_ratio": 1.0}, variant="a")
    write(tmp_path, load, variants={"a": {"spec": "simulated.perplexity_ratio=1.0", "kind": "options"}})
    assert (ask()[0], {row["load_key"] for row in ask.rows}) == (0, {load.key})


# A run names the device of a venv where it has several of the stack, all of which need not be scored.
@pytest.mark.parametrize("recorded", ["simulated", "simulated (CPU)"])
def test_another_version_of_a_stack_is_not_what_was_timed(
    tmp_path: Path, ask: Asked, monkeypatch: pytest.MonkeyPatch, recorded: str
) -> None:
    write(tmp_path, simulated(1.0), record={"venvs": {recorded: {"packages": {"The_Stack": "1.0", "other": "2"}}}})
    now = {"simulated": {"packages": {"the-stack": "1.1", "other": "2", "new": "3"}}}
    monkeypatch.setattr(score_stored, "describe_venvs", lambda _: now)
    status, said = ask()
    assert (status, "not the one that was timed: the-stack 1.1 (was 1.0); measure it again" in said) == (1, True)


def test_a_run_that_is_not_there_is_refused(ask: Asked) -> None:
    status, said = ask("nothing")
    assert (status, said.startswith("error: there is no run nothing, neither as a folder nor in ")) == (4, True)


def test_one_run_is_scored_at_a_time(tmp_path: Path, ask: Asked) -> None:
    write(tmp_path, simulated(1.0))
    other = write(tmp_path / "other", simulated(1.0))
    other.rename(tmp_path / "results" / f"{RUN_ID}2")
    status, said = ask(f"{RUN_ID}*")
    assert (status, "matches 2 runs: name one" in said) == (4, True)


def test_a_time_that_is_none_is_refused(tmp_path: Path, ask: Asked) -> None:
    write(tmp_path, simulated(1.0))
    assert ask("--max-time", "long") == (4, "error: --max-time: expected a time such as 90m, 2h or 1800s, got 'long'\n")


def test_nox_is_told_which_environments_a_run_needs(tmp_path: Path, ask: Asked) -> None:
    write(
        tmp_path, Load("openvino-genai", "CPU", "int4"), Load("simulated", "CPU", "int4"), Load("gone", "CPU", "int4")
    )
    status, said = ask("--needs", "--", RUN_ID)
    assert (status, json.loads(said)) == (0, ["conversion", "openvino-genai"])


@pytest.fixture
def computing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the locks of runs, where the loads pass for such that compute something."""
    spec = replace(BACKENDS["simulated"], simulated=False)
    monkeypatch.setattr(machine_lock, "BACKENDS", {"simulated": spec})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_texts_are_not_scored_beside_another_run(computing: Path, ask: Asked) -> None:
    write(computing, simulated(1.0))
    other = MachineLock("other", "nox -s bench", print)
    other.take(shared=False, wait_s=0)
    status, said = ask()
    other.release()
    assert (status, said.startswith("error: another run measures on this machine: run other (process ")) == (1, True)
    assert ask.rows == []


@pytest.mark.slow
def test_texts_that_are_scored_beside_other_runs_are_found_once(
    computing: Path, ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_end: list[Callable[[], object]] = []
    monkeypatch.setattr(atexit, "register", at_the_end.append)
    path = write(computing, simulated(1.0))
    for given in (["--shared"], ["--shared"], []):
        assert ask(*given)[0] == 0
        found = [(row["code"], row["severity"]) for row in open_run(path).table("findings").to_pylist()]
        # Scored again alone, they take the place of those.
        assert found == ([("shared", "info")] if given else [])
        while at_the_end:
            at_the_end.pop()()
