"""The stored runs of one machine as its history."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.analyse.build_history import build_history
from bench.analyse.conditions import other_machine, recorded_at
from bench.analyse.machine_runs import MachineRun, in_processes, read_machine_run
from bench.analyse.timeline import History
from bench.errors import StoreError, UsageError
from bench.metrics import COMPARED
from bench.store.lookup import known_machine, readable, runs_meant
from bench.store.reader import StoredRun, open_run

Reason = Literal["unreadable", "same run", "no date", "other machine", "other hardware"]
"""Why runs are not part of a history."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One or more runs that are not part of the history, with the error that reading ended with, or the same run."""

    code: Reason
    folder: str = ""
    same_as: str = ""
    runs: int = 1
    error: str = ""


@dataclass(frozen=True, slots=True)
class MachineHistory:
    """The history of one machine, the name of its CPU if it is known, and the runs that are not part of it."""

    machine_id: str
    machine: str
    history: History
    left_out: tuple[LeftOut, ...] = ()

    @property
    def cells(self) -> int:
        """How many cells have a series."""
        return len({one.identity for one in self.history.series})

    @property
    def simulated(self) -> bool:
        """Whether any latency is simulated."""
        return any(one.cell.load.simulated for one in self.history.series)


def read_history(
    names: Sequence[str],
    results: Path,
    machine: str | None = None,
    threshold: float = 0.03,
    metrics: Sequence[str] = COMPARED,
) -> MachineHistory:
    """The history of the runs that a command line names, or of all. One of a glob that cannot be read is left out.

    ``machine`` is the beginning of a machine id; ``None``: the machine that measured the newest of these runs. Changes
    of less than half the ``threshold``, a share, are not reported.

    Raises:
        UsageError: a name means no run, or no run is of that machine.
        StoreError: there is no run that can be read, or one that is named itself cannot be.
    """
    all_meant, named = runs_meant(names, results)
    folders = _of_machine(all_meant, machine)
    opened: dict[str, StoredRun] = {}
    left_out: list[LeftOut] = []

    def leave_out(error: StoreError) -> None:
        left_out.append(LeftOut("unreadable", error=str(error)))

    for run in readable(folders, open_run, leave_out, named):
        if run.run_id in opened:
            left_out.append(LeftOut("same run", str(run.path), same_as=str(opened[run.run_id].path)))
        else:
            opened[run.run_id] = run
    if not opened:
        raise StoreError(f"none of {_count(len(folders))} can be read: {left_out[0].error}")
    machine_id = _chosen_machine(list(opened.values()), machine)
    of_id = [run for run in opened.values() if run.machine_id == machine_id]
    if others := len(opened) - len(of_id) + len(all_meant) - len(folders):
        left_out.append(LeftOut("other machine", runs=others))
    newest = max(of_id, key=lambda run: str(run.created_at or ""))
    own = [run for run in of_id if other_machine(run.record, newest.record) is None]
    if others := len(of_id) - len(own):
        left_out.append(LeftOut("other hardware", runs=others))
    paths = [run.path for run in own]
    read = in_processes(_read, len(own), paths, [path in named for path in paths])
    runs = [one for one in read if isinstance(one, MachineRun)]
    left_out += [one for one in read if isinstance(one, LeftOut)]
    if not runs:
        reason = left_out[-1].error or f"{left_out[-1].folder} does not say when it was measured"
        raise StoreError(f"no run of machine {machine_id} can be read: {reason}")
    cpu = recorded_at(newest.record, "machine", "cpu", "name")
    return MachineHistory(machine_id, cpu or "", build_history(runs, threshold, metrics), tuple(left_out))


def _of_machine(folders: list[Path], asked: str | None) -> list[Path]:
    """Of runs of a dataset, those of the chosen machine, so that no other is opened; all others as they are."""
    machines = [known_machine(folder) for folder in folders]
    if None in machines:
        return folders
    of = dict(zip(folders, machines, strict=True))
    if asked is None:
        # Ids of runs sort by time.
        chosen = {of[max(folders, key=lambda folder: folder.name)]}
    else:
        chosen = {one for one in machines if one and one.startswith(asked)}
    # A machine that is none, or several, is told with all that are there.
    return [folder for folder in folders if of[folder] in chosen] if len(chosen) == 1 else folders


def _count(runs: int) -> str:
    return f"{runs:,} run{'s' if runs > 1 else ''}"


def _chosen_machine(runs: Sequence[StoredRun], asked: str | None) -> str:
    if asked is None:
        return max(runs, key=lambda run: str(run.created_at or "")).machine_id
    counted = Counter(run.machine_id for run in runs)
    found = [one for one in counted if one.startswith(asked)]
    if len(found) != 1:
        known = " and ".join(f"{one} ({_count(count)})" for one, count in sorted(counted.items()))
        why = "several machines begin so" if found else "no run is of it"
        raise UsageError(f"--machine {asked}: {why}; there are runs of {known}")
    return found[0]


def _read(path: Path, named: bool) -> MachineRun | LeftOut:
    try:
        run = open_run(path)
        if run.created_at is None:
            return LeftOut("no date", str(path))
        return read_machine_run(run, scores=True)
    except StoreError as error:
        if named:
            raise
        return LeftOut("unreadable", error=str(error))
