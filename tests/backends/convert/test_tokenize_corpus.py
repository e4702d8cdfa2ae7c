from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from backends.convert.tokenize_corpus import openers, prefix


@dataclass
class Vocabulary:
    """As much of a tokenizer as is asked for; a text is one id per word, after ``before``."""

    tokens: list[str]
    all_special_ids: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)

    def get_vocab(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens)}

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        ids = [7 for _ in text.split()]
        return {"input_ids": [*self.before, *ids, *self.after] if add_special_tokens else ids}


@pytest.mark.parametrize("token", ["\u0120house", "\u2581house", "\u0120The"])
def test_a_word_of_three_letters_opens(token: str) -> None:
    assert openers(Vocabulary([token]), 10) == [0]


@pytest.mark.parametrize("token", ["", "house", "\u0120of", "\u0120b3d", "\u0120", "\u0120caf\u00e9", "<|house|>"])
def test_anything_else_does_not_open(token: str) -> None:
    assert openers(Vocabulary([token]), 10) == []


def test_special_tokens_do_not_open() -> None:
    assert openers(Vocabulary(["\u0120house"], all_special_ids=[0]), 10) == []


def test_ids_beyond_the_embedding_do_not_open() -> None:
    assert openers(Vocabulary(["\u0120house", "\u0120garden"]), 1) == [0]


def test_openers_ascend() -> None:
    assert openers(Vocabulary(["\u0120zebra", "\u0120apple"]), 10) == [0, 1]


def test_a_bos_is_what_stands_before_the_text() -> None:
    assert prefix(Vocabulary([], before=[1], after=[2])) == [1]


def test_a_tokenizer_without_a_bos_puts_nothing_before() -> None:
    assert prefix(Vocabulary([])) == []
