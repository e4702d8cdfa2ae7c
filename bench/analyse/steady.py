"""How long a process takes for the request that it began with, once it is warm."""

from __future__ import annotations

import statistics
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
    table = run.table("generations", _COLUMNS, pc.field("status") == "ok")
    answers_s = _answers_ns(table) / 1e9
    again = pc.fill_null(pc.equal(table["ask"], "again"), fill_value=False)
    counted = pc.and_(pc.invert(pc.or_(table["warmup"], again)), pc.is_null(table["invalid_reason"])).to_pylist()
    began: dict[str, str] = {}
    timed: dict[str, list[float]] = {}
    rows = zip(table["load_id"].to_pylist(), table["cell_key"].to_pylist(), counted, answers_s.tolist(), strict=True)
    for load_id, cell_key, counts, answer_s in rows:
        if began.setdefault(load_id, cell_key) == cell_key and counts:
            timed.setdefault(load_id, []).append(answer_s)
    return {load_id: statistics.median(values) for load_id, values in timed.items()}


def _answers_ns(table: pa.Table) -> Any:
    """Time to first token and all inter-token latencies of each row, added up."""
    lengths = pc.fill_null(pc.list_value_length(table["itl_ns"]), 0).to_numpy()
    sums = np.concatenate(([0], np.cumsum(pc.list_flatten(table["itl_ns"]).to_numpy())))
    ends = np.cumsum(lengths)
    after = sums[ends] - sums[ends - lengths]
    return pc.fill_null(table["ttft_ns"], 0).to_numpy() + after
