"""Preparing beforehand: what cannot be made is said, and the rest is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backends.contract import Question, Text
from bench.commands import models
from bench.errors import PrepareError
from bench.prepare.prompts import PromptBook

Prepare = Callable[[str], tuple[int, list[str]]]


class Preparer:
    """Makes every artifact but those of one format."""

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.made: list[str] = []
        self.lengths: list[tuple[int, int]] = []

    def model(self) -> Any:
        return SimpleNamespace(name="a-model", path=Path("a-model"), context_tokens=2048)

    def prompts(self) -> PromptBook:
        return PromptBook.made_up()

    def artifact(self, artifact_format: str, precision: str, device: str, int4: str) -> Any:
        del precision, device, int4
        if artifact_format == self.refused:
            raise PrepareError(f"{artifact_format} cannot be made of it")
        self.made.append(artifact_format)
        return SimpleNamespace(path=Path("made") / artifact_format)

    def reference(self, texts: Sequence[Text], questions: Sequence[Question]) -> Any:
        self.lengths = [(len(one.ids), one.new_tokens) for one in questions]
        return SimpleNamespace(precision="fp32", path=Path("made") / f"reference-of-{len(texts)}")


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Prepares int4 for two stacks; returns the exit status and the formats that were made."""

    def run(refused: str) -> tuple[int, list[str]]:
        preparer = Preparer(refused)
        monkeypatch.setattr(models, "preparation_for", lambda *_: preparer)
        flags = ("--backend", "openvino-genai,ort-genai", "--precision", "int4", "--device", "CPU", "--no-quality")
        return models.main(flags), preparer.made

    return run


def test_all_that_a_sweep_needs_is_made(prepare: Prepare) -> None:
    assert prepare("nothing") == (0, ["openvino-ir", "ort-genai"])


def test_a_conversion_that_fails_does_not_keep_the_others_from_being_made(
    prepare: Prepare, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare("openvino-ir") == (PrepareError("").exit_status, ["ort-genai"])
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
