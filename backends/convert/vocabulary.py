"""What a tokenizer's vocabulary offers for prompts."""

from __future__ import annotations

from typing import Any

_OPENER_LETTERS = 3


def openers(tokenizer: Any, limit: int) -> list[int]:
    """Ids below ``limit`` that begin an ordinary word of three letters or more, in ascending order.

    Prompts that begin with different ones share no prefix that a cache could answer from.
    """
    special = set(tokenizer.all_special_ids)
    vocabulary = sorted((index, token) for token, index in tokenizer.get_vocab().items())
    return [index for index, token in vocabulary if index < limit and index not in special and _begins_word(token)]


def _begins_word(token: str) -> bool:
    # Word starts are marked with U+0120 by byte-level vocabularies and with U+2581 by SentencePiece.
    word = token[1:]
    return token[:1] in "\u0120\u2581" and len(word) >= _OPENER_LETTERS and word.isascii() and word.isalpha()


def prefix(tokenizer: Any) -> list[int]:
    """The ids that the tokenizer puts before a text of its own accord: a BOS, where the model wants one."""
    bare = tokenizer("word", add_special_tokens=False)["input_ids"]
    dressed = tokenizer("word")["input_ids"]
    for start in range(len(dressed) - len(bare) + 1):
        if dressed[start : start + len(bare)] == bare:
            return list(dressed[:start])
    return []
