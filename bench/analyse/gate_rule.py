"""Whether a run shows a regression: a comparison with baselines, or of two variants, and a rule for the exit status."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial

from bench.analyse.comparison import (
    Caveat,
    ComparedCell,
    Comparison,
    Difference,
    Head,
    compare_variants,
    judged,
    run_id,
    without_variant,
)
from bench.analyse.conditions import NO_ID, alike, interruptions, mismatches, other_machine, run_changes
from bench.analyse.grouping import group_by
from bench.analyse.interval import Contrast, RunSpread, against_blocks, against_runs, both, run_spread
from bench.analyse.quality_change import QUALITY_TOLERANCE, QualityChange, quality_changes
from bench.analyse.read_findings import touched
from bench.analyse.results import AskedCell, CellResult, Finding, LoadResult, Measured, RunAnalysis
from bench.analyse.variation import Spread, Variation
from bench.metrics import COMPARED

LEAST_BASELINES = 5
"""From how many baseline runs on their own spread is used."""

REGRESSION, NONE_SHOWN, CANNOT_TELL = "regression", "none shown", "cannot tell"


@dataclass(frozen=True, slots=True)
class Missing:
    """A cell that was measured before and is not measured now."""

    cell: CellResult
    why: Caveat


@dataclass(frozen=True, slots=True)
class LostBlocks:
    """A cell of the run in question that was not measured in all of its blocks.

    What is left may be the blocks in which nothing went wrong, so its figures cannot show that all is well.

    ``side``: the variant that it belongs to, ``a`` or ``b``; empty in a run without variants.
    """

    cell: CellResult
    side: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """A run at the gate: a comparison with one head, and what else decides the outcome.

    Args:
        comparison: of the run with its baselines, or of its variant ``b`` with its variant ``a``.
        strict: whether the gate cannot tell either where a slowdown beyond the threshold, or a rise of perplexity
            beyond the tolerance, could hide.
        missing: measured in all baselines and not in the head.
        void: why no figure here counts; empty if they do.
        wants_quality: whether the gate cannot tell either where the quality of a load could not be compared.
    """

    comparison: Comparison
    strict: bool
    missing: tuple[Missing, ...]
    void: tuple[Caveat, ...]
    notes: tuple[Caveat, ...]
    basis: Caveat
    wants_quality: bool = False

    @property
    def outcome(self) -> str:
        """:data:`REGRESSION`, :data:`NONE_SHOWN` or :data:`CANNOT_TELL`."""
        if self.void:
            return CANNOT_TELL
        if self.worse or any(one.verdict == "slower" for one in self.comparison.differences):
            return REGRESSION
        return CANNOT_TELL if self.reasons else NONE_SHOWN

    @property
    def reasons(self) -> tuple[Caveat, ...]:
        """Why the gate cannot tell, or could not if it had not seen a regression."""
        found, baselines = [*self.void], len(self.comparison.bases)
        if not self.comparison.paired and 0 < baselines < LEAST_BASELINES:
            found.append(Caveat("few-baselines", {"count": baselines}))
        if self.missing:
            found.append(Caveat("missing", {"count": len(self.missing)}))
        if self.lost:
            found.append(Caveat("lost", {"count": len(self.lost)}))
        if self.strict and self.hiding:
            found.append(Caveat("hiding"))
        return (*found, *self._quality_reasons())

    def _quality_reasons(self) -> Iterator[Caveat]:
        unknown = [one for one in self.head.qualities if one.verdict == "unknown" and one.reason != "no-scores"]
        # A load that answers its timed prompts and can no longer be scored is as a cell that is missing.
        if failed := sum(one.reason == "head-unscored" for one in unknown):
            yield Caveat("quality-lost", {"count": failed})
        if self.wants_quality and (not self.head.qualities or len(unknown) > failed):
            yield Caveat("quality-missing")
        tolerance = self.comparison.quality_tolerance
        if self.strict and (hiding := sum(one.could_hide(tolerance) for one in self.head.qualities)):
            yield Caveat("quality-hiding", {"count": hiding, "tolerance": tolerance})

    @property
    def lost(self) -> tuple[LostBlocks, ...]:
        """What was compared and not measured in all of its blocks; of a baseline, that is a note."""
        sides = (
            side
            for one in self.head.cells
            for side in ([(one.cell, "a"), (one.other, "b")] if self.comparison.paired else [(one.other, "")])
        )
        return tuple(LostBlocks(cell, side) for cell, side in sides if cell.lost)

    @property
    def worse(self) -> tuple[QualityChange, ...]:
        return tuple(one for one in self.head.qualities if one.verdict == "worse")

    @property
    def head(self) -> Head:
        return self.comparison.heads[0]

    @property
    def hiding(self) -> tuple[Difference, ...]:
        """The figures behind which a slowdown beyond the threshold could hide."""
        return tuple(one for one in self.head.differences if could_hide(one, self.comparison.threshold))


def could_hide(one: Difference, threshold: float) -> bool:
    """Whether a slowdown beyond the threshold is within the interval of a difference without a verdict."""
    high = one.contrast.ratio.high
    return one.verdict == "inconclusive" and (high is None or high > 1 + threshold)


def gate(
    head: RunAnalysis,
    baselines: Sequence[RunAnalysis],
    threshold: float,
    known: Variation | None = None,
    *,
    strict: bool = False,
    tolerance: float | None = None,
) -> Gate:
    """Hold a run against its baselines.

    Per cell and metric the ratio of :func:`held_against`, judged as in a comparison.

    Args:
        baselines: runs of the same model and prompts; those that do not fit otherwise are left out, with a note.
        known: how much runs of this machine vary; used for cells with fewer than :data:`LEAST_BASELINES` baselines.
        tolerance: of perplexities, as a share; ``None`` for the usual one, and then quality may be missing.
    """
    base, left_out = usable(head, baselines)
    before = group_by((cell for run in base for cell in run.cells), lambda cell: cell.cell_key)
    held = [cell for cell in head.cells if cell.cell_key in before]
    pairs = [(before[cell.cell_key][-1], cell) for cell in held]
    cells = judged(pairs, partial(_against, before=before, known=known), threshold)
    limit = QUALITY_TOLERANCE if tolerance is None else tolerance
    newest = base[-1] if base else None
    here = {cell.cell_key for cell in head.cells}
    found = Head(
        run=head,
        name=run_id(head),
        cells=cells,
        only_base=tuple(cells[-1] for key, cells in before.items() if key not in here),
        only_head=tuple(cell for cell in head.cells if cell.cell_key not in before),
        mismatches=mismatches(newest.record, head.record) if newest else (),
        changes=run_changes(newest, head) if newest else (),
        qualities=quality_changes(list(_scored_before(base, head)), pairs, limit),
    )
    return Gate(
        comparison=Comparison(tuple(base), tuple(map(run_id, base)), (found,), False, threshold, limit),
        strict=strict,
        missing=tuple(_missing(head, before, len(base))),
        void=(
            *(() if base else [Caveat("no-baseline")]),
            *_void(head, Caveat("nothing-shared") if base and not cells else None),
        ),
        notes=(
            *_simulated(head),
            *_serious(head, held),
            *(Caveat("no-machine-id") for run in [head.record] if run.get("machine_id") == NO_ID),
            *left_out,
            *(Caveat("different", {"mismatch": one}) for one in found.mismatches if not one.fatal),
            *mixed(base),
            *_interrupted(head),
            *_doubtful(base, {cell.cell_key for cell in held}),
            *_few(cells, before, len(base)),
            *_not_compared(found),
        ),
        basis=_basis(cells, len(base), known),
        wants_quality=tolerance is not None,
    )


def gate_variants(run: RunAnalysis, threshold: float, *, strict: bool = False, tolerance: float | None = None) -> Gate:
    """Hold variant ``b`` of a run against its variant ``a``, paired by block; no other run is needed."""
    comparison = compare_variants(run, threshold, QUALITY_TOLERANCE if tolerance is None else tolerance)
    (head,) = comparison.heads
    cells = [cell for one in head.cells for cell in (one.cell, one.other)]
    return Gate(
        comparison=comparison,
        strict=strict,
        missing=tuple(Missing(cell, _reason(head.run, cell, without_variant)) for cell in head.only_base),
        void=tuple(_void(run, None if head.cells else Caveat("nothing-shared-variants"))),
        notes=(*_simulated(run), *_interrupted(run), *_serious(run, cells), *_not_compared(head)),
        basis=Caveat("paired"),
        wants_quality=tolerance is not None,
    )


def _scored_before(baselines: Sequence[RunAnalysis], head: RunAnalysis) -> Iterator[tuple[LoadResult, LoadResult]]:
    """Each load with itself in the newest baseline that scored it, or else in the newest one that has it.

    The same artifact and stack give the same perplexities again, so that older baselines add nothing.
    """
    for load in head.loads:
        before = [one for run in baselines for one in run.loads if one.load_key == load.load_key]
        if before:
            scored = [one for one in before if one.quality and one.quality.by_text]
            yield (scored or before)[-1], load


def _not_compared(head: Head) -> Iterator[Caveat]:
    """Why the quality of loads could not be compared, but for what is a reason for the outcome."""
    known = "head-unscored", "no-scores"
    found = Counter(one.reason for one in head.qualities if one.verdict == "unknown" and one.reason not in known)
    yield from (Caveat(f"quality-{reason}", {"count": count}) for reason, count in found.items())


def _against(
    metric: str,
    _newest: CellResult,
    cell: CellResult,
    before: Mapping[str, Sequence[CellResult]],
    known: Variation | None,
) -> Difference | None:
    measured: Measured | None = getattr(cell, metric)
    baselines: list[Measured] = [found for one in before[cell.cell_key] if (found := getattr(one, metric)) is not None]
    if measured is None or not baselines:
        return None
    contrast = held_against(measured, baselines, known.of(cell, metric) if known else None)
    if contrast is None:
        return None
    mean = statistics.geometric_mean([earlier.estimate.value for earlier in baselines])
    return Difference(metric, mean, measured.estimate.value, contrast, "inconclusive", "runs")


def held_against(measured: Measured, baselines: Sequence[Measured], known: Spread | None = None) -> Contrast | None:
    """How many times its baselines a run is in one metric of one cell.

    The wider of what runs vary by and what the run's own blocks allow, see :func:`bench.analyse.interval.both`.

    ``known``: how much runs of this machine vary; used with fewer than :data:`LEAST_BASELINES` baselines.
    """
    here, values = measured.estimate, [earlier.estimate.value for earlier in baselines]
    spread: RunSpread | None = None
    if len(values) >= LEAST_BASELINES and (own := run_spread(values)) is not None:
        spread = Spread(own, max(earlier.estimate.blocks for earlier in baselines)).for_blocks(here.blocks)
    elif known is not None:
        spread = known.for_blocks(here.blocks)
    # Two to four baselines would have a spread of their own, on which nothing can be built.
    runs = against_runs(here.value, values if spread else [statistics.geometric_mean(values)], spread)
    blocks = against_blocks(measured.by_block, [earlier.by_block for earlier in baselines])
    return runs if runs is None or blocks is None else both(runs, blocks)


def _missing(head: RunAnalysis, before: Mapping[str, Sequence[CellResult]], count: int) -> Iterator[Missing]:
    here = {cell.cell_key: cell for cell in head.cells}
    for key, cells in before.items():
        if len(cells) < count:
            continue
        if key not in here:
            yield Missing(cells[-1], _reason(head, cells[-1], lambda cell: cell.cell_key))
            continue
        lost = [metric for metric in COMPARED if getattr(here[key], metric) is None]
        lost = [metric for metric in lost if all(getattr(cell, metric) is not None for cell in cells)]
        if lost:
            yield Missing(cells[-1], Caveat("no-metric", {"metrics": ", ".join(lost)}))


def _reason(head: RunAnalysis, missing: CellResult, key: Callable[[AskedCell], str]) -> Caveat:
    """Why ``head`` did not measure what ``missing`` measured; cells of one ``key`` ask the same."""
    wanted = key(missing)
    failure = next((one for one in head.failures if any(key(cell) == wanted for cell in one.cells)), None)
    if failure is not None:
        return Caveat("failed", {"status": failure.status, "message": failure.message})
    return Caveat("not-reached" if any(key(one) == wanted for one in head.unreached) else "not-in-run")


def _void(head: RunAnalysis, nothing_shared: Caveat | None) -> Iterator[Caveat]:
    if head.end is None:
        yield Caveat("unfinished", {"run": run_id(head)})
    if not head.cells:
        yield Caveat("empty", {"run": run_id(head)})
    elif nothing_shared:
        yield nothing_shared


def _simulated(head: RunAnalysis) -> Iterator[Caveat]:
    if any(load.simulated for load in head.loads):
        yield Caveat("simulated")


def _interrupted(run: RunAnalysis) -> Iterator[Caveat]:
    if found := interruptions(run.record):
        yield Caveat("interrupted", {"run": run_id(run), "interruptions": found})


def _serious(run: RunAnalysis, cells: Sequence[CellResult]) -> Iterator[Caveat]:
    """Each kind of serious finding that touches a compared cell."""
    for found in _by_code(run, cells).values():
        keys = {cell.cell_key for _, own in found for cell in own}
        yield Caveat("serious", {"finding": found[0][0], "count": len(keys)})


def _by_code(run: RunAnalysis, cells: Sequence[CellResult]) -> dict[str, list[tuple[Finding, list[CellResult]]]]:
    """Code -> the serious findings of that kind that touch some of ``cells``, with these."""
    serious = (one for one in run.findings if one.severity == "serious")
    return group_by(touched(serious, cells), lambda one: one[0].code)


def _doubtful(baselines: Sequence[RunAnalysis], held: Set[str]) -> Iterator[Caveat]:
    """What speaks against the figures of baselines: serious findings by kind, lost blocks, and interruptions."""
    kinds: dict[str, list[str]] = {}
    broken = []
    for run in baselines:
        cells = [cell for cell in run.cells if cell.cell_key in held]
        for code in _by_code(run, cells):
            kinds.setdefault(code, []).append(run_id(run))
        if any(cell.lost for cell in cells):
            broken.append(run_id(run))
    yield from (Caveat("serious-baselines", {"finding": code, "runs": tuple(names)}) for code, names in kinds.items())
    if broken:
        yield Caveat("lost-baselines", {"runs": tuple(broken)})
    if carried_on := tuple(run_id(run) for run in baselines if interruptions(run.record)):
        yield Caveat("interrupted-baselines", {"runs": carried_on})


def _few(cells: Sequence[ComparedCell], before: Mapping[str, Sequence[CellResult]], count: int) -> Iterator[Caveat]:
    few = sum(len(before[cell.cell.cell_key]) < LEAST_BASELINES for cell in cells)
    if few and count >= LEAST_BASELINES:
        yield Caveat("few-in-cells", {"count": few})


def _basis(cells: Sequence[ComparedCell], count: int, known: Variation | None) -> Caveat:
    if count >= LEAST_BASELINES:
        return Caveat("baselines", {"count": count})
    informed = any(one.contrast.p_value is not None for cell in cells for one in cell.differences)
    return Caveat("history", {"count": known.runs}) if known and informed else Caveat("nothing")


def usable(head: RunAnalysis, baselines: Sequence[RunAnalysis]) -> tuple[list[RunAnalysis], list[Caveat]]:
    """The baselines that say something about ``head``, the oldest first, and why the others are left out.

    Those are of another machine, with other threads, without an end or without a result.
    """
    kept, left_out = [], []
    for run in sorted(baselines, key=lambda run: str(run.record.get("created_at"))):
        if why := _unusable(head, run):
            left_out.append(why)
        else:
            kept.append(run)
    return kept, left_out


def _unusable(head: RunAnalysis, run: RunAnalysis) -> Caveat | None:
    machines = run.record.get("machine_id"), head.record.get("machine_id")
    other = other_machine(run.record, head.record)
    threads = [(one.record.get("plan") or {}).get("threads") for one in (run, head)]
    values = {"run": run_id(run)}
    if machines[0] != machines[1]:
        return Caveat("other-machine", values | {"base": machines[0], "head": machines[1]})
    if other is not None:
        return Caveat("other-hardware", values | {"mismatch": other})
    if threads[0] != threads[1]:
        return Caveat("other-threads", values | {"base": threads[0], "head": threads[1]})
    if run.end is None:
        return Caveat("unfinished-baseline", values)
    return None if run.cells else Caveat("empty-baseline", values)


def mixed(runs: Sequence[RunAnalysis]) -> Iterator[Caveat]:
    """Whether the packages, drivers or power of the baselines are not the same in all."""
    conditions: dict[str, set[str]] = {}
    for run in runs:
        for load in run.loads:
            conditions.setdefault(load.load_key, set()).add(alike(run.record, load))
    most = max((len(found) for found in conditions.values()), default=0)
    if most > 1:
        yield Caveat("mixed-baselines", {"count": most})
