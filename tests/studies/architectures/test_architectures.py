"""What the study of architectures makes of answers and refusals, and the table that it prints."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.errors import BenchError, ModelRefused, PrepareError, UsageError, WorkerFailed, WorkerUnsupported
from bench.plan.backends import BACKENDS
from bench.plan.venvs import Venvs
from studies.architectures.__main__ import main
from studies.architectures.measured import NEW_TOKENS, PROMPT_TOKENS, STACKS, Outcome, Study, TinyModel, compared
from studies.architectures.tiny import MODELS

WANTED = [list(range(NEW_TOKENS)) for _ in PROMPT_TOKENS]
GAPS = [[1.0] * NEW_TOKENS for _ in PROMPT_TOKENS]


def tiny(gaps: list[list[float]] = GAPS) -> TinyModel:
    preparer: Any = SimpleNamespace()
    return TinyModel("Tiny", preparer, WANTED, gaps)


def changed(prompt: int, place: int) -> list[list[int]]:
    ids = [list(row) for row in WANTED]
    ids[prompt][place] = 99
    return ids


def test_the_same_ids_are_called_that() -> None:
    assert compared(WANTED, tiny()) == "same ids"


@pytest.mark.parametrize("prompt", [0, 1])
def test_the_first_other_id_is_named(prompt: int) -> None:
    assert compared(changed(prompt, 4), tiny()) == f"differs at token 5 after {PROMPT_TOKENS[prompt]}"


def test_a_near_tie_is_said() -> None:
    gaps = [[1.0] * NEW_TOKENS, [1.0, 1e-6, *[1.0] * (NEW_TOKENS - 2)]]
    assert compared(changed(1, 1), tiny(gaps)).endswith("(a near tie)")
    assert compared(changed(1, 2), tiny(gaps)).endswith(str(PROMPT_TOKENS[1]))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelRefused("no such models"), "refused"),
        (UsageError("no such precision"), "refused"),
        (WorkerUnsupported("no cache"), "refused"),
        (PrepareError("converting failed (all it printed is in /somewhere/log)\n  a line"), "fails"),
        (WorkerFailed("the stack could not"), "fails"),
    ],
)
def test_a_refusal_is_told_from_a_failure(
    error: BenchError, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(*_: object) -> None:
        raise error

    monkeypatch.setattr(Study, "answers", answers)
    study = Study(tmp_path, Venvs(None, {}), print)
    assert study.outcome(tiny(), "ort-genai") == Outcome(said, str(error).partition(" (all")[0])


def test_a_stack_that_is_not_there_is_not_tried(tmp_path: Path) -> None:
    outcome = Study(tmp_path, Venvs(None, {}), print).outcome(tiny(), "llama-cpp")
    assert (outcome.said, "there is no llama-cpp venv" in outcome.reason) == ("not tried", True)


def test_a_reason_names_no_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(*_: object) -> None:
        raise WorkerFailed(f"cannot load {tmp_path / 'cache'}: it is empty")

    monkeypatch.setattr(Study, "answers", answers)
    said = Study(tmp_path, Venvs(None, {}), print).outcome(tiny(), "ort-genai").reason
    assert (said.startswith(f"cannot load {tmp_path.name}"), str(tmp_path.parent) in said) == (True, False)


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_is_asked_by_options_that_it_has(stack: str) -> None:
    assert STACKS[stack].keys() <= BACKENDS[stack].options.keys()


def test_the_table_has_a_row_for_each_model_and_each_reason_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outcomes = {
        "ort-genai": Outcome("same ids", versions={"onnxruntime-genai": "1"}),
        "optimum-intel": Outcome("refused", "too new"),
        "openvino-genai": Outcome("refused", "too new"),
    }
    monkeypatch.setattr(Study, "models", lambda _, names: [SimpleNamespace(name=name) for name in names])
    monkeypatch.setattr(Study, "outcome", lambda _, model, stack: outcomes[stack])
    first, second = list(MODELS)[:2]
    only = ("--only", first, "--only", second, *(part for stack in outcomes for part in ("--stack", stack)))
    assert main([*only, "--folder", str(tmp_path)]) == 0
    header, _, one, other, _, reason, _, versions = capsys.readouterr().out.splitlines()
    assert header == f"| model | {' | '.join(outcomes)} |"
    assert [one, other] == [f"| {name} | same ids | refused (1) | refused (1) |" for name in (first, second)]
    assert (reason, versions) == ("1. too new", "Versions: onnxruntime-genai 1")


@pytest.mark.parametrize("asked", [("--only", "nothing"), ("--stack", "nothing"), ("--worker", "ort-genai=nowhere")])
def test_what_cannot_be_is_refused(asked: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(asked), capsys.readouterr().err[:6]) == (4, "error:")
