"""What the history of a machine claims, as values that every renderer puts into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from bench.analyse.timeline import Drift, History, Move, ReadRun, Series


class Reason(Enum):
    """Why runs are not part of a history."""

    UNREADABLE = auto()
    SAME_RUN = auto()
    NO_DATE = auto()
    OTHER_MACHINE = auto()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One or more runs that are not part of the history.

    Args:
        folder: of the run, where there is one.
        same_as: folder of the run that it is a copy of.
        runs: how many.
        error: that reading it ended with, in English; blank for none.
    """

    reason: Reason
    folder: str = ""
    same_as: str = ""
    runs: int = 1
    error: str = ""


@dataclass(frozen=True, slots=True)
class NewPrompts:
    """A run that was the first to use a later prompt set, with the prompt lengths concerned."""

    run: ReadRun
    prompts: int
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SlowChange:
    """All drifts of one direction, a move per metric, from the first run of any of them to the last."""

    slower: bool
    first: ReadRun
    last: ReadRun
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The history of one machine.

    Args:
        machine_id: as it is recorded.
        machine: name of its CPU; blank where it is not known.
        left_out: runs that are not part of it.
    """

    machine_id: str
    machine: str
    history: History
    left_out: tuple[LeftOut, ...] = ()

    @property
    def cells(self) -> int:
        """How many cells have a series."""
        return len({one.cell.identity for one in self.history.series})

    @property
    def simulated(self) -> bool:
        """Whether any latency is simulated."""
        return any(one.cell.simulated for one in self.history.series)

    @property
    def unfinished(self) -> list[str]:
        """Ids of runs without an end."""
        return [run.run_id for run in self.history.runs if not run.ended]

    @property
    def lost(self) -> list[tuple[str, int]]:
        """Id of each run with cells that lack blocks, and how many cells."""
        counted = ((run.run_id, sum(cell.lost_blocks > 0 for cell in run.cells)) for run in self.history.runs)
        return [(run_id, cells) for run_id, cells in counted if cells]

    @property
    def variant_runs(self) -> int:
        """How many runs have variants, which are left out."""
        return sum(run.variants > 0 for run in self.history.runs)

    @property
    def new_prompts(self) -> list[NewPrompts]:
        """Where series begin anew because the prompts changed."""
        return list(_new_prompts(self.history.runs))

    @property
    def too_short(self) -> list[Series]:
        """Series with too few runs to look for a change point."""
        return [one for one in self.history.series if one.changed is None]

    @property
    def slow_changes(self) -> list[SlowChange]:
        """The drifts, slower ones first."""
        return [one for slower in (True, False) for one in _slow_change(self.history, slower=slower)]


def _new_prompts(runs: tuple[ReadRun, ...]) -> Iterator[NewPrompts]:
    known: set[tuple[str, int, int]] = set()
    for run in runs:
        new: dict[int, list[int]] = {}
        for cell in run.cells:
            key = cell.identity.model, cell.prompt_tokens, cell.identity.prompts
            if cell.identity.prompts > 1 and key not in known:
                known.add(key)
                new.setdefault(cell.identity.prompts, []).append(cell.prompt_tokens)
        for prompts, lengths in sorted(new.items()):
            yield NewPrompts(run, prompts, tuple(sorted(lengths)))


def _slow_change(history: History, *, slower: bool) -> Iterator[SlowChange]:
    by_metric: dict[str, list[Drift]] = {}
    for drift in history.drifts:
        if (drift.ratio > 1) is slower:
            by_metric.setdefault(history.series[drift.series].metric, []).append(drift)
    if not by_metric:
        return
    measured = Counter(one.metric for one in history.series)
    moves = []
    for metric, drifts in by_metric.items():
        ratios = [drift.ratio for drift in drifts]
        series = tuple(sorted({drift.series for drift in drifts}))
        moves.append(Move(metric, slower, series, measured[metric], min(ratios), max(ratios)))
    ends = [run for drifts in by_metric.values() for drift in drifts for run in (drift.first, drift.last)]
    yield SlowChange(slower, history.runs[min(ends)], history.runs[max(ends)], tuple(moves))
