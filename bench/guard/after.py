"""After a run: what its series look like. Outliers are marked and their effect is said; none is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.analyse.samples import CellSamples, read_cells
from bench.analyse.series import (
    Outlier,
    block_medians,
    drift,
    modes,
    outlying_blocks,
    outlying_generations,
    trend,
)
from bench.guard.findings import Code, Found, percent
from bench.store.reader import StoredRun

_NS_PER_MS = 1e6


def judge_run(run: StoredRun) -> Iterator[Found]:
    """What the stored series of each cell say, TTFT and TPOT apart.

    Raises:
        StoreError: a file of the run cannot be read.
    """
    for samples in read_cells(run):
        for metric, values in _metrics(samples):
            if len(values) and bool((values > 0).all()):
                yield from judge_series(metric, samples.cell_key, samples.block, values)


def _metrics(samples: CellSamples) -> Iterator[tuple[str, Any]]:
    yield "TTFT", samples.ttft_ns / _NS_PER_MS
    if samples.itl_ns.shape[1]:
        yield "TPOT", samples.itl_ns.mean(axis=1) / _NS_PER_MS


def judge_series(metric: str, cell_key: str, blocks: Any, values: Any) -> Iterator[Found]:
    """What one metric of one cell says.

    Args:
        metric: its name.
        cell_key: of the cell.
        blocks: int array [generations], the block of each.
        values: float array [generations], in milliseconds, in the order in which they were measured.
    """
    medians = block_medians(blocks, values)
    drifted, trended, split = drift(medians), trend(blocks, values), modes(medians)
    if drifted is not None:
        message = f"{metric} {_went(drifted.ratio)} from the first block to the last (p = {drifted.p_value:.2g})"
        yield Found(Code.DRIFT, message, cell_key=cell_key)
    if trended is not None:
        went = _went(trended.ratio)
        message = (
            f"{metric} {went} from the first timed generation of a process to its last (p = {trended.p_value:.2g})"
        )
        yield Found(Code.TREND, message, cell_key=cell_key)
    if split is not None:
        message = (
            f"{metric} is {split.low:.3g} ms in {_named(split.low_blocks)} and {split.high:.3g} ms in "
            f"{_named(split.high_blocks)}, {percent(split.high / split.low - 1)} more"
        )
        yield Found(Code.BIMODAL, message, cell_key=cell_key)
    # The blocks of a second group are no outliers.
    for outlier in outlying_blocks(medians) if split is None else ():
        where = f"block {outlier.block + 1} is {outlier.ratio:.2g} times the median of the blocks"
        message = f"{where}; {_without(metric, outlier)}"
        yield Found(Code.OUTLIER_BLOCK, message, cell_key=cell_key, block=outlier.block)
    for outlier in outlying_generations(blocks, values):
        assert outlier.ordinal is not None
        which = f"generation {outlier.ordinal + 1} of block {outlier.block + 1}"
        message = f"{which} is {outlier.ratio:.2g} times the median of its block; {_without(metric, outlier)}"
        yield Found(Code.OUTLIER_GENERATION, message, cell_key=cell_key, block=outlier.block)


def _went(ratio: float) -> str:
    return f"rose by {percent(ratio - 1)}" if ratio > 1 else f"fell by {percent(1 - ratio)}"


def _without(metric: str, outlier: Outlier) -> str:
    change = outlier.without / outlier.estimate - 1
    if abs(change) < 0.005:
        return f"without it {metric} would still be {outlier.without:.3g} ms"
    return f"without it {metric} would be {outlier.without:.3g} ms, {percent(change, '+')}"


def _named(blocks: Sequence[int]) -> str:
    return f"block{'s' if len(blocks) > 1 else ''} {', '.join(str(block + 1) for block in blocks)}"
