"""The ways in which this project tells two sets of runs apart, by its own functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from bench.analyse.comparison import Difference, compare as compare_runs, judge
from bench.analyse.gate_rule import held_against
from bench.analyse.interval import Contrast, between_runs, correlation_over, over_blocks, paired, run_spread
from bench.analyse.results import CellResult, LoadResult, Measured, RunAnalysis
from bench.analyse.variation import Spread, Variation

COMPARE_THRESHOLD = 0.03
GATE_THRESHOLD = 0.05

Medians = Sequence[Mapping[int, float]]
"""Per cell: block -> median."""
Run = Sequence[Measured]
"""One metric of each cell."""


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
    alike = correlation_over([*head, *base])
    return [between_runs(here, there, alike) for here, there in zip(head, base, strict=True)]


def ab(head: Medians, base: Medians) -> list[Contrast | None]:
    """Two variants in one run."""
    return [paired(here, there) for here, there in zip(head, base, strict=True)]


def gate(head: Run, baselines: Sequence[Run]) -> list[Contrast | None]:
    """A run against several.

    Args:
        head: per cell.
        baselines: per run, the same.
    """
    return [held_against(one, [run[cell] for run in baselines]) for cell, one in enumerate(head)]


def with_history(
    head: Mapping[str, Run], base: Mapping[str, Run], history: Mapping[str, Sequence[Run]]
) -> dict[str, Calls]:
    """Two runs, where earlier ones tell how much runs vary; what is called of each metric.

    Args:
        head: by metric.
        base: by metric.
        history: by metric, the earlier runs.
    """
    blocks = next(iter(head.values()))[0].estimate.blocks
    own = {
        (str(cell), metric): Spread(between, blocks)
        for metric, runs in history.items()
        for cell, values in enumerate(zip(*runs, strict=True))
        if (between := run_spread([one.estimate.value for one in values])) is not None
    }
    known = Variation(len(next(iter(history.values()))), own, {})
    found = compare_runs(_run_of(base), [_run_of(head)], COMPARE_THRESHOLD, [known]).differences
    said = {metric: [one.verdict for one in found if one.metric == metric] for metric in head}
    return {metric: Calls(verdicts.count("slower"), verdicts.count("faster")) for metric, verdicts in said.items()}


def _run_of(run: Mapping[str, Run]) -> RunAnalysis:
    """A run of which nothing is known but this."""
    load = LoadResult(**{**_nothing(LoadResult), "backend": "simulated", "device_verdict": "simulated"})
    cells = []
    for cell in range(len(next(iter(run.values())))):
        metrics = {metric: by_cell[cell] for metric, by_cell in run.items()}
        cells.append(CellResult(**{**_nothing(CellResult), "load": load, "cell_key": str(cell), **metrics}))
    nothing: dict[str, Any] = {
        part.name: () for part in fields(RunAnalysis) if part.default is MISSING is part.default_factory
    }
    return RunAnalysis(**{**nothing, "record": {}, "end": None, "cells": tuple(cells)})


def _nothing(kind: Any) -> dict[str, Any]:
    """Every part of a result as not measured."""
    return dict.fromkeys(part.name for part in fields(kind))


def measured(medians: Mapping[int, float]) -> Measured:
    """One metric of one cell; there has to be a block."""
    estimate = over_blocks(medians)
    assert estimate is not None
    return Measured(estimate, medians)


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
