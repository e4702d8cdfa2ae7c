"""One machine of a fleet, read from its newest runs: what stands for it now, how it got there, and what it could do."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from backends.spec import hardware_of
from bench.analyse.build_history import build_history
from bench.analyse.conditions import recorded_at
from bench.analyse.failures import UNREACHED
from bench.analyse.grouping import group_by
from bench.analyse.machine_runs import CellName, MachineRun, read_machine_run
from bench.analyse.results import AskedCell, RunAnalysis
from bench.analyse.timeline import History
from bench.analyse.variation import Variation, variation
from bench.store.lookup import readable
from bench.store.machine_names import MachineName
from bench.store.reader import StoredRun, open_run

LAKES = ("Meteor Lake", "Arrow Lake", "Lunar Lake", "Panther Lake")
_SERIES = {"1": "Meteor Lake", "2": "Arrow Lake", "3": "Panther Lake"}
_ULTRA = re.compile(r"\bUltra\s+X?[3579]\s+(?:processor\s+)?([123])\d\d(\w*)", re.IGNORECASE)
_GENERATION = "generation:"


def generation_of(cpu: str, labels: Iterable[str] = ()) -> str:
    """The generation of a processor: what a label names, or what its model number tells, or else its own name.

    Intel's Core Ultra of series 2 are Lunar Lake where the number ends in V, and Arrow Lake otherwise.

    ``labels``: of the machine; ``lunar-lake`` and the like, or ``generation: NAME`` for any other.
    """
    for label in labels:
        if label.lower().startswith(_GENERATION) and (name := label[len(_GENERATION) :].strip()):
            return name
        if (lake := re.sub(r"[\s_-]+", " ", label).strip().title()) in LAKES:
            return lake
    found = _ULTRA.search(re.sub(r"\((?:R|TM)\)", "", cpu, flags=re.IGNORECASE))
    if found is None:
        return cpu
    return "Lunar Lake" if found[1] == "2" and found[2].upper().startswith("V") else _SERIES[found[1]]


Phase = str
"""What became of a phase: ``ok``, ``partly`` (not in all blocks), a status of a failure, ``not reached`` since the
phase before failed, ``not asked``, or ``unknown`` where the record does not tell."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one run tells about a stack on a device: how far it came, and why no farther.

    Args:
        driver: of that device, as recorded; ``None`` where it was not, blank for a CPU.
        load: of the model; ``first`` is the first generation, ``longest`` the longest of several prompt lengths.
        longest_tokens: how long that is; ``None`` with one length.
        reason: the first failure's message, in English; blank without one.
    """

    backend: str
    version: str | None
    device: str
    ran_on: str
    precision: str
    driver: str | None
    simulated: bool
    load: Phase
    first: Phase
    longest: Phase
    longest_tokens: int | None
    reason: str
    run_id: str
    created_at: datetime

    @property
    def failed(self) -> bool:
        """Whether any phase did not come to its end."""
        return any(one not in ("ok", "not asked", "unknown") for one in (self.load, self.first, self.longest))


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as its newest runs show it.

    Args:
        id: the dataset's; that of ``machine_id`` where no other machine has it too.
        runs: how many there are; ``read`` of them were read, the newest.
        standing: the runs, each with those of its cells that no newer run of the machine has measured; without others.
        tried: per stack, device, precision and driver the newest.
    """

    id: str
    name: str
    labels: tuple[str, ...]
    cpu: str
    generation: str
    runs: int
    read: int
    standing: tuple[MachineRun, ...]
    tried: tuple[Tried, ...]
    history: History | None
    variation: Variation
    left_out: tuple[str, ...] = ()

    @property
    def newest(self) -> Mapping[str, Any]:
        """run.json of the newest run that has a number."""
        return self.standing[0].analysis.record if self.standing else {}


def read_machine(machine: str, named: MachineName, folders: Sequence[Path], total: int, threshold: float) -> Machine:
    """Read the runs in ``folders``, of ``total`` that there are; a run that cannot be read is left out."""
    left_out: list[str] = []
    read = list(readable(folders, _read, lambda error: left_out.append(str(error))))
    read.sort(key=lambda one: (one[0].created_at, one[0].run_id), reverse=True)
    runs = [run for run, _ in read]
    tried: dict[tuple[object, ...], Tried] = {}
    for one in (one for _, own in read for one in own):
        tried.setdefault((one.backend, one.device, one.precision, one.driver), one)
    standing: list[MachineRun] = []
    taken: set[CellName] = set()
    for run in runs:
        if kept := [cell for cell in run.analysis.cells if run.name_of(cell.cell_key) not in taken]:
            taken |= {run.name_of(cell.cell_key) for cell in kept}
            standing.append(replace(run, analysis=replace(run.analysis, cells=tuple(kept))))
    cpu = next((cpu for run in runs if (cpu := recorded_at(run.analysis.record, "machine", "cpu", "name"))), "")
    return Machine(
        *(machine, named.name, named.labels, cpu, generation_of(cpu, named.labels), total, len(runs)),
        standing=tuple(standing),
        tried=tuple(tried.values()),
        history=build_history(runs, threshold) if runs else None,
        variation=variation(run.analysis for run in runs),
        left_out=tuple(left_out),
    )


def _read(folder: Path) -> tuple[MachineRun, list[Tried]]:
    run = open_run(folder)
    found = read_machine_run(run, scores=False)
    return found, list(_tried(run, found))


# -- what a stack could do

_COLUMNS = ("load_key", "attempt", "load_s", "first_generation_s", "status", "error_message")
_Outcome = tuple[str, str]
"""A phase, and the reason where it failed."""


def _tried(stored: StoredRun, run: MachineRun) -> Iterator[Tried]:
    rows = group_by(stored.table("loads", _COLUMNS).to_pylist(), lambda row: str(row["load_key"]))
    outcomes = group_by(_outcomes(run.analysis), lambda one: one[0].load.load_key)
    own = (load for load in run.analysis.loads if not load.variant)
    for loads in group_by(own, lambda load: (load.backend, load.device_requested, load.precision)).values():
        asked = [one for load in loads for one in outcomes.get(load.load_key, ())]
        lengths = sorted({cell.prompt_tokens for cell, _ in asked})
        short = [one for one in asked if one[0].prompt_tokens == lengths[0]]
        long = [outcome for cell, outcome in asked if cell.prompt_tokens == lengths[-1]]
        # An NPU compiles for a length of prompts, so that each length can be a load of its own.
        keys = {cell.load.load_key for cell, _ in short} or {load.load_key for load in loads}
        processes = [row for key in keys for row in rows.get(key, ())]
        phases = _phases(processes, [outcome for _, outcome in short], long if len(lengths) > 1 else None)
        load = next((one for one in loads if one.processes), loads[0])
        yield Tried(
            backend=load.backend,
            version=load.backend_version,
            device=load.device_requested,
            ran_on=load.ran_on,
            precision=load.precision,
            driver=_driver(run.analysis.record, load.device_requested),
            simulated=load.simulated,
            load=phases[0][0],
            first=phases[1][0],
            longest=phases[2][0],
            longest_tokens=lengths[-1] if len(lengths) > 1 else None,
            reason=next((reason for _, reason in phases if reason), ""),
            run_id=run.run_id,
            created_at=run.created_at,
        )


def _outcomes(analysis: RunAnalysis) -> Iterator[tuple[AskedCell, _Outcome]]:
    """Each cell of a run with what became of it; a cell that was measured in some blocks came ``partly`` through."""
    measured = {cell.cell_key for cell in analysis.cells}
    for cell in analysis.cells:
        lost = next((one for one in cell.lost if one.status != UNREACHED), None)
        yield cell, ("partly", lost.message) if lost else ("ok", "")
    for failure in analysis.failures:
        yield from (
            (cell, (failure.status, failure.message)) for cell in failure.cells if cell.cell_key not in measured
        )
    yield from ((cell, ("unknown", "")) for cell in analysis.unreached)


def _phases(
    processes: Sequence[Mapping[str, Any]], short: Sequence[_Outcome], long: Sequence[_Outcome] | None
) -> tuple[_Outcome, _Outcome, _Outcome]:
    """Load, first generation and longest prompt.

    Args:
        processes: rows of the table ``loads``; those of cells that were not tried have no attempt.
        short: outcomes at the shortest prompt.
        long: at the longest; ``None`` where there is one length.
    """
    tried = [row for row in processes if row["attempt"]] or processes
    failed = [row for row in tried if row["status"] != "ok" and row["load_s"] is None]
    failure = (str(failed[-1]["status"]), str(failed[-1]["error_message"] or "")) if failed else ("unknown", "")
    answered = any(row["first_generation_s"] is not None for row in tried)
    answered = answered or any(phase in ("ok", "partly") for phase, _ in short)
    if not answered and len(failed) == len(tried):
        load, first = failure, ("not reached" if failed else "unknown", "")
    else:
        load = ("partly", failure[1]) if failed else ("ok", "")
        told = (one for one in short if one[0] != "unknown")
        first = ("ok", "") if answered else next(told, ("unknown", ""))
    if long is None:
        longest = ("not asked", "")
    elif first[0] != "ok":
        longest = ("unknown" if first[0] == "unknown" else "not reached", "")
    else:
        order = {"partly": 1, "unknown": 2, "ok": 3}
        longest = min(long, key=lambda one: order.get(one[0], 0), default=("unknown", ""))
    return load, first, longest


def _driver(record: Mapping[str, Any], device: str) -> str | None:
    """The driver of a device as a run recorded it; of several of its kind all."""
    kind = {"GPU": "gpus", "NPU": "npus"}.get(hardware_of(device) or "")
    if kind is None:
        return ""
    found = {str(one["driver"]) for one in (record.get("machine") or {}).get(kind) or () if one.get("driver")}
    return ", ".join(sorted(found)) or None
