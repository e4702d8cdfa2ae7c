"""How much the estimates of one machine vary from run to run where nothing that is recorded has changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.conditions import alike
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
    """What the stored runs of a machine tell about its variation from run to run.

    Args:
        runs: how many runs it rests on.
        own: (cell_key, metric) -> spread of that cell.
        pooled: (backend, metric) -> spread over all cells of that stack.
    """

    runs: int
    own: Mapping[tuple[str, str], Spread]
    pooled: Mapping[tuple[str, str], Spread]

    def of(self, cell: CellResult, metric: str) -> Spread | None:
        """The cell's own spread where its runs are enough, else its stack's; ``None`` where neither is known."""
        return self.own.get((cell.cell_key, metric)) or self.pooled.get((cell.load.backend, metric))


_Group = list[tuple[float, int]]
"""(estimate, blocks) of one metric of one cell in runs that nothing tells apart."""


def variation(runs: Iterable[RunAnalysis]) -> Variation:
    """Estimate the spread between ``runs``, each against those that nothing but chance tells it from.

    Runs are grouped by :func:`bench.analyse.conditions.alike`. The variance within groups is pooled: the sums of
    squares around each group's mean over the degrees of freedom. Cells of one run share that run's mood, so the
    freedom of a spread that is pooled over cells is counted in runs: runs less groups, not times the cells.
    """
    groups: dict[tuple[str, str, str], dict[str, _Group]] = {}
    counted: dict[str, set[str]] = {}
    for run in runs:
        for cell in run.cells:
            group = alike(run.record, cell.load)
            counted.setdefault(group, set()).add(str(run.record.get("run_id")))
            for metric in COMPARED:
                if (measured := getattr(cell, metric)) is not None:
                    cells = groups.setdefault((group, cell.load.backend, metric), {})
                    cells.setdefault(cell.cell_key, []).append((measured.estimate.value, measured.estimate.blocks))
    repeated = set().union(*(names for names in counted.values() if len(names) > 1), set())
    own: dict[tuple[str, str], list[_Group]] = {}
    pooled: dict[tuple[str, str], list[list[_Group]]] = {}
    for (_, backend, metric), cells in groups.items():
        pooled.setdefault((backend, metric), []).append(list(cells.values()))
        for key, group_of_cell in cells.items():
            own.setdefault((key, metric), []).append(group_of_cell)
    return Variation(
        runs=len(repeated),
        own=_known({key: _pooled([[one] for one in found]) for key, found in own.items()}),
        pooled=_known({key: _pooled(found) for key, found in pooled.items()}),
    )


def _known(found: Mapping[tuple[str, str], Spread | None]) -> dict[tuple[str, str], Spread]:
    return {key: spread for key, spread in found.items() if spread and spread.between.freedom >= LEAST_FREEDOM}


def _pooled(groups: Sequence[Sequence[_Group]]) -> Spread | None:
    squares, terms, freedom, blocks = 0.0, 0.0, 0.0, 0
    for cells in groups:
        spreads = [(run_spread([value for value, _ in cell]), cell) for cell in cells]
        known = [(spread, cell) for spread, cell in spreads if spread is not None]
        squares += math.fsum(spread.variance * spread.freedom for spread, _ in known)
        terms += sum(spread.freedom for spread, _ in known)
        freedom += max((spread.freedom for spread, _ in known), default=0)
        blocks = max([blocks, *(count for _, cell in known for _, count in cell)])
    return Spread(RunSpread(squares / terms, freedom), blocks) if terms else None
