"""What could not be measured, gathered by reason: a cell that fails in ten blocks is one thing to read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import Any

from bench.analyse.results import Failure, LoadResult, Lost
from bench.plan.cells import Ask
from bench.store.reader import StoredRun

UNREACHED = "unreached"
_MOST_BLOCKS = 100_000
"""A plan may be edited; no run is longer."""

Row = Mapping[str, Any]


def failures(
    bad: Sequence[Row], load_of: Callable[[str, str], LoadResult], load_rows: Sequence[Row], measured: Set[str]
) -> list[Failure]:
    """One :class:`Failure` per load, status and reason.

    Args:
        bad: see :meth:`bench.analyse.samples.Generations.bad_rows`.
        load_of: (load_id, cell_key) -> the load that a row belongs to.
        load_rows: of the ``loads`` table, for exit codes and the workers' last lines.
        measured: keys of the cells that have results.
    """
    workers = {row["load_id"]: row for row in load_rows}
    groups: dict[tuple[str, str, str], list[Row]] = {}
    loads: dict[str, LoadResult] = {}
    for row in bad:
        load = load_of(row["load_id"], row["cell_key"])
        loads[load.load_key] = load
        groups.setdefault((load.load_key, _status(row), _message(row)), []).append(row)
    found = [
        _failure(loads[key], (status, message), group, workers, measured)
        for (key, status, message), group in groups.items()
    ]
    return found + _without_cells(load_rows, {row["load_id"] for row in bad}, load_of)


def _status(row: Row) -> str:
    return str(row["status"]) if row["status"] != "ok" else "invalid"


def _message(row: Row) -> str:
    return str(row.get("error_message") or row.get("invalid_reason") or "no reason was recorded")


def _failure(
    load: LoadResult, reason: tuple[str, str], rows: Sequence[Row], workers: Mapping[str, Row], measured: Set[str]
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
    load_rows: Sequence[Row], seen: Set[str], load_of: Callable[[str, str], LoadResult]
) -> list[Failure]:
    """Processes that failed without any cell to show for it: the run ended before their rows were written."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
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


def lost_blocks(
    run: StoredRun, bad: Sequence[Row], counted: Mapping[str, Collection[int]]
) -> dict[str, tuple[Lost, ...]]:
    """The lost blocks of each cell that has some, one :class:`Lost` per reason.

    A block in which a generation failed is lost even where an earlier generation of it counts.

    Args:
        run: for what it planned.
        bad: see :meth:`bench.analyse.samples.Generations.bad_rows`.
        counted: key of a measured cell -> the blocks with a generation that counts.
    """
    reasons: dict[str, dict[int, tuple[str, str]]] = {key: {} for key in counted}
    for row in bad:
        of_cell = reasons.get(row["cell_key"], {})
        failed = row["status"] != "ok"
        if failed or row["block"] not in {*counted.get(row["cell_key"], ()), *of_cell}:
            of_cell[row["block"]] = _status(row), _message(row)
    planned = range(_planned_blocks(run))
    found = {}
    for key, blocks in counted.items():
        lost = reasons[key] | {block: (UNREACHED, "") for block in planned if block not in {*blocks, *reasons[key]}}
        by_reason: dict[tuple[str, str], list[int]] = {}
        for block in sorted(lost):
            by_reason.setdefault(lost[block], []).append(block)
        if lost:
            found[key] = tuple(Lost(*reason, tuple(its)) for reason, its in by_reason.items())
    return found


def _planned_blocks(run: StoredRun) -> int:
    """How many blocks each cell was to be measured in; 0 where a run was free to leave cells out."""
    plan = run.record.get("plan") or {}
    finished = run.end is not None and run.end.get("reason") == "finished"
    if finished and plan.get("interval_target") is not None:
        return 0
    blocks = plan.get("blocks")
    return min(blocks, _MOST_BLOCKS) if isinstance(blocks, int) else 0
