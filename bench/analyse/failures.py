"""What could not be measured, gathered by reason: a cell that fails in ten blocks is one thing to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import pyarrow.compute as pc

from bench.analyse.results import Failure, LoadResult
from bench.plan.cells import Ask
from bench.store.reader import StoredRun

_COLUMNS = (
    "load_id",
    "cell_key",
    "block",
    "prompt_tokens",
    "new_tokens",
    "batch_size",
    "ask",
    "status",
    "invalid_reason",
    "error_type",
    "error_message",
)


def read_failures(
    run: StoredRun,
    load_of: Callable[[str, str], LoadResult],
    load_rows: Sequence[Mapping[str, Any]],
    measured: Set[str],
) -> list[Failure]:
    """Every failed, unsupported or invalid row of the run, one :class:`Failure` per load, status and reason.

    Args:
        run: to read from.
        load_of: (load_id, cell_key) -> the load that a row belongs to.
        load_rows: of the ``loads`` table, for exit codes and the workers' last lines.
        measured: keys of the cells that have results.
    """
    bad = (pc.field("status") != "ok") | ~pc.field("invalid_reason").is_null()
    rows = run.table("generations", columns=_COLUMNS, where=bad).to_pylist()
    workers = {row["load_id"]: row for row in load_rows}
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    loads: dict[str, LoadResult] = {}
    for row in rows:
        load = load_of(row["load_id"], row["cell_key"])
        loads[load.load_key] = load
        groups.setdefault((load.load_key, _status(row), _message(row)), []).append(row)
    seen = {row["load_id"] for row in rows}
    found = [
        _failure(loads[key], (status, message), group, workers, measured)
        for (key, status, message), group in groups.items()
    ]
    return found + _without_cells(load_rows, seen, load_of)


def _status(row: Mapping[str, Any]) -> str:
    return str(row["status"]) if row["status"] != "ok" else "invalid"


def _message(row: Mapping[str, Any]) -> str:
    return str(row.get("error_message") or row.get("invalid_reason") or "no reason was recorded")


def _failure(
    load: LoadResult,
    reason: tuple[str, str],
    rows: Sequence[Mapping[str, Any]],
    workers: Mapping[str, Mapping[str, Any]],
    measured: Set[str],
) -> Failure:
    cells = {row["cell_key"]: (row["prompt_tokens"], row["new_tokens"], row["batch_size"]) for row in rows}
    asks: dict[str, Ask] = {row["cell_key"]: "again" if row["ask"] == "again" else "first" for row in rows}
    by_shape = sorted(cells, key=lambda key: (cells[key], key))
    last = [workers[row["load_id"]] for row in rows if row["load_id"] in workers]
    return Failure(
        load=load,
        status=reason[0],
        error_type=next((row["error_type"] for row in rows if row["error_type"]), None),
        message=reason[1],
        exit_code=next((row["exit_code"] for row in last if row["exit_code"] is not None), None),
        stderr_tail=next((row["stderr_tail"] for row in last if row["stderr_tail"]), None),
        shapes=tuple(cells[key] for key in by_shape),
        asks=tuple(asks[key] for key in by_shape),
        cell_keys=tuple(by_shape),
        blocks=tuple(sorted({row["block"] for row in rows})),
        measured_elsewhere=any(key in measured for key in cells),
    )


def _without_cells(
    load_rows: Sequence[Mapping[str, Any]], seen: Set[str], load_of: Callable[[str, str], LoadResult]
) -> list[Failure]:
    """Processes that failed without any cell to show for it: the run ended before their rows were written."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in load_rows:
        if row["status"] != "ok" and row["load_id"] not in seen:
            groups.setdefault((row["load_key"], row["status"], _message(row)), []).append(row)
    return [
        Failure(
            load=load_of(rows[0]["load_id"], ""),
            status=status,
            error_type=rows[0]["error_type"],
            message=message,
            exit_code=rows[0]["exit_code"],
            stderr_tail=rows[0]["stderr_tail"],
            shapes=(),
            asks=(),
            cell_keys=(),
            blocks=tuple(sorted({row["block"] for row in rows})),
            measured_elsewhere=False,
        )
        for (_, status, message), rows in groups.items()
    ]
