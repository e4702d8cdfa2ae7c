"""What a history is made of: runs of one machine, a series per cell and metric, and the places where levels change."""

import itertools
import math
from dataclasses import dataclass

from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.conditions import Change
from bench.analyse.interval import Estimate
from bench.analyse.machine_runs import MachineRun
from bench.analyse.quality import Quality, Verdict
from bench.analyse.results import CellResult, LoadResult


@dataclass(frozen=True, slots=True)
class Identity:
    """What has to be the same for two estimates to be of one series.

    Args:
        model: its digest, or its name where it has none.
        threads: as planned; ``None``: left to each stack.
        ran_on: the executed device, which is another one than asked for after a fallback.
        prompts: number of the prompt set, from 1 in the order of time; see :mod:`bench.analyse.build_history`.
    """

    cell_key: str
    model: str
    threads: int | None
    ran_on: str
    prompts: int = 1


@dataclass(frozen=True, slots=True)
class Point:
    """One run's estimate in ms.

    Args:
        run: its place in :attr:`History.runs`.
        variance: of the logarithms of its blocks' medians; ``None`` with fewer than two.
    """

    run: int
    estimate: Estimate
    variance: float | None


@dataclass(frozen=True, slots=True)
class Shift:
    """A change point of a series, see :class:`bench.analyse.change_points.ChangePoint`.

    ``turn``: its place in :attr:`History.turns`; ``None`` where it is part of a slow drift.
    """

    index: int
    ratio: float
    p_value: float
    turn: int | None


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one cell over the runs, in their order; ``cell`` is that of the newest run that has it."""

    identity: Identity
    cell: CellResult
    model: str
    metric: str
    points: tuple[Point, ...]
    shifts: tuple[Shift, ...] = ()

    @property
    def changed(self) -> bool | None:
        """Whether it has a change point; ``None``: too few runs to look for one."""
        return bool(self.shifts) if len(self.points) >= LEAST_RUNS else None

    @property
    def levels(self) -> tuple[tuple[int, int, float], ...]:
        """(first index, index after the last, geometric mean in ms) of each stretch between the shifts."""
        bounds = [0, *(shift.index for shift in self.shifts), len(self.points)]
        logs = [math.log(point.estimate.value) for point in self.points]
        return tuple(
            (low, high, math.exp(math.fsum(logs[low:high]) / (high - low))) for low, high in itertools.pairwise(bounds)
        )

    @property
    def scatter(self) -> float | None:
        """The standard deviation of the logarithms of the runs around their levels: how much runs differ by chance.

        ``None`` where no level has two runs.
        """
        freedom = len(self.points) - len(self.levels)
        if freedom < 1:
            return None
        squares = (
            math.log(point.estimate.value / level) ** 2
            for low, high, level in self.levels
            for point in self.points[low:high]
        )
        return math.sqrt(math.fsum(squares) / freedom)


@dataclass(frozen=True, slots=True)
class Move:
    """Cells that changed in one direction at one turn.

    Args:
        series: places in :attr:`History.series`.
        of: how many series of the metric were measured before and after.
        least: the smallest ratio of levels; ``most`` is the largest.
    """

    metric: str
    slower: bool
    series: tuple[int, ...]
    of: int
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A place at which cells changed.

    Args:
        before: the last run of those cells before it; a place in :attr:`History.runs`.
        venvs: those of the cells' stacks, as :attr:`bench.analyse.conditions.Change.backends` names them.
    """

    before: int
    after: int
    moves: tuple[Move, ...]
    venvs: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """A part of a series, from one run to another, whose level moved slowly, without a step.

    All but the ratio of the last level to the first are places in :class:`History`.
    """

    series: int
    first: int
    last: int
    ratio: float


@dataclass(frozen=True, slots=True)
class QualityStep:
    """A place at which the perplexity of a load changed, or at which it broke or was mended.

    Args:
        before: the run before it, a place in :attr:`History.runs`; ``after`` is the one after it.
        ratio: geometric mean over the texts that both scored, after over before; ``None`` without one.
        same_artifact: ``None`` where that is not recorded.
    """

    before: int
    after: int
    ratio: float | None
    verdicts: tuple[Verdict, Verdict]
    same_artifact: bool | None
    venvs: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class QualitySeries:
    """The quality of one load over the runs, in their order.

    Args:
        identity: ``cell_key`` is that of the load; prompts do not matter.
        load: of the newest run that scored it, or found it broken.
        points: places in :attr:`History.runs`, and what was found there.
    """

    identity: Identity
    load: LoadResult
    model: str
    points: tuple[tuple[int, Quality], ...]
    steps: tuple[QualityStep, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The runs of a machine by time, their series, and where these change by half of ``threshold`` or more."""

    runs: tuple[MachineRun, ...]
    series: tuple[Series, ...]
    turns: tuple[Turn, ...]
    drifts: tuple[Drift, ...]
    threshold: float
    qualities: tuple[QualitySeries, ...] = ()
