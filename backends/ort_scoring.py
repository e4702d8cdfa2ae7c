"""Texts scored by a generator of ONNX Runtime GenAI, which goes on with given ids where it would choose its own."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backends.contract import Scores, Text

_NEVER = np.float32(-1e30)
"""The logit of an id that must not be chosen; finite, so that a penalty of the model's settings leaves it a number."""


def forced_scores(new_generator: Callable[[int, int], Any], texts: Sequence[Text]) -> Iterator[Scores]:
    """The logits of each scored position; texts with the same ``start`` advance side by side.

    ``new_generator``: makes a generator of a batch size and a greatest length.

    Raises:
        RuntimeError: as the stack raised it, from one text alone too.
    """
    for start in dict.fromkeys(text.start for text in texts):
        together = [index for index, text in enumerate(texts) if text.start == start]
        yield from _side_by_side(new_generator, texts, together, start)


def _side_by_side(
    new_generator: Callable[[int, int], Any], texts: Sequence[Text], indexes: Sequence[int], position: int
) -> Iterator[Scores]:
    """The texts at ``indexes`` from ``position`` on; where the stack refuses the batch, one after the other."""
    going = [index for index in indexes if position < len(texts[index].ids) - 1]
    if not going:
        return
    try:
        for logits in _steps(new_generator, [texts[index].ids for index in going], position):
            for index, row in zip(going, logits, strict=True):
                if position < len(texts[index].ids) - 1:
                    yield Scores(index, position, logits=row[np.newaxis])
            position += 1
    except RuntimeError:
        if len(going) == 1:
            raise
        for index in going:
            yield from _side_by_side(new_generator, texts, [index], position)


def _steps(new_generator: Callable[[int, int], Any], rows: Sequence[Sequence[int]], start: int) -> Iterator[Any]:
    """Logits [batch, vocabulary] of position ``start`` and of each behind it.

    ``append_tokens`` takes ids a second time from a single sequence only. So each step replaces the logits by ones of
    which the given id is the likeliest, and then is the decode step that is timed.
    """
    length = max(map(len, rows))
    # A shorter text goes on with its last id, for which nobody asks.
    ids = np.array([[*row, *[row[-1]] * (length - len(row))] for row in rows], dtype=np.int32)
    generator = new_generator(len(rows), length)
    generator.append_tokens(ids[:, : start + 1])
    # Of the last position alone, whether or not the graph computes the others.
    logits = generator.get_logits()
    yield logits[:, -1]
    choices = np.full(logits.shape, _NEVER, dtype=np.float32)
    batch = np.arange(len(rows))
    for chosen in ids.T[start + 1 : length - 1]:
        choices[batch, -1, chosen] = 0
        generator.set_logits(choices)
        generator.generate_next_token()
        choices[batch, -1, chosen] = _NEVER
        if not np.array_equal(generator.get_next_tokens(), chosen):
            raise RuntimeError("it chose other ids than those given")
        yield generator.get_logits()[:, -1]
