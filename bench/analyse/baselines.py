"""Which stored runs are baselines of another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.analyse.comparison import Caveat, run_id
from bench.analyse.conditions import alike, other_machine
from bench.analyse.results import RunAnalysis


def usable(head: RunAnalysis, baselines: Sequence[RunAnalysis]) -> tuple[list[RunAnalysis], list[Caveat]]:
    """The baselines that say something about ``head``, the oldest first, and why the others are left out.

    Those are of another machine, with other threads, without an end or without a result.
    """
    kept, left_out = [], []
    for run in sorted(baselines, key=lambda run: str(run.record.get("created_at"))):
        if why := _unusable(head, run):
            left_out.append(why)
        else:
            kept.append(run)
    return kept, left_out


def _unusable(head: RunAnalysis, run: RunAnalysis) -> Caveat | None:
    machines = run.record.get("machine_id"), head.record.get("machine_id")
    other = other_machine(run.record, head.record)
    threads = [(one.record.get("plan") or {}).get("threads") for one in (run, head)]
    values = {"run": run_id(run)}
    if machines[0] != machines[1]:
        return Caveat("other-machine", values | {"base": machines[0], "head": machines[1]})
    if other is not None:
        return Caveat("other-hardware", values | {"mismatch": other})
    if threads[0] != threads[1]:
        return Caveat("other-threads", values | {"base": threads[0], "head": threads[1]})
    if run.end is None:
        return Caveat("unfinished-baseline", values)
    return None if run.cells else Caveat("empty-baseline", values)


def mixed(runs: Sequence[RunAnalysis]) -> Iterator[Caveat]:
    """Whether the packages, drivers or power of the baselines are not the same in all."""
    conditions: dict[str, set[str]] = {}
    for run in runs:
        for load in run.loads:
            conditions.setdefault(load.load_key, set()).add(alike(run.record, load))
    most = max((len(found) for found in conditions.values()), default=0)
    if most > 1:
        yield Caveat("mixed-baselines", {"count": most})
