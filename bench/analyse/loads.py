"""What was loaded: identity from the plan, everything else from what the processes reported."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from backends.bounded_json import parse_json
from bench.analyse.grouping import group_by
from bench.analyse.results import LoadResult, LoadTimes, Measured
from bench.analyse.samples import FirstRequest
from bench.plan.backends import BACKENDS
from bench.plan.cells import Request
from bench.store.reader import StoredRun

# How the rows of several processes become one value, by column.
_NEWEST = ("bits_per_weight", "bits_read_per_weight", "threads", "artifact_digest", "artifact_bytes")
_NEWEST_MAPPINGS = ("weight_bits", "weight_recipe", "node_placement", "changed_hints")
_JOINED = (
    *("backend_version", "device_executed"),
    *("inference_precision", "kv_cache_precision", "activation_quantization", "attention_backend"),
)
_MEDIANS = ("peak_memory_bytes", "private_memory_bytes", "device_memory_bytes")

_COLUMNS = (
    *("load_id", "load_key", "variant", "block", "backend", "device_requested", "precision", "options", "environment"),
    *("device_verdict", "device_evidence", "device_share", *_NEWEST, *_NEWEST_MAPPINGS, *_JOINED, *_MEDIANS),
    *("compile_cache", "process_start_s", "import_s", "load_s", "first_generation_s"),
    *("status", "error_type", "error_message", "exit_code", "stderr_tail"),
)

Row = Mapping[str, Any]

# From the one that casts most doubt to the one that casts none: a load is only as good as its weakest process.
_WEAKEST_FIRST = ("simulated", "fallback", "unknown", "reported", "verified")

_STATES = ("none", "cold", "unknown", "hit")


def read_load_rows(run: StoredRun) -> list[dict[str, Any]]:
    """One row per worker process. A run has some dozens to some thousands of them."""
    rows = run.table("loads", columns=_COLUMNS).to_pylist()
    return [{column: _known(value) for column, value in row.items()} for row in rows]


def _known(value: Any) -> Any:
    """What a stack reports as NaN or infinity was not measured."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def load_results(run: StoredRun, rows: Sequence[Row], first: Mapping[str, FirstRequest]) -> dict[str, LoadResult]:
    """``load_key`` -> result, in the order of the plan; loads that only the rows know come last."""
    plan = run.record.get("plan") or {}
    planned = {str(load["load_key"]): load for load in plan.get("loads") or ()}
    by_key = {**{key: [] for key in planned}, **group_by(rows, lambda row: str(row["load_key"]))}
    first = _widest_first(by_key.values(), first)
    specs = {name: str(variant["spec"]) for name, variant in (plan.get("variants") or {}).items()}
    return {key: _load_result(key, planned.get(key, {}), group, first, specs) for key, group in by_key.items()}


def unknown_load(key: str) -> LoadResult:
    """Of a cell that neither the plan nor a row of the table ``loads`` has a load for."""
    return _load_result(key, {"label": "unknown"}, (), {}, {})


def _load_result(
    key: str,
    planned: Mapping[str, Any],
    rows: Sequence[Row],
    first: Mapping[str, FirstRequest],
    specs: Mapping[str, str],
) -> LoadResult:
    good = [row for row in rows if row["status"] == "ok"]
    known = good or rows
    newest: Row = known[-1] if known else {}
    backend = str(planned.get("backend") or newest.get("backend") or "unknown")
    device = str(planned.get("device") or newest.get("device_requested") or "unknown")
    precision = str(planned.get("precision") or newest.get("precision") or "unknown")
    variant = str(planned.get("variant") or newest.get("variant") or "")
    verdict, weakest = _weakest(known)
    spec = BACKENDS.get(backend)
    columns: dict[str, Any] = {
        **{column: newest.get(column) for column in _NEWEST},
        **{column: dict(newest[column]) if newest.get(column) else None for column in _NEWEST_MAPPINGS},
        **{column: " + ".join(dict.fromkeys(_values(known, column))) or None for column in _JOINED},
        **{column: None if (size := _median(good, column)) is None else round(size) for column in _MEDIANS},
    }
    return LoadResult(
        load_key=key,
        label=str(planned.get("label") or "-".join(filter(None, (variant, backend, device, precision)))),
        variant=variant,
        variant_spec=specs.get(variant),
        backend=backend,
        device_requested=device,
        device_verdict="simulated" if spec and spec.simulated else verdict,
        device_evidence=weakest.get("device_evidence"),
        device_share=weakest.get("device_share"),
        precision=precision,
        options=_options(planned.get("options") or newest.get("options")),
        processes=len(good),
        times=tuple(_times(good, first)),
        **columns,
        peak_memory_max_bytes=max(_values(good, "peak_memory_bytes"), default=None),
        peak_memory=_peak_memory(good),
        # None was set where it is empty.
        environment=None if newest.get("environment") is None else dict(newest["environment"]),
    )


def _times(processes: Sequence[Row], first: Mapping[str, FirstRequest]) -> Iterator[LoadTimes]:
    """A median over loads that a cache served and loads that compiled would be the time of neither.

    One over first generations of several requests would be the time of none, so it is over those of one.
    """
    by_state = group_by(processes, lambda row: row["compile_cache"] or "unknown")
    for state in sorted(by_state, key=lambda state: _STATES.index(state) if state in _STATES else -1):
        rows = by_state[state]
        began = {row["load_id"] for row in rows}
        request = next((one.request for load_id, one in first.items() if load_id in began), None)
        alike = [row for row in rows if row["load_id"] in first and first[row["load_id"]].request == request]
        steady = [first[row["load_id"]].steady_s for row in alike]
        yield LoadTimes(
            compile_cache=state,
            processes=len(rows),
            process_start_s=_median(rows, "process_start_s"),
            import_s=_median(rows, "import_s"),
            load_s=_median(rows, "load_s"),
            first_generation_s=_median(alike, "first_generation_s"),
            steady_s=_middle([value for value in steady if value is not None]),
            first_request=request,
            first_processes=len(alike),
        )


def _widest_first(loads: Iterable[Sequence[Row]], first: Mapping[str, FirstRequest]) -> dict[str, FirstRequest]:
    """``first``, the request that most loads began with leading, the smaller of two that as many did.

    So the loads of a run are shown with the same request wherever they have one in common.
    """
    loads_of: Counter[Request] = Counter()
    for rows in loads:
        loads_of.update({first[row["load_id"]].request for row in rows if row["load_id"] in first})
    return dict(sorted(first.items(), key=lambda one: (-loads_of[one[1].request], one[1].request)))


def _peak_memory(rows: Sequence[Row]) -> Measured | None:
    # A process that was started again in a block answered a part of its requests only, and may have needed less.
    by_block: dict[int, float] = {}
    for row in rows:
        if row["peak_memory_bytes"]:
            by_block[row["block"]] = max(by_block.get(row["block"], 0.0), float(row["peak_memory_bytes"]))
    return Measured.over(by_block)


def _values(rows: Iterable[Row], column: str) -> list[Any]:
    return [row[column] for row in rows if row[column] is not None]


def _median(rows: Iterable[Row], column: str) -> float | None:
    return _middle(_values(rows, column))


def _middle(values: Sequence[float]) -> float | None:
    return float(statistics.median(values)) if values else None


def _weakest(rows: Sequence[Row]) -> tuple[str, Row]:
    """The verdict that casts most doubt, and the process with it whose device was busy least, the newest of equals.

    Each process has figures of its own.
    """
    verdicts = {row["device_verdict"] for row in rows}
    verdict = next((verdict for verdict in _WEAKEST_FIRST if verdict in verdicts), "unknown")
    alike = [row for row in reversed(rows) if row["device_verdict"] == verdict and row["device_evidence"]]
    shares = [row for row in alike if row["device_share"] is not None]
    return verdict, min(shares, key=lambda row: float(row["device_share"]), default=alike[0] if alike else {})


def _options(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        with suppress(ValueError):
            value = parse_json(value.encode("utf-8", "replace"))
    return dict(value) if isinstance(value, Mapping) else {}
