"""Prompts of exactly N ids: the same for every stack, none a beginning of another.

A hash of (prompt_tokens, block, ordinal, row), without the block for a warm-up, decides a prompt's first id after the
BOS, its kind of work and the place in that kind's text. Where it would make two prompts of a visit begin alike, so that
a stack could answer the later one from a prefix cache, the later one in ascending order takes the next free opener.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.errors import PrepareError, UsageError, cause
from bench.plan.cells import digest

PROMPTS_FILE = "prompts.json"
PIECES_FILE = "pieces.json"
TEXT_TOKENS = 160
"""The most ids of a text that quality is measured on, a BOS included."""

_RANDOM_BODY_TOKENS = 4_096
_RANDOM_TEXTS = 8
_SMALLEST_VOCABULARY = 8


class PromptKey(NamedTuple):
    """One prompt within a visit.

    Args:
        prompt_tokens: ids of the prompt, a BOS included.
        ordinal: 0, 1, … for timed iterations; -1, -2, … for warm-ups.
    """

    prompt_tokens: int
    ordinal: int
    row: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt.

    ``prompt_id``: names it in a run: ``<prompt_tokens>/<block>/<ordinal>/<row>``, block 0 for warm-ups; and of the
    beginning of another how many of its tokens that has.
    """

    ids: tuple[int, ...]
    prompt_id: str
    digest: str
    kind: str

    def beginning(self, tokens: int) -> Prompt:
        """Its first ids as a prompt of its own; itself where these are all."""
        if tokens == len(self.ids):
            return self
        ids = self.ids[:tokens]
        return Prompt(ids, f"{self.prompt_id}/{tokens}", digest(ids), self.kind)


@dataclass(frozen=True, slots=True)
class PromptBook:
    """The text that prompts are cut from, and the texts that quality is measured on, as ids of one model.

    Args:
        kinds: kind of work -> its text.
        openers: ids that begin an ordinary word.
        bos: ids that the model wants before every prompt; they count.
        vocab_size: every id is below it.
        texts: ``<kind>-<number>`` -> the text's first ids, ``bos`` among them, in the order to score them in: all kinds
            before the second of any.
    """

    kinds: Mapping[str, tuple[int, ...]]
    openers: tuple[int, ...]
    bos: tuple[int, ...]
    vocab_size: int
    texts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> PromptBook:
        """The book in ``file``, as the prepare stage wrote it."""
        try:
            book = json.loads(file.read_text("utf-8"))
            return cls(
                kinds={name: tuple(ids) for name, ids in sorted(book["kinds"].items())},
                openers=tuple(book["openers"]),
                bos=tuple(book["bos"]),
                vocab_size=book["vocab_size"],
                texts={name: tuple(ids) for name, ids in book["texts"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PrepareError(
                f"the prompts in {file} cannot be read ({cause(error, file)}): remove them with `nox -s clean`"
            ) from error

    @classmethod
    def made_up(cls, vocab_size: int = 32_000, seed: int = 0) -> PromptBook:
        """A book without a model or a tokenizer: ids drawn by ``seed``, for the simulated backend and for tests."""
        if vocab_size < _SMALLEST_VOCABULARY:
            raise UsageError(f"a vocabulary of {vocab_size} is too small for prompts: {_SMALLEST_VOCABULARY} at least")
        draw = random.Random(seed)
        body = tuple(draw.randrange(vocab_size) for _ in range(_RANDOM_BODY_TOKENS))
        texts = {
            f"random-{number}": tuple(draw.randrange(vocab_size) for _ in range(TEXT_TOKENS))
            for number in range(1, _RANDOM_TEXTS + 1)
        }
        return cls({"random": body}, tuple(range(vocab_size)), (), vocab_size, texts)

    @property
    def shortest(self) -> int:
        """The fewest ids that a prompt can have: the BOS, and an opener."""
        return len(self.bos) + 1

    def prompts_for_visit(
        self, block: int, wanted: Iterable[PromptKey], spare: Iterable[PromptKey] = ()
    ) -> dict[PromptKey, Prompt]:
        """All prompts that one worker is asked in one visit, and those that it may be asked beside.

        The ``spare`` ones come last, so that the others do not depend on them.

        Raises:
            UsageError: a prompt is to be shorter than the BOS and one id, or there are more prompts than openers.
        """
        first = set(wanted)
        keys = [*sorted(first), *sorted(set(spare) - first)]
        shortest = min((key.prompt_tokens for key in keys), default=self.shortest)
        if shortest < self.shortest:
            raise UsageError(f"a prompt of {shortest} tokens cannot be made: this model's shortest has {self.shortest}")
        if len(keys) > len(self.openers):
            raise UsageError(
                f"one visit asks for {len(keys)} different prompts, this model's vocabulary has openers for "
                f"{len(self.openers)}: ask for fewer prompt lengths, repeats or rows, or a lower --max-warmups"
            )
        taken: set[int] = set()
        return {key: self._prompt(key, block, taken) for key in keys}

    def _prompt(self, key: PromptKey, block: int, taken: set[int]) -> Prompt:
        # Warm-ups are asked the same in every block: a stack that then answers otherwise is not deterministic.
        prompt_id = f"{key.prompt_tokens}/{block if key.ordinal >= 0 else 0}/{key.ordinal}/{key.row}"
        drawn = hashlib.sha256(prompt_id.encode("ascii")).digest()
        place = int.from_bytes(drawn[:8], "big") % len(self.openers)
        while place in taken:
            place = (place + 1) % len(self.openers)
        taken.add(place)
        kind = sorted(self.kinds)[int.from_bytes(drawn[8:16], "big") % len(self.kinds)]
        text, length = self.kinds[kind], key.prompt_tokens - self.shortest
        start = int.from_bytes(drawn[16:24], "big") % len(text)
        body = (text * ((start + length) // len(text) + 1))[start : start + length]
        ids = (*self.bos, self.openers[place], *body)
        return Prompt(ids=ids, prompt_id=prompt_id, digest=digest(ids), kind=kind)


def kind_of(text: str) -> str:
    """The kind of the text that is named ``<kind>-<number>``."""
    return re.sub(r"-\d+$", "", text)
