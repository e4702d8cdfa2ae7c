"""How long a process takes for the request that it began with, once it is warm."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.store.reader import StoredRun

_COLUMNS = ("load_id", "cell_key", "warmup", "ask", "ttft_ns", "itl_ns", "status", "invalid_reason")


def steady_answers(run: StoredRun) -> dict[str, float]:
    """``load_id`` -> median time in seconds for the whole answer, over timed generations of the cell it began with.

    That is what the first generation of a process is to be held against: the same request, later, in the same process.
    A process that was timed at none of it is left out, and so is one whose timed generations are prefix-cache hits.
    """
    began: dict[str, str] = {}
    timed: dict[str, list[float]] = {}
    for batch in run.batches("generations", _COLUMNS):
        for load_id, cell_key, counts, answer_s in _answers(pa.Table.from_batches([batch])):
            if began.setdefault(load_id, cell_key) == cell_key and counts:
                timed.setdefault(load_id, []).append(answer_s)
    return {load_id: statistics.median(values) for load_id, values in timed.items()}


def _answers(rows: pa.Table) -> Iterator[tuple[str, str, bool, float]]:
    """Load, cell, whether it counts, and the whole answer in seconds, of each generation that ended well."""
    table = rows.filter(pc.equal(rows["status"], "ok"))
    again = pc.fill_null(pc.equal(table["ask"], "again"), fill_value=False)
    counted = pc.and_(pc.invert(pc.or_(table["warmup"], again)), pc.is_null(table["invalid_reason"]))
    answers_s = _answers_ns(table) / 1e9
    columns = table["load_id"].to_pylist(), table["cell_key"].to_pylist(), counted.to_pylist(), answers_s.tolist()
    return zip(*columns, strict=True)


def _answers_ns(table: pa.Table) -> Any:
    """Time to first token and all inter-token latencies of each row, added up."""
    lengths = pc.fill_null(pc.list_value_length(table["itl_ns"]), 0).to_numpy()
    sums = np.concatenate(([0], np.cumsum(pc.list_flatten(table["itl_ns"]).to_numpy())))
    ends = np.cumsum(lengths)
    after = sums[ends] - sums[ends - lengths]
    return pc.fill_null(table["ttft_ns"], 0).to_numpy() + after
