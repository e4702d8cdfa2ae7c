"""What a history is made of: runs of one machine, a series per cell and metric, and the places where levels change."""

import itertools
import math
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.conditions import Change, Fact, Interruption, Prompts, interruptions, surroundings
from bench.analyse.interval import Estimate
from bench.analyse.quality import Quality, Verdict
from bench.analyse.results import CellResult, LoadResult, Measured, RunAnalysis
from bench.metrics import COMPARED


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
class ReadCell:
    """A cell of one run, as far as a history needs it.

    Args:
        name: forms its name for people, in the language that is chosen when it is called.
        measured: by metric, of :data:`bench.metrics.COMPARED`.
    """

    identity: Identity
    prompt_tokens: int
    name: Callable[[], str]
    backend: str
    simulated: bool
    measured: Mapping[str, Measured]
    lost_blocks: int = 0


@dataclass(frozen=True, slots=True)
class ReadQuality:
    """The quality of a load of one run; ``identity``: ``cell_key`` is that of the load; prompts do not matter."""

    identity: Identity
    name: Callable[[], str]
    backend: str
    quality: Quality
    artifact_digest: str | None


@dataclass(frozen=True, slots=True)
class ReadRun:
    """One run, as far as a history needs it.

    Args:
        ended: or else it is still being written or was killed.
        variants: how many cells were left out because they are a variant of an A/B run.
        qualities: of the loads that were scored, or found broken.
    """

    run_id: str
    created_at: datetime
    ended: bool
    model: str
    facts: Mapping[Fact, str]
    cells: tuple[ReadCell, ...]
    variants: int
    prompts: Prompts
    qualities: tuple[ReadQuality, ...] = ()
    interruptions: tuple[Interruption, ...] = ()

    @property
    def day(self) -> str:
        """The date on which it began."""
        return f"{self.created_at:%Y-%m-%d}"


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

    cell: ReadCell
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
        return tuple((low, high, _mean_ms(self.points[low:high])) for low, high in itertools.pairwise(bounds))

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


def _mean_ms(points: tuple[Point, ...]) -> float:
    return math.exp(math.fsum(math.log(point.estimate.value) for point in points) / len(points))


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

    ``before``: the last run of those cells before it; a place in :attr:`History.runs`.
    """

    before: int
    after: int
    moves: tuple[Move, ...]
    backends: tuple[str, ...]
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
    backends: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class QualitySeries:
    """The quality of one load over the runs, in their order.

    ``points``: places in :attr:`History.runs`, and what was found there.
    """

    load: ReadQuality
    model: str
    points: tuple[tuple[int, Quality], ...]
    steps: tuple[QualityStep, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The runs of a machine by time, their series, and where these change by half of ``threshold`` or more."""

    runs: tuple[ReadRun, ...]
    series: tuple[Series, ...]
    turns: tuple[Turn, ...]
    drifts: tuple[Drift, ...]
    threshold: float
    qualities: tuple[QualitySeries, ...] = ()


def read_analysis(
    analysis: RunAnalysis,
    prompts: Prompts,
    run_id: str,
    created_at: datetime,
    name: Callable[[CellResult], Callable[[], str]],
    load_name: Callable[[LoadResult], Callable[[], str]] = lambda load: lambda: load.label,
) -> ReadRun:
    """Keep what a history needs of one analysed run; ``name`` is what :attr:`ReadCell.name` is made by."""
    record = analysis.record
    model, plan = record.get("model") or {}, record.get("plan") or {}
    known = str(model.get("digest") or model.get("name"))
    own = [cell for cell in analysis.cells if not cell.load.variant]
    return ReadRun(
        run_id=run_id,
        created_at=created_at,
        ended=analysis.end is not None,
        model=str(model.get("name")),
        facts=surroundings(analysis),
        cells=tuple(_read_cell(cell, known, plan.get("threads"), name(cell)) for cell in own),
        variants=len(analysis.cells) - len(own),
        prompts=prompts,
        qualities=tuple(_read_qualities(analysis, known, plan.get("threads"), load_name)),
        interruptions=interruptions(record),
    )


def _read_qualities(
    analysis: RunAnalysis, model: str, threads: int | None, name: Callable[[LoadResult], Callable[[], str]]
) -> Iterator[ReadQuality]:
    for load in analysis.loads:
        found = load.quality
        if found and not load.variant and (found.by_text or found.verdict == "broken"):
            identity = Identity(load.load_key, model, threads, load.ran_on)
            # Those of all runs are kept, and lists would take four times as much.
            log_probs = {text: array("d", values) for text, values in found.log_probs.items()}
            quality = replace(found, log_probs=log_probs)
            yield ReadQuality(identity, name(load), load.backend, quality, load.artifact_digest)


def _read_cell(cell: CellResult, model: str, threads: int | None, name: Callable[[], str]) -> ReadCell:
    return ReadCell(
        identity=Identity(cell.cell_key, model, threads, cell.load.ran_on),
        prompt_tokens=cell.prompt_tokens,
        name=name,
        backend=cell.load.backend,
        simulated=cell.load.simulated,
        measured={metric: one for metric in COMPARED if (one := getattr(cell, metric)) is not None},
        lost_blocks=cell.lost_blocks,
    )
