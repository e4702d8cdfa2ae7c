"""The ways in which this project tells two sets of runs apart, by its own functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bench.analyse.compare import Difference, judge
from bench.analyse.compare import compare as compare_runs
from bench.analyse.interval import Contrast, against_runs, between_runs, over_blocks, paired, run_spread
from bench.analyse.results import CellResult, LoadResult, Measured, RunAnalysis
from bench.analyse.variation import Spread, Variation

COMPARE_THRESHOLD = 0.03
GATE_THRESHOLD = 0.05

Medians = Sequence[Mapping[int, float]]
"""Per cell: block -> median."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What became of the cells of one metric: how many were called, and in which direction."""

    slower: int
    faster: int

    @property
    def either(self) -> int:
        """Called at all."""
        return self.slower + self.faster


def compare(head: Medians, base: Medians) -> list[Contrast | None]:
    """Two runs."""
    return [between_runs(here, there) for here, there in zip(head, base, strict=True)]


def ab(head: Medians, base: Medians) -> list[Contrast | None]:
    """Two variants in one run."""
    return [paired(here, there) for here, there in zip(head, base, strict=True)]


def gate(head: Sequence[float], baselines: Sequence[Sequence[float]]) -> list[Contrast | None]:
    """A run against several.

    Args:
        head: the estimate per cell.
        baselines: per run, the estimate per cell.
    """
    return [against_runs(value, [run[cell] for run in baselines]) for cell, value in enumerate(head)]


def with_history(
    head: Mapping[str, Medians], base: Mapping[str, Medians], history: Mapping[str, Sequence[Sequence[float]]]
) -> dict[str, Calls]:
    """Two runs, where earlier ones tell how much runs vary; what is called of each metric.

    Args:
        head: metric -> block medians per cell.
        base: metric -> block medians per cell.
        history: metric -> per earlier run, the estimate per cell.
    """
    blocks = len(next(iter(head.values()))[0])
    own = {
        (str(cell), metric): Spread(between, blocks)
        for metric, runs in history.items()
        for cell, values in enumerate(zip(*runs, strict=True))
        if (between := run_spread(values)) is not None
    }
    known = Variation(len(next(iter(history.values()))), own, {})
    found = compare_runs(_run_of(base), _run_of(head), COMPARE_THRESHOLD, known).differences
    said = {metric: [one.verdict for one in found if one.metric == metric] for metric in head}
    return {metric: Calls(verdicts.count("slower"), verdicts.count("faster")) for metric, verdicts in said.items()}


def _run_of(medians: Mapping[str, Medians]) -> RunAnalysis:
    """A run of which nothing is known but these medians."""
    load = LoadResult(**{**_nothing(LoadResult), "backend": "simulated", "simulated": True})
    cells = []
    for cell in range(len(next(iter(medians.values())))):
        measured = {
            metric: Measured(estimate, by_cell[cell])
            for metric, by_cell in medians.items()
            if (estimate := over_blocks(by_cell[cell])) is not None
        }
        cells.append(CellResult(**{**_nothing(CellResult), "load": load, "cell_key": str(cell), **measured}))
    parts: dict[str, Any] = {part.name: () for part in fields(RunAnalysis)}
    return RunAnalysis(**{**parts, "record": {}, "end": None, "cells": tuple(cells)})


def _nothing(kind: Any) -> dict[str, Any]:
    """Every part of a result as not measured."""
    return dict.fromkeys(part.name for part in fields(kind))


def estimates(run: Medians) -> list[float]:
    """The estimate of each cell of a run."""
    found = [over_blocks(medians) for medians in run]
    return [one.value for one in found if one is not None]


def verdicts(contrasts: Sequence[Contrast | None], threshold: float) -> list[str]:
    """The verdict of each cell of one metric, as ``compare``, ``ab`` and ``gate`` give it."""
    family = {
        str(cell): Difference("tpot_ms", 1.0, one.ratio.value, one, "inconclusive")
        for cell, one in enumerate(contrasts)
        if one is not None
    }
    judged = judge(family, threshold)
    return [judged[str(cell)].verdict if str(cell) in judged else "inconclusive" for cell in range(len(contrasts))]


def calls(contrasts: Sequence[Contrast | None], threshold: float) -> Calls:
    """How many cells of one metric were called."""
    said = verdicts(contrasts, threshold)
    return Calls(said.count("slower"), said.count("faster"))
