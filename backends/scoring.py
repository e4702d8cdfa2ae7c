"""What a model's logits say of its quality, position by position, beside those of a reference."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from backends.contract import ArtifactError, BackendError, Scores, Text, require_vocabulary

TOP = 1024
"""How many of the likeliest ids a reference keeps per position; the others are kept as one sum."""

_ROWS = 32
"""Positions that are reduced at once: of a vocabulary of 256,000, 65 MB in double precision."""


@dataclass(slots=True)
class Scored:
    """One text as it was scored; each list has one value per position, from the text's first scored position on.

    Args:
        log_probs: natural logarithm of the probability of the next id; ``None`` where it is not finite.
        top_ids: the likeliest id; empty from a stack that gives no logits.
        reference_log_probs: as ``log_probs``, of the reference; empty without one.
        kl: KL divergence of the reference's distribution from this one, in nats; empty without both distributions.
        same_top: whether the likeliest id is that of the reference; empty without both.
    """

    name: str
    log_probs: list[float | None] = field(default_factory=list)
    top_ids: list[int] = field(default_factory=list)
    reference_log_probs: list[float | None] = field(default_factory=list)
    kl: list[float | None] = field(default_factory=list)
    same_top: list[bool] = field(default_factory=list)


class Reference:
    """The distributions of a reference for the same texts, from a file that :func:`write_reference` wrote."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = arrays

    @classmethod
    def read(cls, file: Path) -> Reference:
        """The reference in ``file``."""
        try:
            # numpy leaves a file open that it opened and found to be no archive.
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                return cls(dict(arrays))
        except (OSError, ValueError, EOFError, BadZipFile, zlib.error, RuntimeError) as error:
            why = getattr(error, "strerror", None) or error
            raise BackendError(f"the reference in {file} cannot be read ({why}): remove its folder") from error

    def at(self, text: str, positions: slice) -> tuple[Any, Any, Any] | None:
        """Log-probabilities [n], top ids [n, k] and their log-probabilities [n, k]; ``None`` for a text it lacks."""
        if f"{text}/log_probs" not in self._arrays:
            return None
        log_probs, ids, tops = (self._arrays[f"{text}/{name}"][positions] for name in ("log_probs", "ids", "tops"))
        return log_probs, ids, tops


def reference_arrays(scores: Iterator[Scores], texts: Sequence[Text]) -> dict[str, Any]:
    """The arrays of a reference, by name, from the logits of a model; for :func:`numpy.savez_compressed`."""
    parts: dict[str, list[tuple[Any, Any, Any]]] = {}
    for one in (part for whole in scores for part in _in_parts(whole)):
        text = texts[one.text]
        distribution = log_softmax(one.logits)
        count = min(TOP, distribution.shape[1])
        ids = np.argpartition(-distribution, count - 1, axis=1)[:, :count]
        tops = np.take_along_axis(distribution, ids, axis=1)
        order = np.argsort(-tops, axis=1, kind="stable")
        ids, tops = np.take_along_axis(ids, order, axis=1), np.take_along_axis(tops, order, axis=1)
        chosen = _of_next(distribution, text, one.position)
        parts.setdefault(text.name, []).append((chosen, ids.astype(np.int32), tops.astype(np.float32)))
    arrays = {}
    for name, rows in parts.items():
        for kind, values in zip(("log_probs", "ids", "tops"), zip(*rows, strict=True), strict=True):
            arrays[f"{name}/{kind}"] = np.concatenate(values)
    return arrays


def score_texts(
    scores: Iterator[Scores], texts: Sequence[Text], reference: Reference | None, seconds: float
) -> list[Scored]:
    """Reduce what a stack yields to a few numbers per position.

    ``seconds``: after which no more is asked for; what was scored by then counts.

    Raises:
        ArtifactError: the vocabulary of the model is not that of the texts or of the reference.
        BackendError: the stack left a position out, or gave one twice.
    """
    found = [Scored(text.name) for text in texts]
    end = None
    for one in scores:
        # The load comes before the first of them, and is not what the time is for.
        end = end or time.monotonic() + seconds
        for part in _in_parts(one):
            _add(found[one.text], part, texts[one.text], reference)
        if time.monotonic() >= end:
            break
    return [one for one in found if one.log_probs]


def _in_parts(one: Scores) -> Iterator[Scores]:
    if one.logits is None:
        yield one
        return
    for first in range(0, len(one.logits), _ROWS):
        yield replace(one, position=one.position + first, logits=one.logits[first : first + _ROWS])


def _add(scored: Scored, one: Scores, text: Text, reference: Reference | None) -> None:
    done = len(scored.log_probs)
    if one.position != text.start + done:
        raise BackendError(
            f"the stack scored position {one.position} of text {text.name} where {text.start + done} was due"
        )
    count = len(one.log_probs if one.logits is None else one.logits)
    known = None if reference is None else reference.at(text.name, slice(done, done + count))
    if one.logits is None:
        chosen = np.asarray(one.log_probs, dtype=np.float64)
    else:
        distribution = log_softmax(one.logits)
        chosen = _of_next(distribution, text, one.position)
        top = distribution.argmax(axis=1)
        scored.top_ids += top.tolist()
        if known is not None:
            _, ids, tops = known
            if (highest := int(ids.max(initial=0))) >= distribution.shape[1]:
                raise ArtifactError(
                    f"the reference has id {highest}, this model a vocabulary of {distribution.shape[1]}: "
                    "they are not the same model"
                )
            scored.kl += _finite(divergence(distribution, ids, tops))
            scored.same_top += (top == ids[:, 0]).tolist()
    scored.log_probs += _finite(chosen)
    if known is not None:
        scored.reference_log_probs += _finite(known[0])


def log_softmax(logits: Any) -> Any:
    """Natural log-probabilities, float64 [positions, vocabulary]; not finite where the logits are not."""
    rows = np.asarray(logits, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        shifted = rows - rows.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def divergence(distribution: Any, ids: Any, tops: Any) -> Any:
    """KL divergence of a reference from ``distribution`` at each position, in nats.

    The reference is known by its likeliest ids and the sum of the others, so this is the divergence after all others
    are taken as one: never above the whole one (Cover and Thomas, Elements of Information Theory, the data processing
    inequality for relative entropy), and near it where the others are unlikely.

    Args:
        distribution: log-probabilities, [positions, vocabulary].
        ids: of the reference, likeliest first, [positions, k].
        tops: their log-probabilities, [positions, k].
    """
    mine = np.take_along_axis(distribution, ids.astype(np.int64), axis=1)
    tops = tops.astype(np.float64)
    rest, my_rest = (1.0 - np.exp(values).sum(axis=1) for values in (tops, mine))
    inside = (np.exp(tops) * (tops - mine)).sum(axis=1)
    # Below this the sum of the others is rounding.
    counts = rest > 1e-6
    ratio = np.where(counts, np.maximum(rest, 1e-12) / np.maximum(my_rest, 1e-12), 1.0)
    return np.maximum(inside + np.where(counts, rest * np.log(ratio), 0.0), 0.0)


def _of_next(distribution: Any, text: Text, position: int) -> Any:
    following = np.asarray(text.ids[position + 1 : position + 1 + len(distribution)], dtype=np.int64)
    if len(following) != len(distribution):
        raise BackendError(f"the stack scored more positions of text {text.name} than it has")
    require_vocabulary([text], distribution.shape[1])
    return np.take_along_axis(distribution, following[:, None], axis=1)[:, 0]


def _finite(values: Any) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
