"""The generations of a run as arrays, column by column, so that millions of tokens stay a few megabytes."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.analyse.results import Generation, Prompts, Use
from bench.metrics import STORED
from bench.plan.cells import Ask, Request
from bench.store.reader import ROWS_AT_ONCE, StoredRun

_NS_PER_MS = 1e6
_NS_PER_S = 1e9
COUNTERS = ("energy_j", "npu_busy_ns", "gpu_busy_ns", "cpu_time_ns", "cpu_frequency_mhz")
"""Columns of the table ``generations``."""
_COLUMNS = (
    *("load_id", "cell_key", "block", "warmup", "prompt_tokens", "padded_prompt_tokens", "new_tokens", "batch_size"),
    *("ask", "turn", "status", "invalid_reason", "error_type", "error_message", "energy_source"),
)


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """The request of a process's first generation.

    ``steady_s``: median time in seconds for the whole answer, over timed generations of the same cell, later in the
    same process; ``None`` where none was timed, or those that were are longer or are prefix-cache hits.
    """

    request: Request
    steady_s: float | None


@dataclass(frozen=True, slots=True)
class CellSamples:
    """What was recorded of one cell.

    Args:
        load_ids: of the processes it ran in, the failed ones included.
        padded_prompt_tokens: the computed prompt length where the stack pads.
        block: int array [generations], the block of each counted generation.
        durations: column of each of :data:`bench.metrics.STORED` -> float array [generations], NaN where it is null.
        itl_ns: float array [generations, new_tokens - 1].
        warmups: how many warm-ups ran, the first asks before a repeat among them.
        counters: of :data:`COUNTERS` the float arrays [generations], NaN where one was not read.
        energy_source: the counter that the energy comes from; several are joined by `` + ``.
        series: makes a row of every generation that ran, in the order in which they were measured.
    """

    cell_key: str
    load_ids: tuple[str, ...]
    shape: Request
    ask: Ask
    padded_prompt_tokens: int | None
    block: Any
    durations: Mapping[str, Any]
    itl_ns: Any
    warmups: int
    excluded: int
    counters: Mapping[str, Any] = field(default_factory=dict)
    energy_source: str | None = None
    series: Callable[[], Iterable[Generation]] = tuple

    @property
    def ttft_ns(self) -> Any:
        """Time to first token: float array [generations]."""
        return self.durations["ttft_ns"]


def prompts_of(run: StoredRun) -> Prompts:
    """What a run asked, warm-ups included."""
    names = ["prompt_tokens", "prompt_id", "prompt_digest"]
    asked = run.table("generations", names).group_by(names, use_threads=False).aggregate([])
    found: dict[int, dict[str, str]] = {}
    for length, name, ids in zip(*(asked[column].to_pylist() for column in names), strict=True):
        if name is not None:
            found.setdefault(length, {})[name] = ids
    return found


class Generations:
    """The table ``generations`` of a run as flat arrays; its latencies stay views of what was read.

    Raises:
        StoreError: a file of the run cannot be read.
    """

    def __init__(self, run: StoredRun) -> None:
        # In one piece: rows of a column in several are taken by going through all of them, for each cell.
        self._table = table = run.table("generations", (*_COLUMNS, *STORED.values(), *COUNTERS)).combine_chunks()
        self._block = _numbers(table["block"])
        self._warmup = _booleans(table["warmup"])
        self._ok = _booleans(pc.equal(table["status"], "ok"))
        self._valid = _booleans(pc.is_null(table["invalid_reason"]))
        self._again = _booleans(pc.fill_null(pc.equal(table["ask"], "again"), fill_value=False))
        self._durations = {name: _floats(table[name]) for name in STORED.values()}
        self._ttft = self._durations["ttft_ns"]
        self._counters = {name: _floats(table[name]) for name in COUNTERS}
        self._steps = _numbers(table["new_tokens"]).astype(np.int64)
        self._latencies, self._sums = _latencies(run)
        self._lengths = np.fromiter(map(len, self._latencies), np.int64, len(self._latencies))
        self._rows = _rows_by_key(table["cell_key"])
        # Warm-ups may be of fewer tokens than what is timed, and what is asked before a turn of a chat is less too.
        cells = (run.record.get("plan") or {}).get("cells") or ()
        self._asked = {cell["cell_key"]: request_of(cell) for cell in cells}

    def bad_rows(self) -> list[dict[str, Any]]:
        """The generations that failed, or do not count."""
        bad = (pc.field("status") != "ok") | ~pc.field("invalid_reason").is_null()
        rows: list[dict[str, Any]] = self._table.select(_COLUMNS).filter(bad).to_pylist()
        return [row | self._asked.get(row["cell_key"], request_of(row))._asdict() for row in rows]

    def first_requests(self) -> dict[str, FirstRequest]:
        """``load_id`` -> its first request that was answered.

        Rows are in the order of the requests, so this holds for runs before schema 5 too, whose loads do not name it.
        """
        load_ids, cell_keys = self._table["load_id"].to_pylist(), self._table["cell_key"].to_pylist()
        counted = self._ok & self._valid & ~self._warmup & ~self._again
        first: dict[str, int] = {}
        answers_s: dict[str, list[float]] = {}
        answer_ns = np.nan_to_num(self._ttft) + self._sums
        for row in np.flatnonzero(self._ok).tolist():
            begun = first.setdefault(load_ids[row], row)
            alike = cell_keys[row] == cell_keys[begun] and self._steps[row] == self._steps[begun]
            if counted[row] and alike:
                answers_s.setdefault(load_ids[row], []).append(float(answer_ns[row]) / _NS_PER_S)
        return {
            load_id: FirstRequest(
                self._request(row), statistics.median(answers_s[load_id]) if load_id in answers_s else None
            )
            for load_id, row in first.items()
        }

    def cells(self) -> Iterator[CellSamples]:
        """Each cell that has rows, in the order in which they first appear; expands the latencies of one at a time."""
        for key, rows in self._rows.items():
            yield self._cell(key, rows)

    def cell(self, key: str) -> CellSamples | None:
        """One cell; ``None`` without a row of it."""
        return self._cell(key, self._rows[key]) if key in self._rows else None

    def _request(self, row: int) -> Request:
        return request_of({name: self._table[name][row].as_py() for name in Request._fields})

    def _cell(self, key: str, rows: Any) -> CellSamples:
        again = rows[self._again[rows]]
        shape = self._asked.get(key) or self._request(int((again if len(again) else rows)[0]))
        timed = rows[self._ok[rows] & ~self._warmup[rows]]
        # A time that is not positive, or a missing step, is a broken record and no measurement.
        whole = (self._ttft[timed] > 0) & (self._lengths[timed] == self._steps[timed] - 1)
        counted = timed[self._valid[timed] & whole]
        if (self._steps[counted] != shape.new_tokens).any():
            raise ValueError(f"answers of the cell {key} are of another length than planned")
        itl = np.empty((len(counted), shape.new_tokens - 1))
        for place, row in enumerate(counted.tolist()):
            itl[place] = self._latencies[row]
        load_ids = pc.unique(self._table["load_id"].take(pa.array(rows)))
        padded = pc.drop_null(self._table["padded_prompt_tokens"].take(pa.array(rows)))
        sources = pc.drop_null(pc.unique(self._table["energy_source"].take(pa.array(counted))))
        return CellSamples(
            cell_key=key,
            load_ids=tuple(load_ids.to_pylist()),
            shape=shape,
            ask="again" if len(again) else "first",
            padded_prompt_tokens=padded[0].as_py() if len(padded) else None,
            block=self._block[counted],
            durations={name: column[counted] for name, column in self._durations.items()},
            itl_ns=itl,
            warmups=int(np.count_nonzero(self._warmup[rows] & self._ok[rows])),
            excluded=len(timed) - len(counted),
            counters={name: column[counted] for name, column in self._counters.items()},
            energy_source=" + ".join(sources.to_pylist()) or None,
            series=lambda: self._series(rows[self._ok[rows]], frozenset(counted.tolist())),
        )

    def _series(self, rows: Any, counted: Set[int]) -> Iterator[Generation]:
        for row in rows.tolist():
            use: Use = "warm-up" if self._warmup[row] else "timed" if row in counted else "excluded"
            count = self._lengths[row]
            yield Generation(
                block=int(self._block[row]),
                use=use,
                ttft_ms=_milliseconds(self._ttft[row]),
                tpot_ms=_milliseconds(self._sums[row] / count) if 0 < count == self._steps[row] - 1 else None,
                reason=self._table["invalid_reason"][row].as_py() if use == "excluded" else None,
            )


def request_of(row: Mapping[str, Any]) -> Request:
    """What was asked, by a row of the table ``generations`` or a cell of the plan in run.json."""
    return Request(row["prompt_tokens"], row["new_tokens"], row["batch_size"], row.get("turn") or 0)


def _rows_by_key(cell_keys: pa.ChunkedArray) -> dict[str, Any]:
    """Cell key -> int array of its rows, in the order in which the keys first appear."""
    encoded = cell_keys.combine_chunks().dictionary_encode()
    codes: Any = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    keys = encoded.dictionary.to_pylist()
    bounds = np.searchsorted(codes[order], np.arange(1, len(keys)))
    return dict(zip(map(str, keys), np.split(order, bounds), strict=False))


def _latencies(run: StoredRun) -> tuple[list[Any], Any]:
    """Each generation's inter-token latencies, and their sums [generations]."""
    found: list[Any] = []
    sums: list[Any] = [np.empty(0)]
    for batch in run.batches("generations", ["itl_ns"], ROWS_AT_ONCE):
        column = batch.column(0)
        ends = np.cumsum(_numbers(pc.fill_null(pc.list_value_length(column), 0)))
        own = np.split(_numbers(column.flatten()), ends)[:-1]
        found += own
        sums.append(np.fromiter((one.sum() for one in own), float, len(own)))
    return found, np.concatenate(sums)


def _milliseconds(nanoseconds: Any) -> float | None:
    """A null is not above zero either."""
    return float(nanoseconds) / _NS_PER_MS if nanoseconds > 0 else None


def _numbers(column: Any) -> Any:
    return column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)


def _booleans(column: Any) -> Any:
    return np.asarray(_numbers(column), dtype=bool)


def _floats(column: Any) -> Any:
    return _numbers(pc.cast(column, pa.float64()))
