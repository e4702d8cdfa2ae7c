"""How much the estimates of one machine vary from run to run where nothing that is recorded has changed."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.analyse.conditions import alike
from bench.analyse.grouping import group_by
from bench.analyse.interval import RunSpread, run_spread
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


class Row(NamedTuple):
    """An estimate of one run, with what tells whose it is."""

    group: str
    backend: str
    metric: str
    cell_key: str
    run_id: str
    value: float
    blocks: int


def variation(runs: Iterable[RunAnalysis]) -> Variation:
    """Estimate the spread between ``runs``, each compared with those that differ from it by nothing but chance."""
    return variation_of(row for run in runs for row in estimates_of(run))


def variation_of(rows: Iterable[Row]) -> Variation:
    """The same from the :func:`estimates_of` the runs.

    Runs are grouped by :func:`bench.analyse.conditions.alike`. The variance within groups is pooled: the sums of
    squares around each group's mean over the degrees of freedom. Cells of one run are disturbed alike, so the
    freedom of a spread that is pooled over cells is counted in runs: runs less groups, not times the cells.
    """
    estimates = list(rows)
    own: dict[tuple[str, str], list[list[Spread]]] = {}
    pooled: dict[tuple[str, str], list[list[Spread]]] = {}
    alike_rows = group_by(estimates, lambda row: (row.group, row.backend, row.metric))
    for (_, backend, metric), of_group in alike_rows.items():
        cells = group_by(of_group, lambda row: row.cell_key)
        found = {key: spread for key, rows in cells.items() if (spread := _spread(rows)) is not None}
        for key, spread in found.items():
            own.setdefault((key, metric), []).append([spread])
        if found:
            pooled.setdefault((backend, metric), []).append([*found.values()])
    runs = [{row.run_id for row in group} for group in group_by(estimates, lambda row: row.group).values()]
    repeated = set[str]().union(*(group for group in runs if len(group) > 1))
    return Variation(len(repeated), _known(own), _known(pooled))


def estimates_of(run: RunAnalysis) -> Iterator[Row]:
    """What a run tells of the variation between runs, which takes little memory."""
    for cell in run.cells:
        group = alike(run.record, cell.load)
        for metric in COMPARED:
            if (measured := getattr(cell, metric)) is not None:
                of = group, cell.load.backend, metric, cell.cell_key, str(run.record.get("run_id"))
                yield Row(*of, measured.estimate.value, measured.estimate.blocks)


def _spread(rows: Sequence[Row]) -> Spread | None:
    spread = run_spread([row.value for row in rows])
    return None if spread is None else Spread(spread, max(row.blocks for row in rows))


def _known(found: Mapping[tuple[str, str], Sequence[Sequence[Spread]]]) -> dict[tuple[str, str], Spread]:
    """Those that rest on enough runs; ``found``: the spreads of each group of runs, those of its cells together."""
    pooled = {key: _pooled(groups) for key, groups in found.items()}
    return {key: spread for key, spread in pooled.items() if spread.between.freedom >= LEAST_FREEDOM}


def _pooled(groups: Sequence[Sequence[Spread]]) -> Spread:
    every = [spread for group in groups for spread in group]
    squares = math.fsum(one.between.variance * one.between.freedom for one in every)
    freedom = sum(max(one.between.freedom for one in group) for group in groups)
    variance = squares / sum(one.between.freedom for one in every)
    return Spread(RunSpread(variance, freedom), max(one.blocks for one in every))
