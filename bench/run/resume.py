"""Carrying on with a run that was killed, interrupted or stopped: which one, and what of it stays.

A visit is kept whole or measured again. Where it was not measured to its end, the rows that it has are set aside in the
run's folder ``interrupted/``, which no analysis reads, and a fresh process is asked the same prompts from its start. So
the tables come out as those of a run that nothing interrupted, but for times.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import StoreError, UsageError
from bench.measure.visit import Outcome
from bench.plan.cells import Cell
from bench.plan.flags import NEWEST
from bench.plan.plan import Plan, PlannedVisit
from bench.plan.resume import resume_command
from bench.run.guard.found import JUDGED_AT_THE_END
from bench.store.lookup import find_folders, readable
from bench.store.reader import StoredRun, as_utc, open_run
from bench.store.writer import RunWriter, goes_on, set_aside

MEASURED_BEFORE = "measured before the run was interrupted"
INTERRUPTED = "interrupted"
"""Folder in that of a run, with the rows of visits that were measured again: ``<sitting>-<table>.parquet``."""
_NO_VISIT = "none"
"""In place of a visit in the ids of loads that cannot be."""

_TIMES = {"loads": "ended_at", "generations": "started_at", "findings": "seen_at", "quality": "ended_at"}
"""Table -> the column that tells when something was measured or seen."""

_ROWS_AT_ONCE = 512

Skipped = Callable[[PlannedVisit, Cell], str | None]
Take = Callable[[PlannedVisit, Cell, Outcome], None]


# -- which run --------------------------------------------------------------------------------------------------------


def find_resumable(name: str, results: Path) -> StoredRun:
    """The run that ``--resume`` means: of this id or folder, or the newest in ``results`` that did not come to its end.

    Raises:
        UsageError: there is none, or it cannot be carried on.
        StoreError: it cannot be read.
    """
    if name == NEWEST:
        run = next((one for one in _newest_first(results) if one.unfinished and not goes_on(one.path)), None)
        if run is None:
            raise UsageError(f"--resume: no run in {results} was killed or interrupted; name one by its folder")
        return run
    folders = find_folders([name], results)
    if len(folders) > 1:
        raise UsageError(f"--resume: {name} matches {len(folders)} runs: name one")
    run = open_run(folders[0])
    if run.shared is not None:
        raise UsageError(f"--resume: {run.path} is a run of a dataset: carry it on where it was measured")
    if not run.unfinished:
        raise UsageError(f"--resume: the run {run.run_id} came to its end, so nothing of it is left to be measured")
    if goes_on(run.path):
        raise UsageError(f"--resume: the run {run.run_id} still goes on, in another process")
    return run


def offer(results: Path) -> str | None:
    """The line that offers to carry on with the newest run in ``results``; ``None`` where it came to its end."""
    with suppress(StoreError):
        run = next(_newest_first(results), None)
        if run is not None and run.unfinished and not goes_on(run.path):
            done, planned = _counted(run)
            name = run.run_id if results == Path.cwd() / "results" else str(run.path)
            command = resume_command(name, run.record)
            return f"run {run.run_id} was interrupted after {done} of {planned} cells: `{command}` carries on"
    return None


def _newest_first(results: Path) -> Iterator[StoredRun]:
    # One of a newer version, or a damaged one, is no run to carry on.
    return readable((path.parent for path in sorted(results.glob("*/run.json"), reverse=True)), open_run)


def _counted(run: StoredRun) -> tuple[int, str]:
    """How many cells a run has measured, each counted once per block, and how many it was to measure."""
    plan, selection = run.record.get("plan") or {}, run.record.get("selection")
    ids = pc.unique(run.table("generations", ["cell_id"])["cell_id"]).to_pylist()
    measured = [one for one in ids if not one.startswith(f"{_NO_VISIT}/")]
    # A cell whose warm-up crashed may have rows of two processes.
    done = len({(_visit_of(_visit_of(one)), one.rpartition("/")[2]) for one in measured})
    impossible, blocks = len(ids) - len(measured), plan.get("max_blocks") or plan.get("blocks") or 0
    planned = (selection or {}).get("selected")
    left = (len(plan.get("cells") or ()) - impossible) * blocks if planned is None else planned - impossible
    return done, f"at most {left}" if plan.get("max_blocks") else str(left)


# -- what stays of it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _StoredCell:
    """A cell in one visit: the process that it was asked of last, whether it was asked all, and what it gave."""

    load_id: str
    ended: bool
    outcome: Outcome | None


class Earlier:
    """What a run that is carried on has measured; ``repeats``: timed generations of a cell that was asked all."""

    def __init__(self, run: StoredRun, repeats: int) -> None:
        self.run = run
        self.whole: set[str] = set()
        self._cells = _stored_cells(run, repeats)
        columns = ("load_id", "load_key", "status", "artifact_digest", "started_at", "ended_at")
        self._loads = run.table("loads", columns).to_pylist()

    @property
    def _begun(self) -> set[str]:
        begun = {visit for visit, _ in self._cells} | {_visit_of(row["load_id"]) for row in self._loads}
        return begun - {_NO_VISIT}

    def left_of(self, plan: Plan) -> Plan:
        """What of ``plan`` has not been begun."""
        begun = self._begun
        return replace(plan, visits=tuple(planned for planned in plan.visits if planned.id not in begun))

    def replay(self, plan: Plan, skipped: Skipped, take: Take) -> None:
        """Go through ``plan`` again as far as it was measured, in its order, and find the visits that are whole.

        Args:
            plan: what was selected of the run's plan; its visits have the selected cells alone.
            skipped: why a cell was not to be measured in a visit.
            take: gets what each cell gave in a visit that is whole.

        Raises:
            UsageError: the visits that the run made are not those of the plan.
        """
        begun = self._begun
        if not begun <= {planned.id for planned in plan.visits}:
            raise other_than_before(self.run, ["the order of its visits"])
        ended = {row["load_id"] for row in self._loads}
        twins = {cell.load.key: group[0].load.key for group in plan.twins for cell in group}
        # The two variants of a load are compared visit by visit, so both are kept or neither is.
        for _, visits in groupby(plan.visits, lambda planned: (planned.block, twins[planned.load.key])):
            if not begun:
                break
            pair = list(visits)
            begun -= {planned.id for planned in pair}
            wanted = [(planned, cell) for planned in pair for cell in planned.cells if skipped(planned, cell) is None]
            found = [self._cells.get((planned.id, cell.key)) for planned, cell in wanted]
            stored = [cell for cell in found if cell is not None and cell.ended and cell.load_id in ended]
            if len(stored) < len(wanted) or (not begun and self._died_with_a_worker(pair)):
                continue
            self.whole |= {planned.id for planned, _ in wanted}
            for (planned, cell), one in zip(wanted, stored, strict=True):
                if one.outcome is not None:
                    take(planned, cell, one.outcome)

    def _died_with_a_worker(self, last: Sequence[PlannedVisit]) -> bool:
        """Whether the run was killed after a worker died in its last visits: a shutdown may have ended both."""
        ids = {planned.id for planned in last}
        crashed = (row for row in self._loads if row["status"] == "crashed" and _visit_of(row["load_id"]) in ids)
        return self.run.end is None and next(crashed, None) is not None

    @property
    def seconds(self) -> float:
        """For how long the processes of whole visits ran."""
        whole = (row for row in self._loads if _visit_of(row["load_id"]) in self.whole)
        return float(sum((row["ended_at"] - row["started_at"]).total_seconds() for row in whole))

    @property
    def scored(self) -> set[tuple[str, str]]:
        """Load key and device of what was scored."""
        rows = self.run.table("quality", ["load_key", "device"], _reached()).to_pylist()
        return {(row["load_key"], row["device"]) for row in rows}

    def lacks(self, table: str, row: Mapping[str, Any]) -> bool:
        """Whether this row of a cell that cannot be is still to be written."""
        if table == "loads":
            return all(one["load_id"] != row["load_id"] for one in self._loads)
        return (_NO_VISIT, row["cell_key"]) not in self._cells

    @property
    def timed(self) -> dict[str, set[str | None]]:
        """Key of each load that was measured -> the digests of its artifact."""
        found: dict[str, set[str | None]] = {}
        for row in self._loads:
            if row["status"] == "ok":
                found.setdefault(row["load_key"], set()).add(row["artifact_digest"])
        return found

    def carry_on(self, writer: RunWriter, plan: Plan, changed: Mapping[str, Any]) -> None:
        """Begin a further sitting: write it down in run.json, and set aside what is to be measured again.

        ``changed``: see :func:`bench.run.changes.other_conditions`.
        """
        then, sittings = self.run.record, self._sittings_before()
        sitting: dict[str, Any] = {"began_at": datetime.now(UTC).isoformat()}
        left = [planned for planned in plan.visits if planned.id not in self.whole]
        if left:
            sitting |= {"block": left[0].block, "position": left[0].position}
        sitting["changed"] = changed
        writer.carry_on({**then, "sittings": [*sittings, sitting]})
        dropped = {row["load_id"] for row in self._loads} | {cell.load_id for cell in self._cells.values()}
        dropped = {one for one in dropped if _visit_of(one) not in (*self.whole, _NO_VISIT)}
        own = ~pc.field("load_id").isin(pa.array(sorted(dropped), pa.string()))
        judged = pc.field("code").isin([code.word for code in JUDGED_AT_THE_END])
        kept = {
            "loads": own,
            "generations": own,
            "findings": (pc.field("load_id").is_null() | own) & ~judged,
            "quality": _reached(),
        }
        for table, where in kept.items():
            set_aside(self.run, table, where, self.run.path / INTERRUPTED / f"{len(sittings)}-{table}.parquet")

    def _sittings_before(self) -> list[dict[str, Any]]:
        """Those until now, the last with its end: of end.json, or else the last sign of life."""
        *before, last = self.run.record.get("sittings") or [{"began_at": self.run.record.get("created_at")}]
        end = self.run.end or {}
        newest = (pc.max(self.run.table(table, [column])[column]).as_py() for table, column in _TIMES.items())
        ended = as_utc(end.get("ended_at")) or max((one for one in newest if one is not None), default=None)
        began = as_utc(last["began_at"])
        # A sitting that ended before anything was written has no sign of its own.
        at = max((one for one in (began, ended) if one is not None), default=None)
        return [*before, {**last, "ended_at": at and at.isoformat(), "reason": end.get("reason", "killed")}]


def _reached() -> pc.Expression:
    return pc.field("error_type").is_null() | (pc.field("error_type") != "Interrupted")


def other_than_before(run: StoredRun, changed: Sequence[str]) -> UsageError:
    """The line that says why a run is not carried on."""
    return UsageError(
        f"--resume: the run {run.run_id} cannot be carried on, because this has changed: {'; '.join(changed)}. "
        "Have it as it was, or measure anew without --resume"
    )


def _visit_of(load_id: str) -> str:
    return load_id.rpartition("/")[0]


def _stored_cells(run: StoredRun, repeats: int) -> dict[tuple[str, str], _StoredCell]:
    columns = ("load_id", "cell_key", "warmup", "status", "invalid_reason", "ttft_ns", "itl_ns")
    rows = (row for batch in run.batches("generations", columns, _ROWS_AT_ONCE) for row in batch.to_pylist())
    found = {}
    for (load_id, key), own in groupby(rows, lambda row: (row["load_id"], row["cell_key"])):
        of_cell = list(own)
        failed = any(row["status"] != "ok" for row in of_cell)
        timed = sum(not row["warmup"] for row in of_cell)
        outcome = None if failed else Outcome.of(of_cell)
        found[_visit_of(load_id), key] = _StoredCell(load_id, failed or timed >= repeats, outcome)
    return found
