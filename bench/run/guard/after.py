"""After a run: what its series look like. Outliers are marked and their effect is said; none is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.analyse.samples import CellSamples, read_cells
from bench.analyse.series import (
    FEWEST_BLOCKS,
    FEWEST_TRENDS,
    Outlier,
    alike_neighbours,
    block_medians,
    drift,
    modes,
    outlying_blocks,
    outlying_generations,
    trend,
)
from bench.run.guard.findings import Code, Found, percent
from bench.store.reader import StoredRun

BY_CHANCE = 0.05
"""The share of runs without anything of the kind in which a series gives a warning."""

_OF_THE_RUN = 0.01
"""What of that is for the run as a whole; the tests of single series share the rest."""

_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one cell.

    Args:
        metric: its name.
        cell_key: of the cell.
        blocks: int array [generations], the block of each.
        values: float array [generations], in milliseconds, in the order in which they were measured; positive.
    """

    metric: str
    cell_key: str
    blocks: Any
    values: Any

    @property
    def tests(self) -> int:
        """How many findings there can be that weigh as a warning."""
        _, generations = np.unique(self.blocks, return_counts=True)
        of_blocks = 3 if len(generations) >= FEWEST_BLOCKS else 0
        return of_blocks + (1 if np.count_nonzero(generations >= 3) >= FEWEST_TRENDS else 0)


def judge_run(run: StoredRun) -> Iterator[Found]:
    """What the stored series of each cell say, TTFT and TPOT apart.

    Raises:
        StoreError: a file of the run cannot be read.
    """
    yield from judge_all([one for samples in read_cells(run) for one in _series(samples)])


def _series(samples: CellSamples) -> Iterator[Series]:
    metrics = {"TTFT": samples.ttft_ns / _NS_PER_MS}
    if samples.itl_ns.shape[1]:
        metrics["TPOT"] = samples.itl_ns.mean(axis=1) / _NS_PER_MS
    for metric, values in metrics.items():
        if len(values) and bool((values > 0).all()):
            yield Series(metric, samples.cell_key, samples.block, values)


def judge_all(series: Sequence[Series]) -> Iterator[Found]:
    """What all series of a run say, and the run as a whole.

    In a run of many cells chance alone gives findings. So one is a warning only where it stands after Bonferroni's
    adjustment for all tests of the run, and otherwise good to know: of runs without drift, trend, second modes and
    outlying blocks, at most :data:`BY_CHANCE` have a warning.
    """
    tests = sum(one.tests for one in series)
    for one in series:
        yield from judge_series(one, tests)
    alike = alike_neighbours([block_medians(one.blocks, one.values) for one in series])
    if alike is not None:
        message = (
            f"the correlation of a block with the next is {alike.correlation:.2f} in the mean over the cells, and "
            f"{-1 / alike.blocks:.2f} where {alike.blocks} blocks are independent (p = {alike.p_value:.2g})"
        )
        yield Found(Code.ALIKE_BLOCKS, message)


def judge_series(series: Series, tests: int) -> Iterator[Found]:
    """What one metric of one cell says.

    Args:
        series: the metric.
        tests: of how many in the run these are some.
    """
    metric, key, blocks, values = series.metric, series.cell_key, series.blocks, series.values

    def found(code: Code, message: str, p_value: float, block: int | None = None) -> Found:
        if p_value <= (BY_CHANCE - _OF_THE_RUN) / tests:
            return Found(code, message, cell_key=key, block=block)
        message += f"; it may be chance, as one of {tests} tests in this run"
        return Found(code, message, "info", cell_key=key, block=block)

    medians = block_medians(blocks, values)
    drifted, trended, split = drift(medians), trend(blocks, values), modes(medians)
    if drifted is not None:
        message = f"{metric} {_went(drifted.ratio)} from the first block to the last (p = {drifted.p_value:.2g})"
        yield found(Code.DRIFT, message, drifted.p_value)
    if trended is not None:
        went = _went(trended.ratio)
        message = (
            f"{metric} {went} from the first timed generation of a process to its last (p = {trended.p_value:.2g})"
        )
        yield found(Code.TREND, message, trended.p_value)
    if split is not None:
        message = (
            f"{metric} is {split.low:.3g} ms in {_named(split.low_blocks)} and {split.high:.3g} ms in "
            f"{_named(split.high_blocks)}, {percent(split.high / split.low - 1)} more"
        )
        yield found(Code.BIMODAL, message, split.p_value)
    # The blocks of a second group are no outliers.
    for outlier in outlying_blocks(medians) if split is None else ():
        assert outlier.p_value is not None
        where = f"block {outlier.block + 1} is {outlier.ratio:.2g} times the median of the blocks"
        yield found(Code.OUTLIER_BLOCK, f"{where}; {_without(metric, outlier)}", outlier.p_value, outlier.block)
    for outlier in outlying_generations(blocks, values):
        assert outlier.ordinal is not None
        which = f"generation {outlier.ordinal + 1} of block {outlier.block + 1}"
        message = f"{which} is {outlier.ratio:.2g} times the median of its block; {_without(metric, outlier)}"
        yield Found(Code.OUTLIER_GENERATION, message, cell_key=key, block=outlier.block)


def _went(ratio: float) -> str:
    return f"rose by {percent(ratio - 1)}" if ratio > 1 else f"fell by {percent(1 - ratio)}"


def _without(metric: str, outlier: Outlier) -> str:
    change = outlier.without / outlier.estimate - 1
    if abs(change) < 0.005:
        return f"without it {metric} would still be {outlier.without:.3g} ms"
    return f"without it {metric} would be {outlier.without:.3g} ms, {percent(change, '+')}"


def _named(blocks: Sequence[int]) -> str:
    return f"block{'s' if len(blocks) > 1 else ''} {', '.join(str(block + 1) for block in blocks)}"
