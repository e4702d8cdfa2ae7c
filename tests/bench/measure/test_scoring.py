from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.contract import Scores, Text
from backends.scoring import reference_arrays
from backends.spec import BackendSpec
from bench.errors import WorkerFailed, WorkerUnsupported
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.scoring import Reference, left_out, profile_load, score_load
from bench.measure.verdict import Placement
from bench.measure.worker import Timeouts
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venv
from bench.prepare.prompts import Prompt

pytestmark = pytest.mark.process

Rows = list[dict[str, Any]]

SCORING = BackendSpec(
    "simulated", "backends.odd:Odd", None, "none", {"CPU": ("int4",)}, ("int4",), scores=("CPU",), simulated=True
)
SCORES = """
    def score(self, artifact, device, options, texts):
        import time
        import numpy as np
        from backends.contract import Scores
        how = options.extra.get("how")
        if how == "refuses":
            raise UnsupportedError("this artifact gives no logits")
        for index, text in enumerate(texts):
            if how == "crashes" or (how == "crashes on long" and text.name == "longest-prompt"):
                os._exit(3)
            if how == "hangs":
                with open(options.extra["hung"], "w") as hung:
                    hung.write(str(os.getpid()))
                time.sleep(600)
            rows = np.zeros((text.positions, 8))
            if how == "nan":
                rows[1] = np.nan
            if how == "log-probs":
                yield Scores(index, text.start, log_probs=np.full(text.positions, -2.0))
            else:
                yield Scores(index, text.start, logits=rows)
"""
TEXTS = (Text("chat-1", (1, 2, 3, 4)), Text("longest-prompt", (1, 2, 3, 4, 5, 6), start=2))
UNIFORM = pytest.approx([-np.log(8)] * 3)

AMPLE = Timeouts(start_s=600, open_s=600, load_s=600, generation_s=600)

Ask = Callable[..., Rows]


@pytest.fixture
def ask(other_root: Path, tmp_path: Path, hung: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Has a stand-in score two texts of 3 positions each."""
    with (other_root / "backends" / "odd.py").open("a", encoding="utf-8") as file:
        file.write(SCORES)
    monkeypatch.setitem(BACKENDS, "simulated", SCORING)
    facts = RunFacts("0" * 16, "model", None, None, AMPLE, tmp_path)

    def one(
        how: str = "",
        reference: Path | None = None,
        load_plan: LoadPlan | None = None,
        seconds: float = 600.0,
        device: str = "CPU",
    ) -> Rows:
        plan = load_plan or LoadPlan(Venv(sys.executable))
        known = None if reference is None else Reference("whole model fp32", reference, tmp_path)
        load = Load("simulated", device, "int4", {"how": how, "hung": str(hung)})
        return score_load(load, plan, facts, tmp_path / "score", TEXTS, known, seconds)

    return one


def write(path: Path, texts: Sequence[Text] = TEXTS, vocabulary: int = 8) -> Path:
    """The reference of a model that finds all ids equally likely."""
    scores = (
        Scores(index, text.start, logits=np.zeros((text.positions, vocabulary))) for index, text in enumerate(texts)
    )
    np.savez_compressed(path, **reference_arrays(scores, texts))
    return path


def why(rows: Rows) -> tuple[str, str, str]:
    """The one row that there is, which is of no text."""
    (row,) = rows
    assert "text" not in row
    assert row["load_key"]
    return row["status"], row["error_type"], row["error_message"]


def test_each_text_has_a_row_with_a_value_per_position(ask: Ask) -> None:
    rows = ask()
    assert [(row["text"], row["kind"], row["first_position"], row["positions"]) for row in rows] == [
        ("chat-1", "chat", 0, 3),
        ("longest-prompt", "longest-prompt", 2, 3),
    ]
    assert all((row["log_probs"], row["top_ids"], row["status"]) == (UNIFORM, [0, 0, 0], "ok") for row in rows)


def test_what_was_not_compared_is_null(ask: Ask) -> None:
    names = ("reference", "reference_log_probs", "kl", "same_top")
    assert [row[name] for row in ask() for name in names] == [None] * 8


def test_a_reference_stands_in_the_row_with_what_it_says(ask: Ask, tmp_path: Path) -> None:
    first, _ = ask(reference=write(tmp_path / "reference.npz"))
    assert (first["reference"], first["same_top"]) == ("whole model fp32", [True] * 3)
    assert (first["reference_log_probs"], first["kl"]) == (UNIFORM, pytest.approx([0.0] * 3, abs=1e-6))


def test_a_text_that_the_reference_lacks_is_compared_with_none(ask: Ask, tmp_path: Path) -> None:
    rows = ask(reference=write(tmp_path / "reference.npz", TEXTS[:1]))
    assert [row["reference"] for row in rows] == ["whole model fp32", None]


def test_a_stack_without_logits_has_no_divergence(ask: Ask, tmp_path: Path) -> None:
    first, _ = ask("log-probs", write(tmp_path / "reference.npz"))
    assert (first["log_probs"], first["top_ids"], first["kl"], first["same_top"]) == ([-2.0] * 3, None, None, None)
    assert first["reference_log_probs"] == UNIFORM


def test_a_logit_that_is_no_number_is_null_where_it_is(ask: Ask) -> None:
    first, _ = ask("nan")
    assert [value is None for value in first["log_probs"]] == [False, True, False]


def test_what_was_reached_in_time_is_kept(ask: Ask) -> None:
    assert [row["text"] for row in ask(seconds=0.0)] == ["chat-1"]


def test_a_reference_of_another_vocabulary_is_no_reference(ask: Ask, tmp_path: Path) -> None:
    other = write(tmp_path / "reference.npz", vocabulary=900)
    status, kind, message = why(ask(reference=other))
    assert (status, kind, "they are not the same model" in message) == ("failed", "ArtifactError", True)


def test_a_reference_that_cannot_be_read_is_named(ask: Ask, tmp_path: Path) -> None:
    damaged = tmp_path / "reference.npz"
    damaged.write_bytes(b"nothing")
    assert str(damaged) in why(ask(reference=damaged))[2]


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ("refuses", "unsupported", "this artifact gives no logits"),
        ("crashes", "crashed", "the worker died (exit code 3)"),
        ("hangs", "timeout", "the worker did not answer with 'scored' within 1200 s and was stopped"),
    ],
)
def test_a_load_that_cannot_be_scored_is_a_row_with_its_reason(ask: Ask, how: str, status: str, said: str) -> None:
    found, _, message = why(ask(how))
    assert (found, said in message) == (status, True)


def test_a_load_that_fails_with_the_longest_prompt_is_asked_for_the_others(ask: Ask) -> None:
    refused, scored = ask("crashes on long")
    assert (refused["text"], refused["status"], refused["first_position"]) == ("longest-prompt", "crashed", 2)
    assert "the worker died (exit code 3)" in refused["error_message"]
    assert (scored["text"], scored["status"], scored["log_probs"]) == ("chat-1", "ok", UNIFORM)


def test_a_stack_that_the_table_does_not_name_is_not_asked(ask: Ask) -> None:
    assert why(ask(device="NPU")) == (
        "unsupported",
        "UnsupportedError",
        "simulated tells neither logits nor log-probabilities of given tokens on NPU",
    )


@pytest.mark.parametrize(
    "load_plan",
    [LoadPlan(Venv(sys.executable), refused=WorkerFailed("no artifact")), LoadPlan(Venv(failed=("no artifact",)))],
)
def test_what_cannot_be_loaded_is_a_row_with_its_reason(ask: Ask, load_plan: LoadPlan) -> None:
    assert why(ask(load_plan=load_plan)) == ("failed", "PrepareError", "no artifact")


def test_a_text_that_is_left_out_keeps_its_name(ask: Ask) -> None:
    row = left_out(Load("simulated", "CPU", "int4"), replace(TEXTS[0], name="code-12"), "too long")
    assert (row["text"], row["kind"], row["status"], row["error_message"]) == (
        "code-12",
        "code",
        "unsupported",
        "too long",
    )


PROFILED = BackendSpec(
    "simulated", "backends.odd:Odd", None, "none", {"DML": ("int4",)}, ("int4",), profiled=("DML",), simulated=True
)
PROFILE = """
    def profile(self, artifact, device, options, prompt, new_tokens):
        if options.precision == "int8":
            raise UnsupportedError("no profile of int8")
        return "Dml", {"Cpu": 0.25, "Dml": 0.75}
"""
PROMPT = Prompt((1, 2, 3), "3/0/0/0", "d", "chat")
HERE = LoadPlan(Venv(sys.executable))

AskForProfile = Callable[..., Placement | None]


@pytest.fixture
def ask_for_profile(other_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AskForProfile:
    """Asks a stand-in that profiles itself on DML."""
    with (other_root / "backends" / "odd.py").open("a", encoding="utf-8") as file:
        file.write(PROFILE)
    monkeypatch.setitem(BACKENDS, "simulated", PROFILED)
    facts = RunFacts("0" * 16, "model", None, None, AMPLE, tmp_path)

    def one(device: str = "DML.0", precision: str = "int4", load_plan: LoadPlan = HERE) -> Placement | None:
        return profile_load(Load("simulated", device, precision), load_plan, facts, tmp_path / "profile", PROMPT)

    return one


def test_the_stacks_own_profile_is_asked_for(ask_for_profile: AskForProfile) -> None:
    assert ask_for_profile() == Placement("Dml", {"Cpu": 0.25, "Dml": 0.75})


def test_the_share_is_that_of_the_requested_provider(ask_for_profile: AskForProfile) -> None:
    placement = ask_for_profile()
    assert placement is not None
    assert placement.share == 0.75


def test_a_device_without_a_profile_is_not_asked(ask_for_profile: AskForProfile) -> None:
    assert ask_for_profile(device="CPU") is None


@pytest.mark.parametrize(
    "load_plan",
    [
        replace(HERE, refused=WorkerFailed("no artifact")),
        replace(HERE, refused=WorkerUnsupported("no device")),
        LoadPlan(Venv(unsupported="none")),
    ],
    ids=["broken", "unsupported", "no venv"],
)
def test_what_cannot_be_loaded_is_not_asked(ask_for_profile: AskForProfile, load_plan: LoadPlan) -> None:
    assert ask_for_profile(load_plan=load_plan) is None


def test_a_profile_that_fails_is_a_reason_and_no_failure(ask_for_profile: AskForProfile) -> None:
    placement = ask_for_profile(precision="int8")
    assert placement is not None
    assert (placement.shares, placement.problem) == ({}, "no profile of int8")
