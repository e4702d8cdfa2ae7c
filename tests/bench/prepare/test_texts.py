"""The texts that ship with the project and that quality is measured on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.prepare.preparation import CORPUS, TEXTS
from bench.prepare.prompts import TEXT_TOKENS, kind_of

FILES = sorted(TEXTS.glob("*.txt"))
KINDS = Counter(kind_of(file.stem) for file in FILES)
WORKS = {file.stem for file in CORPUS.glob("*.txt")}


def test_every_kind_of_work_has_two_texts() -> None:
    assert min(KINDS[kind] for kind in WORKS) >= 2


def test_four_other_languages_have_texts() -> None:
    assert len(KINDS.keys() - WORKS) >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_texts_of_a_kind_are_numbered_from_one(kind: str) -> None:
    names = {file.stem for file in FILES if kind_of(file.stem) == kind}
    assert names == {f"{kind}-{number}" for number in range(1, KINDS[kind] + 1)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_text_is_long_enough_to_be_cut(file: Path) -> None:
    # A tokenizer that knows the language well makes about one id of four letters, of two where a letter is a syllable.
    letters = file.read_text("utf-8")
    assert len(letters) >= TEXT_TOKENS * (2 if not letters[0].isascii() else 5)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_text_is_the_same_bytes_everywhere(file: Path) -> None:
    data = file.read_bytes()
    assert (b"\r" in data, data.startswith(b"\xef\xbb\xbf"), data.endswith(b"\n")) == (False, False, True)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_no_text_shares_a_sentence_with_the_corpus(file: Path) -> None:
    corpus = "\n".join(text.read_text("utf-8") for text in CORPUS.glob("*.txt"))
    words = file.read_text("utf-8").split()
    runs = {" ".join(words[start : start + 8]) for start in range(len(words) - 7)}
    assert not [run for run in runs if run in corpus]
