"""Which stored runs a history is made of, and what each of them says; one is in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.analyse.conditions import prompts_of
from bench.analyse.results import CellResult, RunAnalysis
from bench.analyse.run import analyse_run
from bench.analyse.timeline import ReadRun, read_analysis, when
from bench.errors import StoreError, UsageError
from bench.report import text
from bench.report.compare.figures import cell_name
from bench.report.history import words
from bench.report.language import chosen, in_each
from bench.report.names import name_all
from bench.report.text.en import listed, plural
from bench.store.lookup import find_folders
from bench.store.reader import StoredRun, open_run


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run, or several, that is no part of the history.

    Args:
        said: what, and why, by code of the language.
        error: what follows in English always, as an error has it; blank where none was met.
    """

    said: Mapping[str, str]
    error: str = ""

    @property
    def here(self) -> str:
        """What is said in the language that is chosen."""
        return self.said[chosen().code]

    @property
    def sentence(self) -> str:
        """The same, and the error."""
        return f"{self.here} {self.error}".rstrip()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs of one machine.

    Args:
        machine_id: as it is recorded.
        machine: name of its CPU; blank where it is not known.
        folders: of its runs.
        left_out: what is not part of it, and why.
    """

    machine_id: str
    machine: str
    folders: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]


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
    left_out = []
    for folder in folders:
        try:
            run = open_run(folder)
        except StoreError as error:
            left_out.append(_met(str(error)))
            continue
        if (twin := opened.setdefault(_id(run), run)) is not run:
            left_out.append(_twin(folder, twin.path))
    if not opened:
        raise StoreError(f"none of {plural(len(folders), 'run')} can be read: {left_out[0].error}")
    wanted = _machine(list(opened.values()), machine)
    own = [run for run in opened.values() if _machine_id(run) == wanted]
    if others := len(opened) - len(own):
        left_out.append(_others(others))
    return Chosen(wanted, _cpu(own[-1]), tuple(run.path for run in own), tuple(left_out))


def _met(error: str) -> LeftOut:
    return LeftOut(in_each(lambda: words.LEFT_OUT), error)


def _twin(folder: Path, twin: Path) -> LeftOut:
    return LeftOut(in_each(lambda: words.LEFT_OUT_TWIN.format(folder=folder, twin=twin)))


def _others(count: int) -> LeftOut:
    return LeftOut(in_each(lambda: words.LEFT_OUT_OTHERS.format(runs=text.plural(count, "run"))))


def _undated(folder: Path) -> LeftOut:
    return LeftOut(in_each(lambda: words.LEFT_OUT_UNDATED.format(folder=folder)))


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
    return str(value or "")


def _id(run: StoredRun) -> str:
    return str(run.record.get("run_id") or run.path.name)


def read(folders: Sequence[Path], leave_out: Callable[[LeftOut], None]) -> Iterator[ReadRun]:
    """What each run says.

    Args:
        folders: of the runs.
        leave_out: is told of a run that cannot be read, and why.
    """
    for folder in folders:
        try:
            run = open_run(folder)
            if (created_at := when(run.record, _id(run))) is None:
                leave_out(_undated(folder))
                continue
            analysis = analyse_run(run)
            told = read_analysis(analysis, prompts_of(run), _id(run), created_at, _names(analysis))
        except StoreError as error:
            leave_out(_met(str(error)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # One record that somebody has edited must not keep all the others from being shown.
            leave_out(_met(f"{folder / 'run.json'} is not as a run writes it ({type(error).__name__}: {error})"))
        else:
            yield told


def _names(analysis: RunAnalysis) -> Callable[[CellResult], Mapping[str, str]]:
    namings = in_each(lambda: name_all(analysis))
    return lambda cell: {code: cell_name(cell, naming) for code, naming in namings.items()}
