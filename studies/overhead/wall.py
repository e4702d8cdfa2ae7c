"""Where the wall time of a stored run went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from bench.errors import StoreError
from bench.store.reader import StoredRun, open_run

GOAL_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class WallTime:
    """Wall time of a run from run.json to end.json, in seconds.

    Args:
        total_s: all of it.
        process_start_s: until workers answered.
        import_s: importing the stacks.
        load_s: reading and compiling models.
        warmup_s: generations that are not counted.
        timed_s: generations that are.
        visits_s: from the start of each worker to its end; what is left of it is the harness at work in a visit.
    """

    total_s: float
    process_start_s: float
    import_s: float
    load_s: float
    warmup_s: float
    timed_s: float
    visits_s: float

    @property
    def workers_s(self) -> float:
        """What the stacks took."""
        return self.process_start_s + self.import_s + self.load_s + self.warmup_s + self.timed_s

    @property
    def harness_s(self) -> float:
        """All the rest: handshakes, observing, rows, ending workers, and what lies between visits."""
        return self.total_s - self.workers_s


def wall_time(run: StoredRun) -> WallTime:
    """Read the wall time of a finished run.

    Raises:
        StoreError: the run has not ended.
    """
    if run.end is None:
        raise StoreError(f"{run.path} has not ended, or was killed: choose a finished run with --run")
    loads = run.table("loads", ["process_start_s", "import_s", "load_s", "started_at", "ended_at", "attempt"])
    loads = loads.filter(pc.greater(loads["attempt"], 0))
    lasted = pc.subtract(loads["ended_at"].cast("int64"), loads["started_at"].cast("int64"))
    begun, ended = (datetime.fromisoformat(str(text)) for text in (run.record["created_at"], run.end["ended_at"]))
    return WallTime(
        total_s=(ended - begun).total_seconds(),
        process_start_s=_sum(loads["process_start_s"]),
        import_s=_sum(loads["import_s"]),
        load_s=_sum(loads["load_s"]),
        warmup_s=_generating_s(run, warmup=True),
        timed_s=_generating_s(run, warmup=False),
        visits_s=_sum(lasted) / 1e6,
    )


def newest_run(results: Path) -> Path:
    """The newest finished run in the folder ``results``.

    Raises:
        StoreError: there is none.
    """
    finished = [end.parent for end in results.glob("*/end.json")]
    if not finished:
        raise StoreError(f"{results} holds no finished run: make one with `nox -s bench`, or name one with --run")
    return max(finished, key=lambda path: path.name)


def said(path: Path) -> Iterator[str]:
    """The wall time of the run in ``path`` in lines for people."""
    wall = wall_time(open_run(path))
    yield f"run {path.name}, {wall.total_s:.1f} s from the first visit to the last row"
    parts = {
        "process start": wall.process_start_s,
        "import": wall.import_s,
        "load": wall.load_s,
        "warm-up": wall.warmup_s,
        "timed generation": wall.timed_s,
        "harness": wall.harness_s,
    }
    for name, seconds in parts.items():
        yield f"{name:<17} {seconds:9.1f} s  {seconds / wall.total_s:6.1%}"
    kept = "within" if wall.harness_s / wall.total_s <= GOAL_SHARE else "outside"
    yield (
        f"harness alone at most {GOAL_SHARE:.0%}: {kept} the goal "
        f"({wall.visits_s - wall.workers_s:.1f} s of it within visits, ending workers included; "
        "a sum over one run, so it has no interval)"
    )


def _generating_s(run: StoredRun, *, warmup: bool) -> float:
    counted = (pc.field("status") == "ok") & (pc.field("warmup") == warmup)
    rows = run.table("generations", ["ttft_ns", "itl_ns", "warmup", "status"], counted)
    later = pc.list_flatten(rows["itl_ns"])
    return (_sum(rows["ttft_ns"]) + _sum(later)) / 1e9


def _sum(column: object) -> float:
    return float(pc.sum(column).as_py() or 0)
