"""The corpus as ids of the model's own tokenizer: tokenized once, here, so that every stack gets the same ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backends.convert import ConversionError

PROMPTS_FILE = "prompts.json"
_OPENER_LETTERS = 3


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``prompts.json`` for a directory with a model's tokenizer.

    The options are ``corpus``, text files, each the text of one kind of work and named after it, and ``vocab_size``,
    the rows of the model's embedding (a tokenizer may know ids beyond it). The facts are counts.
    """
    tokenizer = load_tokenizer(source)
    limit = options["vocab_size"]
    kinds = {file.stem: _ids(tokenizer, file, limit) for file in sorted(map(Path, options["corpus"]))}
    book = {"kinds": kinds, "openers": openers(tokenizer, limit), "bos": prefix(tokenizer), "vocab_size": limit}
    if not book["openers"]:
        raise ConversionError("the tokenizer has no tokens that begin a word: prompts cannot be made for this model")
    (output / PROMPTS_FILE).write_text(json.dumps(book, separators=(",", ":")), "utf-8")
    return {"kinds": {kind: len(ids) for kind, ids in kinds.items()}, "openers": len(book["openers"])}


def load_tokenizer(source: str) -> Any:
    """The tokenizer of the directory ``source``, unless it needs code of its own."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - the rules below are tested without it

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:
        remedy = "put the tokenizer's files beside the weights (code from a model directory is never run)"
        raise ConversionError(f"the tokenizer of {Path(source).name} cannot be read ({error}): {remedy}") from error


def _ids(tokenizer: Any, file: Path, limit: int) -> list[int]:
    ids = tokenizer(file.read_text("utf-8"), add_special_tokens=False, verbose=False)["input_ids"]
    kept = [index for index in ids if index < limit]
    if not kept:
        raise ConversionError(f"the corpus file {file.name} gives no tokens: restore it from the project")
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
