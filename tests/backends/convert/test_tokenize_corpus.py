from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.convert import tokenize_corpus
from backends.convert.tokenize_corpus import openers, pieces, prefix


@dataclass
class Vocabulary:
    """As much of a tokenizer as is asked for; a text is one id per word, after ``before``."""

    tokens: list[str]
    all_special_ids: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)

    def get_vocab(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens)}

    def __call__(self, text: str, *, add_special_tokens: bool = True, verbose: bool = True) -> dict[str, list[int]]:
        del verbose
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


@pytest.mark.parametrize(
    ("token", "piece"),
    [
        ("\u0120house", " house"),
        ("\u010a", "\n"),
        ("\u00c3\u00a9t\u00c3\u00a9", "\u00e9t\u00e9"),
        ("\u00e4\u00bd", "\\xe4\\xbd"),
        ("<|end|>", "<|end|>"),
        ("    ", "    "),
    ],
)
def test_a_token_of_a_byte_level_vocabulary_reads_as_its_bytes(token: str, piece: str) -> None:
    assert pieces(Vocabulary([token, "\u0120a", "\u0120b"]), 3)[0] == piece


@pytest.mark.parametrize(
    ("token", "piece"),
    [
        ("\u2581house", " house"),
        ("\u2581\u2581", "  "),
        ("<0x0A>", "\n"),
        ("<0xE4>", "\\xe4"),
        ("\u00e9t\u00e9", "\u00e9t\u00e9"),
        ("</s>", "</s>"),
    ],
)
def test_a_token_of_sentence_piece_reads_with_its_spaces(token: str, piece: str) -> None:
    assert pieces(Vocabulary([token, "\u2581a", "\u2581b"]), 3)[0] == piece


def test_every_byte_has_a_letter_of_its_own() -> None:
    letters = [chr(code) for code in range(33, 324) if code != 127]
    read = pieces(Vocabulary([*letters, *(f"\u0120{letter}" for letter in letters)]), len(letters))
    ascii_ones = [piece for piece in read if piece is not None and len(piece) == 1 and piece.isascii()]
    assert sorted(ascii_ones) == [chr(code) for code in range(128)]


def test_ids_are_pieces_up_to_the_embeddings_rows() -> None:
    assert pieces(Vocabulary(["a"]), 3) == ["a", None, None]


Tokenized = Callable[..., dict[str, list[int]]]


@pytest.fixture
def tokenized(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tokenized:
    """The texts of quality as a tokenizer makes them; ten words each."""
    files = {part: tmp_path / f"{part}-1.txt" for part in ("corpus", "texts")}
    for file in files.values():
        file.write_text("word " * 10, "utf-8")

    def make(tokenizer: Vocabulary, text_tokens: int = 160) -> dict[str, list[int]]:
        monkeypatch.setattr(tokenize_corpus, "load_tokenizer", lambda _: tokenizer)
        options = {part: [str(file)] for part, file in files.items()}
        tokenize_corpus.convert("model", tmp_path, {**options, "vocab_size": 8, "text_tokens": text_tokens})
        texts: dict[str, list[int]] = json.loads((tmp_path / "prompts.json").read_text("utf-8"))["texts"]
        return texts

    return make


def test_a_text_begins_with_the_models_bos(tokenized: Tokenized) -> None:
    assert tokenized(Vocabulary(["\u0120house"], before=[1], after=[2])) == {"texts-1": [1, *[7] * 10]}


def test_a_text_of_a_tokenizer_without_a_bos_is_the_text_alone(tokenized: Tokenized) -> None:
    assert tokenized(Vocabulary(["\u0120house"])) == {"texts-1": [7] * 10}


def test_a_text_is_cut_with_its_bos(tokenized: Tokenized) -> None:
    assert tokenized(Vocabulary(["\u0120house"], before=[1]), text_tokens=4) == {"texts-1": [1, 7, 7, 7]}


def test_pieces_lie_beside_the_prompts(tokenized: Tokenized, tmp_path: Path) -> None:
    tokenized(Vocabulary(["\u0120house"]))
    assert json.loads((tmp_path / "pieces.json").read_text("utf-8")) == [" house", *[None] * 7]
