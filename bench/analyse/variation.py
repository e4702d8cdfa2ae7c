"""How much the estimates of one machine vary from run to run where nothing that is recorded has changed."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.analyse.conditions import alike
from bench.analyse.interval import RunSpread
from bench.analyse.results import CellResult, RunAnalysis
from bench.metrics import COMPARED

LEAST_FREEDOM = 4
"""Degrees of freedom from which on a spread is used: five runs of one group, or six of two."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One spread between runs.

    Args:
        between: of the logarithms of the runs' estimates; what varies within a run is part of it.
        blocks: the most blocks that one of these estimates rests on.
    """

    between: RunSpread
    blocks: int

    def for_blocks(self, blocks: int) -> RunSpread:
        """What is to be expected of estimates over ``blocks`` blocks.

        With fewer blocks than here, the share that varies within a run is larger by as much; the whole variance is
        taken times that, which is too much rather than too little.
        """
        factor = max(1.0, self.blocks / max(1, blocks))
        return RunSpread(self.between.variance * factor, self.between.freedom)


@dataclass(frozen=True, slots=True)
class Variation:
    """What the stored runs of a machine show about its variation from run to run.

    Args:
        own: by cell_key and metric.
        pooled: by backend and metric, over all cells of that stack.
    """

    runs: int
    own: Mapping[tuple[str, str], Spread]
    pooled: Mapping[tuple[str, str], Spread]

    def of(self, cell: CellResult, metric: str) -> Spread | None:
        """The cell's own spread where its runs are enough, else its stack's; ``None`` where neither is known."""
        return self.own.get((cell.cell_key, metric)) or self.pooled.get((cell.load.backend, metric))


def variation(runs: Iterable[RunAnalysis]) -> Variation:
    """Estimate the spread between ``runs``, each compared with those that differ from it by nothing but chance.

    Runs are grouped by :func:`bench.analyse.conditions.alike`. The variance within groups is pooled: the sums of
    squares around each group's mean over the degrees of freedom. Cells of one run are disturbed alike, so the
    freedom of a spread that is pooled over cells is counted in runs: runs less groups, not times the cells.
    """
    rows = (row for run in runs for row in _estimates(run))
    estimates = pd.DataFrame(rows, columns=["group", "backend", "metric", "cell", "run", "log", "blocks"])
    by_cell = estimates.groupby(["group", "backend", "metric", "cell"]).agg(
        variance=("log", "var"), count=("log", "size"), blocks=("blocks", "max")
    )
    by_cell = by_cell[by_cell["count"] > 1].assign(freedom=lambda one: one["count"] - 1)
    by_cell = by_cell.assign(squares=by_cell["variance"] * by_cell["freedom"], terms=by_cell["freedom"])
    summed = {"squares": "sum", "terms": "sum", "freedom": "sum", "blocks": "max"}
    by_group = by_cell.groupby(["group", "backend", "metric"]).agg({**summed, "freedom": "max"})
    repeated = estimates.groupby("group").filter(lambda group: group["run"].nunique() > 1)
    return Variation(
        runs=repeated["run"].nunique(),
        own=_spreads(by_cell.groupby(["cell", "metric"]).agg(summed)),
        pooled=_spreads(by_group.groupby(["backend", "metric"]).agg(summed)),
    )


def _estimates(run: RunAnalysis) -> Iterator[tuple[object, ...]]:
    for cell in run.cells:
        group = alike(run.record, cell.load)
        for metric in COMPARED:
            if (measured := getattr(cell, metric)) is not None:
                estimate = measured.estimate
                of = (group, cell.load.backend, metric, cell.cell_key, str(run.record.get("run_id")))
                yield (*of, math.log(estimate.value), estimate.blocks)


def _spreads(sums: pd.DataFrame) -> dict[tuple[str, str], Spread]:
    known = sums[sums["freedom"] >= LEAST_FREEDOM]
    return {
        key: Spread(RunSpread(squares / terms, freedom), blocks)
        for key, squares, terms, freedom, blocks in known[["squares", "terms", "freedom", "blocks"]].itertuples()
    }
