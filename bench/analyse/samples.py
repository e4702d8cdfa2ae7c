"""The generations of a run as arrays, column by column, so that millions of tokens stay a few megabytes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.analyse.costs import COUNTERS
from bench.analyse.results import Generation, Use
from bench.metrics import STORED
from bench.plan.cells import Ask
from bench.store.reader import ROWS_AT_ONCE, StoredRun

_NS_PER_MS = 1e6
_SCALARS = (
    "load_id",
    "cell_key",
    "block",
    "warmup",
    "prompt_tokens",
    "padded_prompt_tokens",
    "new_tokens",
    "batch_size",
    "ask",
    "status",
    "invalid_reason",
)


@dataclass(frozen=True, slots=True)
class CellSamples:
    """What was recorded of one cell.

    Args:
        load_ids: of the processes it ran in, the failed ones included.
        shape: (prompt_tokens, new_tokens, batch_size).
        ask: ``first``, or ``again`` where the timed generations ask what was asked just before.
        padded_prompt_tokens: the computed prompt length where the stack pads.
        block: int array [generations], the block of each counted generation.
        durations: column of each of :data:`bench.metrics.STORED` -> float array [generations], NaN where it is null.
        itl_ns: float array [generations, new_tokens - 1].
        warmups: how many warm-ups ran, the first asks before a repeat among them.
        excluded: timed generations that ran but do not count.
        counters: of :data:`bench.analyse.costs.COUNTERS` the float arrays [generations], NaN where one was not read.
        energy_source: which counter the energy comes from; several are joined by `` + ``.
        series: every generation that ran, in the order in which they were measured.
    """

    cell_key: str
    load_ids: tuple[str, ...]
    shape: tuple[int, int, int]
    ask: Ask
    padded_prompt_tokens: int | None
    block: Any
    durations: Mapping[str, Any]
    itl_ns: Any
    warmups: int
    excluded: int
    counters: Mapping[str, Any] = field(default_factory=dict)
    energy_source: str | None = None
    series: tuple[Generation, ...] = ()

    @property
    def ttft_ns(self) -> Any:
        """Time to first token: float array [generations]."""
        return self.durations["ttft_ns"]


def read_cells(run: StoredRun) -> Iterator[CellSamples]:
    """Each cell that has rows, in the order in which they first appear; one cell's latencies are expanded at a time."""
    table = run.table("generations", columns=(*_SCALARS, *STORED.values(), *COUNTERS, "energy_source"))
    if table.num_rows == 0:
        return
    rows = _Rows(table, _latencies(run))
    for code, key in enumerate(rows.keys):
        yield rows.cell(code, str(key))


def _latencies(run: StoredRun) -> list[Any]:
    """Each generation's inter-token latencies, as views of what was read: nothing is held twice."""
    found: list[Any] = []
    for batch in run.batches("generations", ["itl_ns"], ROWS_AT_ONCE):
        column = batch.column(0)
        flat = _numbers(column.flatten())
        lengths = _numbers(pc.fill_null(pc.list_value_length(column), 0))
        found += np.split(flat, np.cumsum(lengths))[:-1]
    return found


class _Rows:
    """The columns of the table as flat arrays, with the rows of each cell found once."""

    def __init__(self, table: pa.Table, latencies: Sequence[Any]) -> None:
        encoded = table["cell_key"].combine_chunks().dictionary_encode()
        self.keys: list[str] = encoded.dictionary.to_pylist()
        codes: Any = encoded.indices.to_numpy(zero_copy_only=False)
        order = np.argsort(codes, kind="stable")
        bounds: Any = np.searchsorted(codes[order], np.arange(len(self.keys) + 1))
        self._members = [order[start:end] for start, end in itertools.pairwise(bounds.tolist())]
        self._table = table
        self._block = _numbers(table["block"])
        self._warmup = _booleans(table["warmup"])
        self._ok = _booleans(pc.equal(table["status"], "ok"))
        self._valid = _booleans(pc.is_null(table["invalid_reason"]))
        self._again = _booleans(pc.fill_null(pc.equal(table["ask"], "again"), fill_value=False))
        self._reasons = table["invalid_reason"]
        self._durations = {name: _numbers(pc.cast(table[name], pa.float64())) for name in STORED.values()}
        self._ttft = self._durations["ttft_ns"]
        self._counters = {name: _numbers(pc.cast(table[name], pa.float64())) for name in COUNTERS}
        self._steps = _numbers(table["new_tokens"]).astype(np.int64)
        self._latencies = latencies
        self._lengths = np.fromiter((len(one) for one in latencies), np.int64, len(latencies))

    def cell(self, code: int, key: str) -> CellSamples:
        members = self._members[code]
        first = self._table.slice(int(members[0]), 1).select(_SCALARS).to_pylist()[0]
        shape = (first["prompt_tokens"], first["new_tokens"], first["batch_size"])
        timed = members[self._ok[members] & ~self._warmup[members]]
        # A time that is not positive, or a missing step, is a broken record and no measurement.
        whole = (self._ttft[timed] > 0) & (self._lengths[timed] == self._steps[timed] - 1)
        counted = timed[self._valid[timed] & whole]
        itl = np.empty((len(counted), shape[1] - 1))
        for place, row in enumerate(counted.tolist()):
            itl[place] = self._latencies[row]
        load_ids = pc.unique(self._table["load_id"].take(pa.array(members))).to_pylist()
        sources = self._table["energy_source"].take(pa.array(counted))
        padded = pc.drop_null(self._table["padded_prompt_tokens"].take(pa.array(members)))
        return CellSamples(
            cell_key=key,
            load_ids=tuple(load_ids),
            shape=shape,
            ask="again" if self._again[members].any() else "first",
            padded_prompt_tokens=padded[0].as_py() if len(padded) else None,
            block=self._block[counted],
            durations={name: column[counted] for name, column in self._durations.items()},
            itl_ns=itl,
            warmups=int(np.count_nonzero(self._warmup[members] & self._ok[members])),
            excluded=len(timed) - len(counted),
            counters={name: column[counted] for name, column in self._counters.items()},
            energy_source=" + ".join(pc.drop_null(pc.unique(sources)).to_pylist()) or None,
            series=tuple(self._generations(members[self._ok[members]], frozenset(counted.tolist()))),
        )

    def _generations(self, ran: Any, counted: Set[int]) -> Iterator[Generation]:
        for row in ran.tolist():
            use: Use = "warm-up" if self._warmup[row] else "timed" if row in counted else "excluded"
            yield Generation(
                block=int(self._block[row]),
                use=use,
                ttft_ms=_milliseconds(self._ttft[row]),
                tpot_ms=self._tpot_ms(row),
                reason=self._reasons[row].as_py() if use == "excluded" else None,
            )

    def _tpot_ms(self, row: int) -> float | None:
        latencies = self._latencies[row]
        if len(latencies) == 0 or len(latencies) != self._steps[row] - 1:
            return None
        return _milliseconds(latencies.mean())


def _milliseconds(nanoseconds: Any) -> float | None:
    """A null is not above zero either."""
    return float(nanoseconds) / _NS_PER_MS if nanoseconds > 0 else None


def _numbers(column: Any) -> Any:
    return column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)


def _booleans(column: Any) -> Any:
    return np.asarray(_numbers(column), dtype=bool)
