"""The corpus as ids of the model's own tokenizer: tokenized once, here, so that every stack gets the same ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from backends.convert.failure import ConversionError
from backends.convert.vocabulary import openers, prefix

PROMPTS_FILE = "prompts.json"


def convert(source: str, output: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Write ``prompts.json`` for the Hugging Face directory ``source``.

    Args:
        source: a directory with the model's tokenizer.
        output: an empty folder.
        options: ``corpus``, text files, each the text of one kind of work and named after it; ``vocab_size``, the
            rows of the model's embedding (a tokenizer may know ids beyond it).

    Returns:
        ``{"kinds": {kind: ids}, "openers": ids}``, as counts.

    Raises:
        ConversionError: the directory has no tokenizer that can be read without code of its own, or one that leaves
            no ordinary words to begin a prompt with.
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
    """The tokenizer of the directory ``source``.

    Raises:
        ConversionError: there is none, or it needs code of its own.
    """
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
