"""What could not be measured, gathered by reason: a cell that fails in ten blocks is one thing to read."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import Any

from bench.analyse.grouping import group_by
from bench.analyse.results import AskedCell, Failure, LoadResult, Lost
from bench.analyse.samples import request_of
from bench.store.reader import StoredRun

UNREACHED = "unreached"
_MOST_BLOCKS = 100_000
"""A plan may be edited; no run is longer."""

Row = Mapping[str, Any]


def failures(
    bad: Sequence[Row], load_of: Callable[[str, str], LoadResult], load_rows: Sequence[Row], measured: Set[str]
) -> list[Failure]:
    """One :class:`Failure` per load, status and reason.

    ``load_of``: (load_id, cell_key) -> the load that a row belongs to.
    """
    workers = {row["load_id"]: row for row in load_rows}
    seen = {row["load_id"] for row in bad}
    # The run ended before the rows of their cells were written, or another process of the visit has those.
    without_cells = [row for row in load_rows if row["status"] != "ok" and row["load_id"] not in seen]

    newest = {(row["load_key"], row["block"]): row["load_id"] for row in load_rows}

    def tried_again(row: Row) -> bool:
        return "load_key" in row and newest[row["load_key"], row["block"]] != row["load_id"]

    def reason(row: Row) -> tuple[str, str, str, bool]:
        load = load_of(row["load_id"], row.get("cell_key", ""))
        return load.load_key, _status(row), _message(row), tried_again(row)

    return [
        _failure(load_of(rows[0]["load_id"], rows[0].get("cell_key", "")), rows, workers, measured, again=again)
        for kind in (bad, without_cells)
        for (*_, again), rows in group_by(kind, reason).items()
    ]


def _status(row: Row) -> str:
    return str(row["status"]) if row["status"] != "ok" else "invalid"


def _message(row: Row) -> str:
    return str(row.get("error_message") or row.get("invalid_reason") or "no reason was recorded")


def _failure(
    load: LoadResult, rows: Sequence[Row], workers: Mapping[str, Row], measured: Set[str], *, again: bool
) -> Failure:
    of_cells = {row["cell_key"]: row for row in rows if "cell_key" in row}
    cells = [
        AskedCell(key, load, *request_of(row), "again" if row["ask"] == "again" else "first")
        for key, row in sorted(of_cells.items(), key=lambda one: (request_of(one[1]), one[0]))
    ]
    processes = [workers[row["load_id"]] for row in rows if row["load_id"] in workers]
    return Failure(
        load=load,
        status=_status(rows[0]),
        error_type=next((row["error_type"] for row in rows if row["error_type"]), None),
        message=_message(rows[0]),
        exit_code=next((row["exit_code"] for row in processes if row["exit_code"] is not None), None),
        stderr_tail=next((row["stderr_tail"] for row in processes if row["stderr_tail"]), None),
        cells=tuple(cells),
        blocks=tuple(sorted({row["block"] for row in rows})),
        measured_elsewhere=not measured.isdisjoint(of_cells),
        tried_again=again,
    )


def lost_blocks(
    run: StoredRun, bad: Sequence[Row], counted: Mapping[str, Collection[int]]
) -> dict[str, tuple[Lost, ...]]:
    """The lost blocks of each cell that has some, one :class:`Lost` per reason.

    A block in which a generation failed is lost even where an earlier generation of it counts.

    ``counted``: key of a measured cell -> the blocks with a generation that counts.
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
        if lost:
            by_reason = group_by(sorted(lost), lost.__getitem__)
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
