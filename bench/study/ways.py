"""The ways in which this project tells two sets of runs apart, by its own functions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.compare import Difference, judge
from bench.analyse.interval import Contrast, RunSpread, against_runs, between_runs, over_blocks, paired

COMPARE_THRESHOLD = 0.03
GATE_THRESHOLD = 0.05

Medians = Sequence[Mapping[int, float]]
"""Per cell: block -> median."""


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
    head: Sequence[float], base: Sequence[float], history: Sequence[Sequence[float]]
) -> list[Contrast | None]:
    """Two runs, whose spread is known from earlier ones.

    Args:
        head: the estimate per cell.
        base: the estimate per cell.
        history: per earlier run, the estimate per cell.
    """
    known = [run_spread([run[cell] for run in history]) for cell in range(len(head))]
    return [against_runs(here, [there], spread) for here, there, spread in zip(head, base, known, strict=True)]


def run_spread(estimates: Sequence[float]) -> RunSpread:
    """How runs of the same software, two at least, spread around their mean."""
    return RunSpread(statistics.variance(map(math.log, estimates)), len(estimates) - 1)


def estimates(run: Medians) -> list[float]:
    """The estimate of each cell of a run."""
    found = [over_blocks(medians) for medians in run]
    return [one.value for one in found if one is not None]


@dataclass(frozen=True, slots=True)
class Calls:
    """What became of the cells of one metric: how many were called, and in which direction."""

    slower: int
    faster: int

    @property
    def either(self) -> int:
        """Called at all."""
        return self.slower + self.faster


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
