"""The corpus and the texts of quality as ids of the model's own tokenizer, so that every stack gets the same ids."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from backends.contract import one_line
from backends.convert import ConversionError

PROMPTS_FILE = "prompts.json"
PIECES_FILE = "pieces.json"
_OPENER_LETTERS = 3


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``prompts.json`` and ``pieces.json`` for a directory with a model's tokenizer.

    The options are ``corpus``, text files, each the text of one kind of work and named after it; ``texts``, files that
    quality is measured on, in the order to keep; ``text_tokens``, the most ids of one of these; and ``vocab_size``, the
    rows of the model's embedding (a tokenizer may know ids beyond it). The facts are counts.
    """
    tokenizer = load_tokenizer(source)
    limit = options["vocab_size"]
    kinds = {file.stem: _ids(tokenizer, file, limit) for file in sorted(map(Path, options["corpus"]))}
    bos = prefix(tokenizer)
    texts = {
        file.stem: (bos + _ids(tokenizer, file, limit))[: options["text_tokens"]]
        for file in map(Path, options["texts"])
    }
    book = {
        "kinds": kinds,
        "openers": openers(tokenizer, limit),
        "bos": bos,
        "vocab_size": limit,
        "texts": texts,
    }
    if not book["openers"]:
        raise ConversionError("the tokenizer has no tokens that begin a word: prompts cannot be made for this model")
    (output / PROMPTS_FILE).write_text(json.dumps(book, separators=(",", ":")), "utf-8")
    (output / PIECES_FILE).write_text(json.dumps(pieces(tokenizer, limit), separators=(",", ":")), "utf-8")
    counts = {part: {name: len(ids) for name, ids in book[part].items()} for part in ("kinds", "texts")}
    return {**counts, "openers": len(book["openers"])}


def load_tokenizer(source: str) -> Any:
    """The tokenizer of the directory ``source``, unless it needs code of its own."""
    # Tokenizers do without torch, which transformers would import for its models: most of this conversion's time.
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
    from transformers import AutoTokenizer  # noqa: PLC0415 - the rules below are tested without it

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:
        remedy = "put the tokenizer's files beside the weights (code from a model directory is never run)"
        raise ConversionError(
            f"the tokenizer of {Path(source).name} cannot be read ({one_line(error)}): {remedy}"
        ) from error


def _ids(tokenizer: Any, file: Path, limit: int) -> list[int]:
    ids = tokenizer(file.read_text("utf-8"), add_special_tokens=False, verbose=False)["input_ids"]
    kept = [index for index in ids if index < limit]
    if not kept:
        raise ConversionError(f"the text {file.name} gives no tokens: restore it from the project")
    return kept


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


def pieces(tokenizer: Any, limit: int) -> list[str | None]:
    r"""What each id below ``limit`` stands for in a text; ``None`` for an id that the tokenizer does not have.

    A byte that is no whole character is written as ``\xe4``.
    """
    vocabulary = tokenizer.get_vocab()
    byte_level = sum(token[:1] == "\u0120" for token in vocabulary) > sum(token[:1] == "\u2581" for token in vocabulary)
    read = _of_byte_level if byte_level else _of_sentence_piece
    known = {index: token for token, index in vocabulary.items()}
    return [read(known[index]) if index in known else None for index in range(limit)]


_THEMSELVES = (*range(33, 127), *range(161, 173), *range(174, 256))
_OTHERS = (byte for byte in range(256) if byte not in _THEMSELVES)
_BYTE_LETTERS = {chr(byte): byte for byte in _THEMSELVES} | {chr(256 + n): byte for n, byte in enumerate(_OTHERS)}
"""Letter -> the byte that it stands for in a byte-level vocabulary, as GPT-2's tokenizer began it."""


def _of_byte_level(token: str) -> str:
    # A token that was added to the vocabulary, a run of spaces for one, is spelled as it is.
    if any(letter not in _BYTE_LETTERS for letter in token):
        return token
    return bytes(_BYTE_LETTERS[letter] for letter in token).decode("utf-8", "backslashreplace")


def _of_sentence_piece(token: str) -> str:
    byte = re.fullmatch("<0x([0-9A-F]{2})>", token)
    return bytes.fromhex(byte[1]).decode("utf-8", "backslashreplace") if byte else token.replace("\u2581", " ")
