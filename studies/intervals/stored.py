"""What ``compare``, ``ab`` and the gate say of stored runs, as one list of verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analyse.compare import Comparison, Difference, compare, compare_variants
from bench.analyse.gate import gate
from bench.analyse.results import CellResult, RunAnalysis
from bench.analyse.variation import variation


@dataclass(frozen=True, slots=True)
class Said:
    """The verdict on one metric of one cell."""

    cell: str
    difference: Difference


def compared(base: RunAnalysis, head: RunAnalysis, threshold: float, earlier: Sequence[RunAnalysis] = ()) -> list[Said]:
    """What ``compare`` says of two runs, where ``earlier`` ones tell how much runs vary."""
    return _listed(compare(base, [head], threshold, [variation(earlier)] if earlier else ()))


def variants(run: RunAnalysis, threshold: float) -> list[Said]:
    """What ``ab`` says of its run."""
    return _listed(compare_variants(run, threshold))


def gated(baselines: Sequence[RunAnalysis], head: RunAnalysis, threshold: float) -> list[Said]:
    """What the gate says of a run."""
    return _listed(gate(head, baselines, threshold).comparison)


def called(said: Sequence[Said], *verdicts: str) -> list[Said]:
    """Those with one of ``verdicts``."""
    return [one for one in said if one.difference.verdict in verdicts]


def _listed(comparison: Comparison) -> list[Said]:
    return [
        Said(name_of(cell.cell), one) for head in comparison.heads for cell in head.cells for one in cell.differences
    ]


def name_of(cell: CellResult) -> str:
    """A cell for people, whatever its variant."""
    load, shape = cell.load, f"p{cell.prompt_tokens}-n{cell.new_tokens}-b{cell.batch_size}"
    return f"{load.backend}-{load.device_requested}-{load.precision}-{shape}"
