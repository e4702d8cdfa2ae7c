"""Texts are scored by decode steps whose choice is given, against a stand-in for GenAI's generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from backends.contract import Scores, Text
from backends.ort_scoring import forced_scores

VOCABULARY = 20


def logits_after(ids: Sequence[int]) -> Any:
    """What the stand-in thinks of the next id: another for each sequence of ids."""
    return np.random.default_rng([len(ids), *ids]).standard_normal(VOCABULARY).astype(np.float32)


@dataclass
class Stack:
    """Makes generators, and remembers what for.

    Args:
        largest_batch: what is larger is refused.
        fails_at: length of the sequences of a batch at which it fails.
        deaf: whether the logits that it is given change nothing.
    """

    largest_batch: int = 99
    fails_at: int | None = None
    deaf: bool = False
    made: list[tuple[int, int]] = field(default_factory=list)
    prefilled: list[int] = field(default_factory=list)

    def __call__(self, batch_size: int, max_length: int) -> Generator:
        self.made.append((batch_size, max_length))
        return Generator(self, max_length)


@dataclass
class Generator:
    """Behaves as GenAI's does."""

    stack: Stack
    max_length: int
    sequences: list[list[int]] = field(default_factory=list)
    logits: Any = None

    def append_tokens(self, ids: Any) -> None:
        if len(ids) > self.stack.largest_batch:
            raise RuntimeError("no batch of this size")
        self.stack.prefilled.append(ids.shape[1])
        self.sequences = ids.tolist()

    def get_logits(self) -> Any:
        if len(self.sequences) > 1 and len(self.sequences[0]) == self.stack.fails_at:
            raise RuntimeError("out of memory")
        self.logits = np.stack([logits_after(ids) for ids in self.sequences])[:, np.newaxis]
        return self.logits.copy()

    def set_logits(self, logits: Any) -> None:
        assert logits.shape == self.logits.shape
        if not self.stack.deaf:
            self.logits = logits.copy()

    def generate_next_token(self) -> None:
        for ids, row in zip(self.sequences, self.logits[:, 0], strict=True):
            ids.append(int(row.argmax()))
        assert len(self.sequences[0]) < self.max_length

    def get_next_tokens(self) -> Any:
        return np.array([ids[-1] for ids in self.sequences], dtype=np.int32)


def rows(scores: Sequence[Scores], text: int) -> tuple[list[int], Any]:
    """The positions of one text in the order in which they came, and their logits."""
    found = [one for one in scores if one.text == text]
    return [one.position for one in found], np.concatenate([one.logits for one in found])


def expected(text: Text) -> tuple[list[int], Any]:
    positions = range(text.start, len(text.ids) - 1)
    return list(positions), np.stack([logits_after(text.ids[: position + 1]) for position in positions])


LONG = Text("long", (3, 1, 4, 1, 5, 9, 2, 6))
SHORT = Text("short", (2, 7, 1, 8, 2))
LATE = Text("late", (1, 6, 1, 8, 0, 3), start=2)
ONE_ID = Text("one id", (5,))


def check(stack: Stack, *texts: Text) -> None:
    scores = list(forced_scores(stack, texts))
    for index, text in enumerate(texts):
        positions, logits = rows(scores, index)
        assert positions == expected(text)[0]
        assert np.array_equal(logits, expected(text)[1])


def test_each_position_sees_the_ids_before_it_and_no_others() -> None:
    check(Stack(), LONG)


def test_texts_of_one_start_go_side_by_side_whatever_their_length() -> None:
    stack = Stack()
    check(stack, LONG, SHORT)

    assert stack.made == [(2, len(LONG.ids))]


def test_a_pass_that_stops_early_has_seen_all_of_them() -> None:
    scores = forced_scores(Stack(), [LONG, SHORT])

    assert [(one.text, one.position) for one, _ in zip(scores, range(4), strict=False)] == [
        (0, 0),
        (1, 0),
        (0, 1),
        (1, 1),
    ]


def test_what_comes_before_the_start_is_read_in_one_call() -> None:
    stack = Stack()
    check(stack, LATE)

    assert stack.prefilled == [LATE.start + 1]


def test_texts_of_another_start_come_later() -> None:
    stack = Stack()
    check(stack, LONG, LATE, SHORT)

    assert stack.made == [(2, len(LONG.ids)), (1, len(LATE.ids))]


def test_a_stack_that_refuses_batches_is_asked_for_one_text_after_the_other() -> None:
    stack = Stack(largest_batch=1)
    check(stack, LONG, SHORT)

    assert stack.made == [(2, len(LONG.ids)), (1, len(LONG.ids)), (1, len(SHORT.ids))]


@pytest.mark.parametrize("length", [1, 3, 6])
def test_after_a_batch_that_fails_the_texts_go_on_alone_where_it_stopped(length: int) -> None:
    check(Stack(fails_at=length), LONG, SHORT)


def test_what_fails_with_one_text_too_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no batch"):
        list(forced_scores(Stack(largest_batch=0), [LONG, SHORT]))


def test_a_stack_that_chooses_other_ids_scores_nothing_behind_them() -> None:
    with pytest.raises(RuntimeError, match="other ids"):
        list(forced_scores(Stack(deaf=True), [LONG]))


def test_a_text_without_a_next_id_has_nothing_to_score() -> None:
    assert list(forced_scores(Stack(), [ONE_ID])) == []
