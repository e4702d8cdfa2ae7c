"""Which stored runs a history is made of, and what each of them says; one is in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.analyse.conditions import prompts_of
from bench.analyse.run import analyse_run
from bench.analyse.timeline import ReadRun, read_analysis, when
from bench.compare.figures import cell_name
from bench.compare.runs import find_folders
from bench.errors import StoreError, UsageError
from bench.report.names import name_all
from bench.report.text.en import listed, plural
from bench.store.reader import StoredRun, open_run


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs of one machine.

    Args:
        machine_id: as it is recorded.
        machine: name of its CPU.
        folders: of its runs.
        notes: what was left out, and why.
    """

    machine_id: str
    machine: str
    folders: tuple[Path, ...]
    notes: tuple[str, ...]


def choose(names: Sequence[str], results: Path, machine: str | None) -> Chosen:
    """The runs that a command line means.

    Args:
        names: ids, folders or globs; without any, all in ``results``.
        results: where runs lie.
        machine: the beginning of a machine id; ``None``: the machine that measured the newest of these runs.

    Raises:
        UsageError: a name means no run, or no run is of that machine.
        StoreError: there is no run that can be read.
    """
    folders = find_folders(names, results) if names else sorted(path.parent for path in results.glob("*/run.json"))
    if not folders:
        raise StoreError(f"{results} holds no run; measure one with `nox -s bench`, or name its folder")
    opened: dict[str, StoredRun] = {}
    notes = []
    for folder in folders:
        try:
            run = open_run(folder)
        except StoreError as error:
            notes.append(f"left out: {error}")
            continue
        if (twin := opened.setdefault(_id(run), run)) is not run:
            notes.append(f"left out: {folder} is the same run as {twin.path}")
    if not opened:
        raise StoreError(f"none of {plural(len(folders), 'run')} can be read: {notes[0].removeprefix('left out: ')}")
    wanted = _machine(list(opened.values()), machine)
    own = [run for run in opened.values() if _machine_id(run) == wanted]
    if others := len(opened) - len(own):
        notes.append(f"left out: {plural(others, 'run')} of other machines, which --machine shows")
    return Chosen(wanted, _cpu(own[-1]), tuple(run.path for run in own), tuple(notes))


def _machine(runs: Sequence[StoredRun], asked: str | None) -> str:
    if asked is None:
        return _machine_id(max(runs, key=lambda run: str(when(run.record, _id(run)) or "")))
    counted = Counter(_machine_id(run) for run in runs)
    found = [one for one in counted if one.startswith(asked)]
    if len(found) != 1:
        known = listed([f"{one} ({plural(count, 'run')})" for one, count in sorted(counted.items())])
        why = "several machines begin so" if found else "no run is of it"
        raise UsageError(f"--machine {asked}: {why}; there are runs of {known}")
    return found[0]


def _machine_id(run: StoredRun) -> str:
    return str(run.record.get("machine_id") or "unknown")


def _cpu(run: StoredRun) -> str:
    # All runs of the machine hang on this one, so it takes a record that somebody has edited as it comes.
    value: Any = run.record
    for name in ("machine", "cpu", "name"):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value or "unknown machine")


def _id(run: StoredRun) -> str:
    return str(run.record.get("run_id") or run.path.name)


def read(chosen: Chosen, leave_out: Callable[[str], None]) -> Iterator[ReadRun]:
    """What each run says.

    Args:
        chosen: the runs.
        leave_out: is told of a run that cannot be read, and why.
    """
    for folder in chosen.folders:
        try:
            run = open_run(folder)
            if (created_at := when(run.record, _id(run))) is None:
                leave_out(f"left out: {folder} does not say when it was measured")
                continue
            analysis = analyse_run(run)
            naming = partial(cell_name, naming=name_all(analysis))
            told = read_analysis(analysis, prompts_of(run), _id(run), created_at, naming)
        except StoreError as error:
            leave_out(f"left out: {error}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # One record that somebody has edited must not keep all the others from being shown.
            leave_out(f"left out: {folder / 'run.json'} is not as a run writes it ({type(error).__name__}: {error})")
        else:
            yield told
