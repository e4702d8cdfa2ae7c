"""The request that each process was asked first, and how long the same request takes once the process is warm."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.store.reader import StoredRun

Request = tuple[int, int, int]
"""Prompt tokens, new tokens and batch size."""

_REQUEST = ("prompt_tokens", "new_tokens", "batch_size")
_COLUMNS = ("load_id", "cell_key", *_REQUEST, "warmup", "ask", "ttft_ns", "itl_ns", "status", "invalid_reason")


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """The request of a process's first generation.

    Args:
        request: which one.
        steady_s: median time in seconds for the whole answer, over timed generations of the same cell, later in the
            same process; ``None`` where none was timed, or those that were are prefix-cache hits.
    """

    request: Request
    steady_s: float | None


def first_requests(run: StoredRun) -> dict[str, FirstRequest]:
    """``load_id`` -> its first request, by the stored generations.

    These are in the order in which they were asked, so that this holds for runs before schema 5 too, whose loads do not
    name the request.
    """
    began: dict[str, tuple[str, Request]] = {}
    timed: dict[str, list[float]] = {}
    for batch in run.batches("generations", _COLUMNS):
        for load_id, cell_key, request, counts, answer_s in _answers(pa.Table.from_batches([batch])):
            if began.setdefault(load_id, (cell_key, request))[0] == cell_key and counts:
                timed.setdefault(load_id, []).append(answer_s)
    return {
        load_id: FirstRequest(request, statistics.median(timed[load_id]) if load_id in timed else None)
        for load_id, (_, request) in began.items()
    }


def _answers(rows: pa.Table) -> Iterator[tuple[str, str, Request, bool, float]]:
    """Load, cell, request, whether it counts, and the whole answer in seconds, of each generation that ended well."""
    table = rows.filter(pc.equal(rows["status"], "ok"))
    again = pc.fill_null(pc.equal(table["ask"], "again"), fill_value=False)
    counted = pc.and_(pc.invert(pc.or_(table["warmup"], again)), pc.is_null(table["invalid_reason"]))
    requests = zip(*(table[name].to_pylist() for name in _REQUEST), strict=True)
    answers_s = (_answers_ns(table) / 1e9).tolist()
    columns = table["load_id"].to_pylist(), table["cell_key"].to_pylist(), requests, counted.to_pylist(), answers_s
    return zip(*columns, strict=True)


def _answers_ns(table: pa.Table) -> Any:
    """Time to first token and all inter-token latencies of each row, added up."""
    lengths = pc.fill_null(pc.list_value_length(table["itl_ns"]), 0).to_numpy()
    sums = np.concatenate(([0], np.cumsum(pc.list_flatten(table["itl_ns"]).to_numpy())))
    ends = np.cumsum(lengths)
    after = sums[ends] - sums[ends - lengths]
    return pc.fill_null(table["ttft_ns"], 0).to_numpy() + after
