"""Inter-token latencies counted in bins, from which quantiles over any number of runs are merged.

The edges of the bins are powers of :data:`BASE`, so bins are 1 % wide: a quantile is told as the centre of the bin
that holds it, and is at most 0.5 % away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.store.dataset import LATENCIES

BASE = 1.01
"""Bin b holds latencies from BASE**b to BASE**(b + 1) ns; its centre, on a logarithmic axis, is BASE**(b + 0.5)."""
_BINS = 1 << 13
"""More than 2**63 ns need."""
_OF_LOAD = ("model", "backend", "device_requested", "device_executed", "device_verdict", "precision")
_OF_CELL = ("cell_key", "prompt_tokens", "new_tokens", "batch_size")


def count_latencies(generations: pa.Table, loads: pa.Table) -> pa.Table:
    """The rows of :data:`bench.store.dataset.LATENCIES` of one run."""
    rows = generations.filter(_counts(generations))
    latencies = pc.list_flatten(rows["itl_ns"]).to_numpy()
    # One below the clock's resolution is in the first bin.
    bins = np.floor(np.log(np.maximum(latencies, 1)) / np.log(BASE)).astype(np.int64)
    cells, of_row = _cells(rows, loads)
    codes: Any = np.repeat(of_row, rows["new_tokens"].to_numpy() - 1)
    found, tokens = np.unique(codes * _BINS + bins, return_counts=True)
    # A cell of one token has no latencies.
    there, first = np.unique(found // _BINS, return_index=True)
    offsets = pa.array([*first, len(found)], pa.int32())
    table = pa.Table.from_pylist([cells[at] for at in there], schema=pa.schema(list(LATENCIES)[:-2]))
    counts = (found % _BINS).astype(np.int16), tokens.astype(np.int32)
    for column, values in zip(("bin", "tokens"), counts, strict=True):
        table = table.append_column(LATENCIES.field(column), pa.ListArray.from_arrays(offsets, pa.array(values)))
    return table.cast(LATENCIES)


def _counts(generations: pa.Table) -> Any:
    """Which generations count, by the rule of :class:`bench.analyse.samples.Generations`."""
    whole = pc.equal(pc.list_value_length(generations["itl_ns"]), pc.subtract(generations["new_tokens"], 1))
    counted = [
        pc.equal(generations["status"], "ok"),
        pc.invert(generations["warmup"]),
        pc.is_null(generations["invalid_reason"]),
        pc.greater(generations["ttft_ns"], 0),
        whole,
    ]
    mask = counted[0]
    for one in counted[1:]:
        mask = pc.and_(mask, one)
    return pc.fill_null(mask, fill_value=False)


def _cells(rows: pa.Table, loads: pa.Table) -> tuple[list[dict[str, Any]], Any]:
    """What tells the cells of a run apart, and for each row the number of its cell."""
    known = {row["load_id"]: row for row in loads.select(["load_id", *_OF_LOAD]).to_pylist()}
    numbers: dict[tuple[Any, ...], int] = {}
    cells: list[dict[str, Any]] = []
    of_row = []
    for row in rows.select(["run_id", "load_id", *_OF_CELL]).to_pylist():
        load = known.get(row["load_id"])
        device = None if load is None else _ran_on(load)
        key = row["cell_key"], device
        if key not in numbers:
            numbers[key] = len(cells)
            of_load = {name: load[name] for name in ("model", "backend", "precision")} if load else {}
            cells.append(
                {**of_load, "device": device, "run_id": row["run_id"], **{name: row[name] for name in _OF_CELL}}
            )
        of_row.append(numbers[key])
    return cells, np.array(of_row, dtype=np.int64)


def _ran_on(load: dict[str, Any]) -> Any:
    """The device of :attr:`bench.analyse.results.LoadResult.ran_on`, by one process."""
    if load["device_verdict"] == "fallback":
        return load["device_executed"] or "unknown device"
    return (load["device_executed"] if load["device_requested"] == "AUTO" else None) or load["device_requested"]
