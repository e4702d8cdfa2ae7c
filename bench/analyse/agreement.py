"""Whether configurations answer alike: the ids of their timed answers beside those of a reference of the same run.

All loads of a run are asked the same prompts, so two answers to one prompt can be compared id by id. Answers are chosen
greedily: after the first id that differs the texts go separate ways, so what counts is how far they agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.store.reader import StoredRun

_COLUMNS = ("cell_key", "prompt_digest", "new_tokens", "batch_size", "warmup", "status", "invalid_reason", "token_ids")

_Request = tuple[str, int]
"""The digest of a request's prompts, and how many new tokens were asked for."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one cell, and how they compare with those of a reference to the same prompts.

    Args:
        distinct: number of different ids in an answer as a share of its length, the median over answers.
        compared: how many answers were compared, each sequence of a batch on its own. The reference is not compared
            with itself.
        first_difference: the number of ids before the first that differs (first divergent token, FDT, of
            who_what_benchmark), the median over answers; the whole length where none differs.
        mean_first_difference: the mean of the same.
        alike: share of the answers that are the same to their last id.
    """

    distinct: float
    compared: int = 0
    first_difference: float | None = None
    mean_first_difference: float | None = None
    alike: float | None = None


def answers_of(run: StoredRun, loads: Mapping[str, str], reference: str | None) -> dict[str, Answers]:
    """``cell_key`` -> its answers, of cells that have any.

    Args:
        run: to read from.
        loads: ``cell_key`` of each measured cell -> its ``load_key``.
        reference: ``load_key`` of what the others are compared with; ``None`` for nothing.
    """
    found: dict[str, list[tuple[_Request, Any]]] = {}
    for cell_key, request, ids in _counted(run):
        if cell_key in loads:
            found.setdefault(cell_key, []).append((request, ids))
    right = {request: ids for cell_key, own in found.items() if loads[cell_key] == reference for request, ids in own}
    return {cell_key: _compared(own, {} if loads[cell_key] == reference else right) for cell_key, own in found.items()}


def _counted(run: StoredRun) -> Iterator[tuple[str, _Request, Any]]:
    """Cell, request and ids [steps, batch] of each generation that counts."""
    for batch in run.batches("generations", _COLUMNS):
        unmarked = pc.and_(pc.is_null(batch["invalid_reason"]), pc.is_valid(batch["prompt_digest"]))
        timed = pc.and_(pc.equal(batch["status"], "ok"), pc.invert(batch["warmup"]))
        rows = batch.filter(pc.and_(timed, unmarked))
        names = ("cell_key", "prompt_digest", "new_tokens", "batch_size")
        columns = (rows[name].to_pylist() for name in names)
        for cell_key, digest, length, size, ids in zip(*columns, _ids(rows["token_ids"]), strict=True):
            if len(ids) == length * size:
                yield cell_key, (digest, length), ids.reshape(length, size)


def _ids(column: Any) -> list[Any]:
    """The ids of each row, one step after the other."""
    steps = pc.list_flatten(column)
    ends_of_rows, ends_of_steps = (
        np.cumsum([0, *pc.fill_null(pc.list_value_length(one), 0).to_pylist()]) for one in (column, steps)
    )
    flat = pc.list_flatten(steps).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return np.split(flat, ends_of_steps[ends_of_rows[1:]])[:-1]


def _compared(own: Sequence[tuple[_Request, Any]], right: Mapping[_Request, Any]) -> Answers:
    distinct = np.concatenate([[len(np.unique(answer)) / len(answer) for answer in ids.T] for _, ids in own])
    pairs = [(ids, right[one]) for one, ids in own if one in right and right[one].shape == ids.shape]
    if not pairs:
        return Answers(float(np.median(distinct)))
    differs = [ids != other for ids, other in pairs]
    firsts = np.concatenate([np.where(one.any(axis=0), one.argmax(axis=0), len(one)) for one in differs])
    lengths = np.concatenate([np.full(one.shape[1], len(one)) for one in differs])
    return Answers(
        distinct=float(np.median(distinct)),
        compared=len(firsts),
        first_difference=float(np.median(firsts)),
        mean_first_difference=float(np.mean(firsts)),
        alike=float(np.mean(firsts == lengths)),
    )
