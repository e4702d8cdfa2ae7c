"""After a run: what its series look like. Outliers are marked and their effect is given; none is dropped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.analyse.run import analyse_run
from bench.analyse.samples import CellSamples, Generations
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
from bench.findings import Code, Values
from bench.run.guard.found import Found
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
    yield from judge_all([one for samples in Generations(run).cells() for one in _series(samples)])


def _series(samples: CellSamples) -> Iterator[Series]:
    metrics = {"TTFT": samples.ttft_ns / _NS_PER_MS}
    if samples.itl_ns.shape[1]:
        metrics["TPOT"] = samples.itl_ns.mean(axis=1) / _NS_PER_MS
    for metric, values in metrics.items():
        if len(values) and bool((values > 0).all()):
            yield Series(metric, samples.cell_key, samples.block, values)


def judge_quality(run: StoredRun) -> Iterator[Found]:
    """Each load that the report calls broken, as far as the loads of ``run`` were scored.

    Raises:
        StoreError: a file of the run cannot be read.
    """
    if run.table("quality", ["load_key"]).num_rows == 0:
        return
    rows = run.table("loads", ["load_key", "load_id"]).to_pylist()
    processes = {row["load_key"]: row["load_id"] for row in reversed(rows)}
    for load in analyse_run(run).loads:
        if load.quality is not None and load.quality.verdict == "broken":
            quality = load.quality
            ratio = quality.cpu_ratio if quality.reason == "device" else quality.ratio
            values: dict[str, float | str] = {"reference": quality.reference or ""}
            if ratio is not None:
                values["ratio"] = ratio.value
            if quality.same_top is not None:
                values["percent"] = 100 * quality.same_top
            yield Found(Code.BROKEN, values, (f"broken-{quality.reason}",), load_id=processes.get(load.load_key))


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
        values = {
            "correlation": alike.correlation,
            "independent": -1 / alike.blocks,
            "blocks": alike.blocks,
            "p": alike.p_value,
        }
        yield Found(Code.ALIKE_BLOCKS, values)


def judge_series(series: Series, tests: int) -> Iterator[Found]:
    """What one metric of one cell says, by some of the ``tests`` of the run."""
    metric, key, blocks, times = series.metric, series.cell_key, series.blocks, series.values

    def found(code: Code, p_value: float, values: Values, *messages: str, block: int | None = None) -> Found:
        if p_value <= (BY_CHANCE - _OF_THE_RUN) / tests:
            return Found(code, values, messages, cell_key=key, block=block)
        values, messages = {**values, "tests": tests}, (*messages, "may-be-chance")
        return Found(code, values, messages, "info", cell_key=key, block=block)

    medians = block_medians(blocks, times)
    split = modes(medians)
    for code, change in ((Code.DRIFT, drift(medians)), (Code.TREND, trend(blocks, times))):
        if change is not None:
            values: Values = {"metric": metric, "percent": 100 * abs(change.ratio - 1), "p": change.p_value}
            yield found(code, change.p_value, values, f"{code.word}-{'rose' if change.ratio > 1 else 'fell'}")
    if split is not None:
        groups = {"low_blocks": _named(split.low_blocks), "high_blocks": _named(split.high_blocks)}
        sizes = {"low_ms": split.low, "high_ms": split.high, "percent": 100 * (split.high / split.low - 1)}
        yield found(Code.BIMODAL, split.p_value, {"metric": metric, **groups, **sizes}, "bimodal")
    # The blocks of a second group are no outliers.
    for outlier in outlying_blocks(medians) if split is None else ():
        assert outlier.p_value is not None
        values, without = _outlier(metric, outlier)
        yield found(Code.OUTLIER_BLOCK, outlier.p_value, values, "outlier-block", without, block=outlier.block)
    for outlier in outlying_generations(blocks, times):
        assert outlier.ordinal is not None
        values, without = _outlier(metric, outlier)
        values = {**values, "generation": outlier.ordinal + 1}
        yield Found(Code.OUTLIER_GENERATION, values, ("outlier-generation", without), cell_key=key, block=outlier.block)


def _outlier(metric: str, outlier: Outlier) -> tuple[Values, str]:
    """Values, and the key of the message on what would be without it."""
    change = outlier.without / outlier.estimate - 1
    values: Values = {
        "metric": metric,
        "block": outlier.block + 1,
        "ratio": outlier.ratio,
        "without_ms": outlier.without,
        "percent": 100 * change,
    }
    return values, "without-alike" if abs(change) < 0.005 else "without"


def _named(blocks: Sequence[int]) -> str:
    return ", ".join(str(block + 1) for block in blocks)
