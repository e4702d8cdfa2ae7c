"""Which stored runs another one can be held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.analyse.conditions import alike, mismatches
from bench.analyse.results import RunAnalysis


@dataclass(frozen=True, slots=True)
class Baselines:
    """The runs that can be held against a head.

    Args:
        runs: the oldest first.
        notes: which were left out, and why.
        void: why none is left.
    """

    runs: tuple[RunAnalysis, ...]
    notes: tuple[str, ...]
    void: tuple[str, ...]


def usable(head: RunAnalysis, baselines: Sequence[RunAnalysis]) -> Baselines:
    """Leave out what says nothing about ``head``: another machine's runs, other threads, no end, no result."""
    kept, notes = [], []
    for run in sorted(baselines, key=lambda run: str(run.record.get("created_at"))):
        if why := _unusable(head, run):
            notes.append(f"LEFT OUT baseline {run.record.get('run_id')}: {why}")
        else:
            kept.append(run)
    void = () if kept else ("no baseline can be held against this run",)
    return Baselines(tuple(kept), tuple(notes), void)


def _unusable(head: RunAnalysis, run: RunAnalysis) -> str | None:
    there, here = run.record, head.record
    if there.get("machine_id") != here.get("machine_id"):
        return f"another machine ({there.get('machine_id')}, the head is of {here.get('machine_id')})"
    threads = [(record.get("plan") or {}).get("threads") for record in (there, here)]
    if threads[0] != threads[1]:
        return f"other threads ({threads[0]}, the head has {threads[1]})"
    if run.end is None:
        return "it has no end: it is still being written or was killed"
    return None if run.cells else "it measured nothing"


def apart(runs: Sequence[RunAnalysis], head: RunAnalysis) -> Iterator[str]:
    """A note for each condition that is another one now than in the newest baseline."""
    for one in mismatches(runs[-1].record, head.record) if runs else ():
        if not one.fatal:
            yield f"DIFFERENT {one.what}: {one.base} in the newest baseline, {one.head} here"


def mixed(runs: Sequence[RunAnalysis]) -> Iterator[str]:
    """A note where the packages, drivers or power of the baselines are not the same in all."""
    conditions: dict[str, set[str]] = {}
    for run in runs:
        for load in run.loads:
            conditions.setdefault(load.load_key, set()).add(alike(run.record, load))
    most = max((len(found) for found in conditions.values()), default=0)
    if most > 1:
        yield (
            f"the baselines were measured under {most} different conditions (packages, drivers, kernel, power): "
            "what that changed counts as variation between runs, and the gate sees less"
        )
