from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Question, Text
from bench.errors import MachineError, PrepareError
from bench.prepare import stage
from bench.prepare.cache import Artifact
from bench.prepare.conversion_cost import estimate
from bench.prepare.stage import Preparer

pytestmark = pytest.mark.process

TEXTS = [Text("chat-1", (1, 2, 3)), Text("longest-prompt", (4, 5, 6, 7), 2)]
QUESTIONS = [Question("a", (1, 2), 3), Question("b", (3, 4), 3)]
PARAMETERS = 96  # of the directory in conftest.py
Reference = Callable[..., Artifact]


@pytest.fixture
def reference(
    preparer_of: Callable[..., Preparer], model_directory: Path, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> Reference:
    """The reference of a small directory, as a new run asks for it, with ``room`` in the memory for that many bytes."""

    def make(texts: list[Text] = TEXTS, room: int = 10**12, questions: Sequence[Question] = QUESTIONS) -> Artifact:
        monkeypatch.setattr(stage, "free_memory_bytes", lambda: room)
        return preparer_of(str(model_directory)).reference(texts, questions)

    return make


def needed(bytes_per_weight: int) -> int:
    return estimate("", "reference", "", PARAMETERS, PARAMETERS * bytes_per_weight).memory_bytes


def test_a_reference_is_made_once(reference: Reference, stand_in: Any) -> None:
    assert reference() == reference()
    assert stand_in.calls == ["reference"]


def test_a_reference_is_in_single_precision_where_that_fits(reference: Reference) -> None:
    assert reference().precision == "fp32"


def test_a_reference_is_in_half_as_many_bits_where_only_they_fit(reference: Reference, stand_in: Any) -> None:
    assert (reference(room=needed(4) - 1).precision, stand_in.options["precision"]) == ("bf16", "bf16")


def test_a_reference_that_is_there_needs_no_memory(reference: Reference) -> None:
    reference()
    assert reference(room=0).precision == "fp32"


def test_a_wider_reference_is_made_once_it_fits(reference: Reference) -> None:
    reference(room=needed(2))
    assert reference().precision == "fp32"


def test_without_room_for_a_reference_what_is_needed_and_free_is_said(reference: Reference, stand_in: Any) -> None:
    with pytest.raises(MachineError, match=r"of my-model needs about 1\.0 GB of memory, 0\.9 GB are free: close pro"):
        reference(room=900_000_000)
    assert stand_in.calls == []


def test_other_texts_have_another_reference(reference: Reference) -> None:
    assert reference(TEXTS[:1]).digest != reference(TEXTS).digest


@pytest.mark.parametrize("other", [Text("chat-1", (1, 2, 4)), Text("chat-2", (1, 2, 3)), Text("chat-1", (1, 2, 3), 1)])
def test_ids_name_and_start_make_a_text(reference: Reference, other: Text) -> None:
    assert reference([other]).digest != reference(TEXTS[:1]).digest


@pytest.mark.parametrize("other", [Question("a", (1, 2), 4), Question("a", (1, 3), 3), Question("b", (1, 2), 3)])
def test_other_questions_have_another_reference(reference: Reference, other: Question) -> None:
    assert reference(questions=[other]).digest != reference(questions=QUESTIONS[:1]).digest


def test_the_converter_is_given_the_texts_and_the_questions(reference: Reference, stand_in: Any) -> None:
    reference()
    given = stand_in.options
    assert [Text(**{**text, "ids": tuple(text["ids"])}) for text in given["texts"]] == TEXTS
    assert [Question(**{**one, "ids": tuple(one["ids"])}) for one in given["questions"]] == QUESTIONS


def test_a_text_may_fill_the_context(reference: Reference) -> None:
    assert reference([Text("chat-1", (1,) * 100)]).precision == "fp32"


def test_a_text_beyond_the_context_is_refused_with_both_lengths(reference: Reference) -> None:
    with pytest.raises(PrepareError, match="text chat-1 has 101 tokens, more than the 100 of my-model's context"):
        reference([Text("chat-1", (1,) * 101)])
