"""What ``compare``, ``ab`` and the gate say of stored runs, and how often they called a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analyse.compare import COMPARED, Difference, compare, judge
from bench.analyse.interval import Contrast, against_runs, paired
from bench.analyse.results import CellResult, Measured, RunAnalysis


@dataclass(frozen=True, slots=True)
class Said:
    """The verdict on one metric of one cell."""

    cell: str
    metric: str
    difference: Difference


def compared(base: RunAnalysis, head: RunAnalysis, threshold: float) -> list[Said]:
    """What ``compare`` says of two runs."""
    found = compare(base, head, threshold)
    return [Said(name_of(cell.cell), one.metric, one) for cell in found.cells for one in cell.differences]


def variants(run: RunAnalysis, threshold: float) -> list[Said]:
    """What is said of an A/B run: variant b over variant a, paired by block."""
    base = {name_of(cell): cell for cell in run.cells if cell.load.variant == "a"}
    head = {name_of(cell): cell for cell in run.cells if cell.load.variant == "b"}

    def contrast(there: Measured, here: Measured) -> Contrast | None:
        return paired(here.by_block, there.by_block)

    pairs = {name: (base[name], head[name]) for name in base if name in head}
    return list(_judged(pairs, contrast, threshold))


def gated(baselines: Sequence[RunAnalysis], head: RunAnalysis, threshold: float) -> list[Said]:
    """What is said of a run against several: by the interval that predicts a further run."""
    before = [{cell.cell_key: cell for cell in run.cells} for run in baselines]
    found: list[Said] = []
    for metric in COMPARED:
        family: dict[str, Difference] = {}
        for cell in head.cells:
            here: Measured | None = getattr(cell, metric)
            there: list[Measured | None] = [
                getattr(run[cell.cell_key], metric) for run in before if cell.cell_key in run
            ]
            values = [one.estimate.value for one in there if one is not None]
            contrast = None if here is None else against_runs(here.estimate.value, values)
            if here is not None and contrast is not None:
                base_ms = here.estimate.value / contrast.ratio.value
                family[name_of(cell)] = Difference(metric, base_ms, here.estimate.value, contrast, "inconclusive")
        found += [Said(name, metric, one) for name, one in judge(family, threshold).items()]
    return found


def _judged(pairs: Mapping[str, tuple[CellResult, CellResult]], contrast: Any, threshold: float) -> Iterator[Said]:
    for metric in COMPARED:
        family: dict[str, Difference] = {}
        for name, (base, head) in pairs.items():
            there, here = getattr(base, metric), getattr(head, metric)
            found = None if there is None or here is None else contrast(there, here)
            if found is not None:
                family[name] = Difference(metric, there.estimate.value, here.estimate.value, found, "inconclusive")
        yield from (Said(name, metric, one) for name, one in judge(family, threshold).items())


def name_of(cell: CellResult) -> str:
    """A cell whatever its variant."""
    load = cell.load
    return (
        f"{load.backend}-{load.device_requested}-{load.precision}-p{cell.prompt_tokens}-n{cell.new_tokens}"
        f"-b{cell.batch_size}"
    )


def called(said: Sequence[Said], *verdicts: str) -> list[Said]:
    """Those with one of ``verdicts``."""
    return [one for one in said if one.difference.verdict in verdicts]
