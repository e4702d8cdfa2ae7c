"""Preparing beforehand: what cannot be made is said, and the rest is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.commands import models
from bench.errors import BenchError, MachineError, PrepareError
from bench.prepare.prompts import PromptBook
from tests.support.preparers import Preparer

Prepare = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Prepares int4 for two stacks; returns the exit status and the formats that were made."""

    def run(refused: str, error: type[BenchError] = PrepareError) -> tuple[int, list[str]]:
        preparer = Preparer(refused, error)
        monkeypatch.setattr(models, "preparation_for", lambda *_: preparer)
        flags = ("--backend", "openvino-genai,ort-genai", "--precision", "int4", "--device", "CPU", "--no-quality")
        return models.main(flags), preparer.made

    return run


def test_all_that_a_sweep_needs_is_made(prepare: Prepare) -> None:
    assert prepare("nothing") == (0, ["openvino-ir", "ort-genai"])


@pytest.mark.parametrize("error", [PrepareError, MachineError])
def test_a_conversion_that_fails_does_not_keep_the_others_from_being_made(
    prepare: Prepare, error: type[BenchError], capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare("openvino-ir", error) == (error.exit_status, ["ort-genai"])
    assert "error: openvino-ir cannot be made of it" in capsys.readouterr().err


def test_the_reference_scores_the_texts_and_answers_prompts_of_each_length(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preparer = Preparer("nothing")
    monkeypatch.setattr(models, "preparation_for", lambda *_: preparer)
    flags = ("--backend", "ort-genai", "--precision", "int4", "--device", "CPU", "--prompt-tokens", "32,2000")
    assert models.main((*flags, "--new-tokens", "8")) == 0
    assert preparer.lengths == [(32, 8)] * 3 + [(2000, 8)]
    made = Path("made") / f"reference-of-{1 + len(PromptBook.made_up().texts)}" / "reference.npz"
    assert f"reference transformers fp32: {made}" in capsys.readouterr().out
