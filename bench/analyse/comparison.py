"""Runs or variants compared with a base: per cell and metric a ratio with its interval, and a verdict."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Any, TypeVar

from bench.analyse.conditions import Change, Mismatch, recorded, run_changes, run_mismatches, variant_changes
from bench.analyse.interval import Contrast, against_runs, between_runs, both, claim, correlation_over, holm, paired
from bench.analyse.quality_change import QUALITY_TOLERANCE, QualityChange, quality_changes
from bench.analyse.results import AskedCell, CellResult, LoadResult, Measured, RunAnalysis
from bench.analyse.variation import Variation
from bench.metrics import COMPARED

VERDICTS = ("slower", "faster", "same", "inconclusive")
"""What may be said of a difference, in the order in which it is shown."""
CALLED = ("slower", "faster")
"""The verdicts that claim a difference."""
_OF_LATENCY = {"higher": "slower", "lower": "faster"}


@dataclass(frozen=True, slots=True)
class Caveat:
    """What limits a claim: a code, and the values that its sentence needs."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one cell on two sides.

    Args:
        metric: one of :data:`bench.metrics.COMPARED`.
        base_ms: on the side that is compared with, over the blocks of the ratio.
        contrast: head over base; above 1 means slower.
        verdict: one of :data:`VERDICTS`.
        basis: what the interval covers: ``blocks``, or ``runs`` where it covers the variation between runs as well.
    """

    metric: str
    base_ms: float
    head_ms: float
    contrast: Contrast
    verdict: str
    basis: str = "blocks"


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A cell that both sides measured; ``cell``: as the base measured it, or the newest baseline that did."""

    cell: CellResult
    differences: tuple[Difference, ...]
    other: CellResult


@dataclass(frozen=True, slots=True)
class Head:
    """A run, or a variant, that is compared with the base.

    Args:
        run: its analysis; of a run with variants, what belongs to variant ``b``.
        name: the run's id, or the variant as it was asked for.
        mismatches: the fatal ones first.
        changes: what else differs: packages, drivers, settings.
        earlier: how many runs of this machine show how much runs vary; 0 if that is not known.
        qualities: of the loads of both sides, in the order of the base, where either side says something of quality.
    """

    run: RunAnalysis
    name: str
    cells: tuple[ComparedCell, ...]
    only_base: tuple[CellResult, ...]
    only_head: tuple[CellResult, ...]
    mismatches: tuple[Mismatch, ...]
    changes: tuple[Change, ...]
    earlier: int = 0
    qualities: tuple[QualityChange, ...] = ()

    @property
    def differences(self) -> tuple[Difference, ...]:
        return tuple(one for cell in self.cells for one in cell.differences)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs compared with a base, the variants of one run with each other, or a run with its baselines at the gate.

    Verdicts are those of each head: the families of Holm's adjustment are the cells of one metric in one head, so that
    what is said of a head does not depend on which others are shown beside it.

    Args:
        bases: what is compared with: one run, what belongs to variant ``a``, or all baselines, the newest last.
        base_names: the ids of these runs, or the variant as it was asked for.
        paired: whether both sides are variants of one run, compared block by block.
        threshold: half the width of what counts as the same, as a share: 0.03.
    """

    bases: tuple[RunAnalysis, ...]
    base_names: tuple[str, ...]
    heads: tuple[Head, ...]
    paired: bool
    threshold: float
    quality_tolerance: float = QUALITY_TOLERANCE

    @property
    def base(self) -> RunAnalysis:
        return self.bases[-1]

    @property
    def several(self) -> bool:
        return len(self.heads) > 1

    @property
    def differences(self) -> tuple[Difference, ...]:
        return tuple(one for head in self.heads for one in head.differences)


Pairs = Sequence[tuple[CellResult, CellResult]]
_Paired = TypeVar("_Paired", CellResult, LoadResult)


def compare(
    base: RunAnalysis,
    heads: Sequence[RunAnalysis],
    threshold: float,
    histories: Sequence[Variation | None] = (),
    tolerance: float = QUALITY_TOLERANCE,
) -> Comparison:
    """Compare runs with ``base`` cell by cell.

    ``histories``: per head, how much runs of its machine vary. Blocks do not sample that, so an interval that covers it
    is taken wherever it is the wider one.
    """
    found = [_head(base, head, threshold, known, tolerance) for head, known in zip_longest(heads, histories)]
    return Comparison((base,), (run_id(base),), tuple(found), False, threshold, tolerance)


def _head(base: RunAnalysis, head: RunAnalysis, threshold: float, known: Variation | None, tolerance: float) -> Head:
    pairs, only_base, only_head = matched(base.cells, head.cells, lambda cell: cell.cell_key)

    def by_block(metric: str) -> Iterator[Mapping[int, float]]:
        found: Iterator[Measured | None] = (getattr(cell, metric) for pair in pairs for cell in pair)
        return (one.by_block for one in found if one is not None)

    # One cell alone tells too little of how alike its neighbouring blocks are.
    alike = {metric: correlation_over(by_block(metric)) for metric in COMPARED}
    informed = known is not None and any(known.of(here, metric) for _, here in pairs for metric in COMPARED)
    return Head(
        run=head,
        name=run_id(head),
        cells=judged(pairs, partial(_between_runs, known=known, alike=alike), threshold),
        only_base=only_base,
        only_head=only_head,
        mismatches=run_mismatches(base, head),
        changes=run_changes(base, head),
        earlier=known.runs if known and informed else 0,
        qualities=quality_changes(matched(base.loads, head.loads, lambda load: load.load_key)[0], pairs, tolerance),
    )


def compare_variants(run: RunAnalysis, threshold: float, tolerance: float = QUALITY_TOLERANCE) -> Comparison:
    """Compare variant ``b`` of a run with its variant ``a``, paired by block; thresholds as of :func:`compare`."""
    base, head = (_side(run, variant) for variant in "ab")
    pairs, only_base, only_head = matched(base.cells, head.cells, without_variant)
    specs = (run.record.get("plan") or {}).get("variants") or {}
    names = [f"{side}: {(specs.get(side) or {}).get('spec') or f'variant {side}'}" for side in "ab"]
    found = Head(
        run=head,
        name=names[1],
        cells=judged(pairs, _within_run, threshold),
        only_base=only_base,
        only_head=only_head,
        mismatches=(),
        changes=variant_changes(run),
        qualities=quality_changes(matched(base.loads, head.loads, _load_without_variant)[0], pairs, tolerance),
    )
    return Comparison((base,), (names[0],), (found,), True, threshold, tolerance)


def run_id(run: RunAnalysis) -> str:
    """As it was recorded."""
    return str(run.record.get("run_id"))


def has_variants(run: RunAnalysis) -> bool:
    """Whether a run measured two variants side by side."""
    return {"a", "b"} <= {load.variant for load in run.loads}


def _side(run: RunAnalysis, variant: str) -> RunAnalysis:
    """What belongs to one variant, under names that do not tell the variant: the side does."""
    return replace(
        run,
        loads=tuple(replace(load, variant="") for load in run.loads if load.variant == variant),
        cells=tuple(
            replace(cell, load=replace(cell.load, variant="")) for cell in run.cells if cell.load.variant == variant
        ),
        failures=tuple(one for one in run.failures if one.load.variant == variant),
        unreached=tuple(one for one in run.unreached if one.load.variant == variant),
    )


def without_variant(cell: AskedCell) -> str:
    """What is the same for cells of both variants that ask the same."""
    return "\n".join((_load_without_variant(cell.load), *map(str, cell.shape), cell.ask))


def _load_without_variant(load: LoadResult) -> str:
    return "\n".join((load.backend, load.device_requested, load.precision))


def matched(
    there: Iterable[_Paired], here: Iterable[_Paired], key: Callable[[_Paired], str]
) -> tuple[Sequence[tuple[_Paired, _Paired]], tuple[_Paired, ...], tuple[_Paired, ...]]:
    """Cells or loads of both sides as pairs, and those of either side alone; those of one key pair in their order."""
    base, head = _keyed(there, key), _keyed(here, key)
    return (
        [(cell, head[one]) for one, cell in base.items() if one in head],
        tuple(cell for one, cell in base.items() if one not in head),
        tuple(cell for one, cell in head.items() if one not in base),
    )


def _keyed(found: Iterable[_Paired], key: Callable[[_Paired], str]) -> dict[tuple[str, int], _Paired]:
    seen: Counter[str] = Counter()
    keyed = {}
    for one in found:
        name = key(one)
        keyed[name, seen[name]] = one
        seen[name] += 1
    return keyed


def _between_runs(
    metric: str, base: CellResult, head: CellResult, known: Variation | None, alike: Mapping[str, float]
) -> Difference | None:
    there: Measured | None = getattr(base, metric)
    here: Measured | None = getattr(head, metric)
    if not there or not here or (blocks := between_runs(here.by_block, there.by_block, alike[metric])) is None:
        return None
    difference = Difference(metric, there.estimate.value, here.estimate.value, blocks, "inconclusive")
    spread, width = known.of(head, metric) if known else None, blocks.ratio.half_width
    if spread is None or width is None:
        return difference
    fewest = min(there.estimate.blocks, here.estimate.blocks)
    runs = against_runs(here.estimate.value, [there.estimate.value], spread.for_blocks(fewest))
    if runs is None or runs.ratio.half_width is None or runs.ratio.half_width <= width:
        return difference
    return replace(difference, contrast=both(blocks, runs), basis="runs")


def _within_run(metric: str, base: CellResult, head: CellResult) -> Difference | None:
    there: Measured | None = getattr(base, metric)
    here: Measured | None = getattr(head, metric)
    if not there or not here or (contrast := paired(here.by_block, there.by_block)) is None:
        return None
    # One variant may have lost blocks that the other has: milliseconds beside a ratio cover the ratio's blocks.
    shared = there.within(here.by_block), here.within(there.by_block)
    assert shared[0] is not None
    assert shared[1] is not None
    return Difference(metric, shared[0].estimate.value, shared[1].estimate.value, contrast, "inconclusive")


def judged(
    pairs: Pairs, contrasted: Callable[[str, CellResult, CellResult], Difference | None], threshold: float
) -> tuple[ComparedCell, ...]:
    """Pairs of cells with the verdicts on their metrics.

    ``contrasted``: the difference in a metric, without a verdict; ``None`` where one side did not measure it.
    """
    found: dict[str, list[Difference]] = {there.cell_key: [] for there, _ in pairs}
    for metric in COMPARED:
        raw = {there.cell_key: contrasted(metric, there, here) for there, here in pairs}
        for key, one in judge({key: one for key, one in raw.items() if one is not None}, threshold).items():
            found[key].append(one)
    return tuple(ComparedCell(there, tuple(found[there.cell_key]), here) for there, here in pairs)


def judge(family: Mapping[str, Difference], threshold: float) -> dict[str, Difference]:
    """The differences of one metric with their verdicts, see :func:`bench.analyse.interval.claim`.

    Holm's adjustment is for the number of cells.

    ``family``: cell -> difference, all of one metric.
    """
    standing = holm({key: one.contrast.p_value for key, one in family.items()})
    claims = {key: claim(one.contrast.ratio, threshold, stands=key in standing) for key, one in family.items()}
    return {key: replace(one, verdict=_OF_LATENCY.get(claims[key], claims[key])) for key, one in family.items()}


def stand_together(comparison: Comparison) -> set[tuple[str, int, str]]:
    """What would stand after Holm's adjustment over the cells of a metric in all heads: (metric, place, cell_key)."""
    families: dict[str, dict[tuple[int, str], float | None]] = {}
    for place, head in enumerate(comparison.heads):
        for cell in head.cells:
            for one in cell.differences:
                families.setdefault(one.metric, {})[place, cell.cell.cell_key] = one.contrast.p_value
    return {(metric, *name) for metric, family in families.items() for name in holm(family)}


@dataclass(frozen=True, slots=True)
class Changed:
    """A package, a driver or a condition that is not the same in all runs.

    ``heads``: by head; ``None`` where it is not recorded.
    """

    name: str
    base: Any
    heads: tuple[Any, ...]


def changed(heads: Sequence[Head]) -> list[Changed]:
    """What differs between the base and at least one head: conditions first, then packages and drivers."""
    # What differs about the prompts is no state that a run without a difference could have.
    conditions = [{one.what: one for one in head.mismatches if one.what != "prompts"} for head in heads]
    found = []
    for what in dict.fromkeys(what for states in conditions for what in states):
        base = next(states[what].base for states in conditions if what in states)
        found.append(Changed(what, base, tuple(states[what].head if what in states else base for states in conditions)))
    changes = [{one.name: one for one in head.changes} for head in heads]
    for name in dict.fromkeys(name for own in changes for name in own):
        one = next(own[name] for own in changes if name in own)
        values = (
            own[name].ends[1] if name in own else recorded(head.run, one.what, one.backends)
            for head, own in zip(heads, changes, strict=True)
        )
        found.append(Changed(name, one.ends[0], tuple(values)))
    return found
