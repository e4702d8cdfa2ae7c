"""Whether a run shows a regression against earlier ones, or between the two variants that it measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from bench.analyse.baselines import apart, mixed, usable
from bench.analyse.compare import ComparedCell, Difference, compare_variants, judge
from bench.analyse.environment import run_changes
from bench.analyse.failures import UNREACHED
from bench.analyse.findings import touches
from bench.analyse.interval import Contrast, RunSpread, against_blocks, against_runs, both, run_spread
from bench.analyse.results import CellResult, Finding, Measured, RunAnalysis
from bench.analyse.variation import Spread, Variation
from bench.metrics import COMPARED

LEAST_BASELINES = 5
"""From how many baseline runs on their own spread is used."""

_MOST_NAMED = 5

REGRESSION, NONE_SHOWN, CANNOT_TELL = "regression", "none shown", "cannot tell"


@dataclass(frozen=True, slots=True)
class Missing:
    """A cell that was measured before and is not measured now.

    Args:
        cell: as it was.
        why: what the run says about it.
    """

    cell: CellResult
    why: str


@dataclass(frozen=True, slots=True)
class LostBlocks:
    """A cell of the run in question that was not measured in all of its blocks.

    What is left may be the blocks in which nothing went wrong, so its figures cannot show that all is well.

    Args:
        cell: as that run measured it; its ``lost`` says which blocks, and why.
        side: the variant that it belongs to, ``a`` or ``b``; empty in a run without variants.
    """

    cell: CellResult
    side: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """All that is to be said of a run at the gate.

    Args:
        head: the run in question; of a run with variants, what belongs to variant ``b``.
        head_name: its id, or the variant as it was asked for.
        base_names: the ids of the runs that it is held against, or the other variant.
        paired: whether it is held against the other variant of the same run.
        threshold: half the width of what counts as the same, as a share.
        strict: whether a cell that could hide a slowdown beyond the threshold counts as untold.
        cells: what could be held against something.
        missing: measured in all baselines and not in the head.
        lost: held against something, and not measured in all of its blocks.
        new: measured in the head, and in no baseline.
        void: why no figure here counts; empty if they do.
        gaps: what keeps the gate from saying that no regression is shown.
        notes: what else has to be said.
        changes: what else differs, by name -> in the newest baseline and in the head: packages, drivers, settings.
        basis: what the intervals cover, in words.
    """

    head: RunAnalysis
    head_name: str
    base_names: tuple[str, ...]
    paired: bool
    threshold: float
    strict: bool
    cells: tuple[ComparedCell, ...]
    missing: tuple[Missing, ...]
    lost: tuple[LostBlocks, ...]
    new: tuple[CellResult, ...]
    void: tuple[str, ...]
    gaps: tuple[str, ...]
    notes: tuple[str, ...]
    changes: Mapping[str, tuple[str, str]]
    basis: str

    @property
    def outcome(self) -> str:
        """:data:`REGRESSION`, :data:`NONE_SHOWN` or :data:`CANNOT_TELL`."""
        if self.void:
            return CANNOT_TELL
        if any(one.verdict == "slower" for one in self.differences):
            return REGRESSION
        untold = self.gaps or self.missing or self.lost or (self.strict and self.hiding)
        return CANNOT_TELL if untold else NONE_SHOWN

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of all cells."""
        return tuple(one for cell in self.cells for one in cell.differences)

    @property
    def hiding(self) -> tuple[Difference, ...]:
        """Those behind which a slowdown beyond the threshold could hide."""
        return tuple(one for one in self.differences if could_hide(one, self.threshold))


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
) -> Gate:
    """Hold a run against its baselines.

    Per cell and metric the ratio of :func:`held_against`, judged as in a comparison.

    Args:
        head: the run in question.
        baselines: runs of the same model and prompts; those that do not fit otherwise are left out, with a note.
        threshold: as a share, 0.05 for 5 %.
        known: how much runs of this machine vary; used for cells with fewer than :data:`LEAST_BASELINES` baselines.
        strict: whether a cell that could hide a slowdown beyond the threshold counts as untold.
    """
    base = usable(head, baselines)
    before = _by_key(base.runs)
    cells = _held(head, before, threshold, known)
    count = len(base.runs)
    held = [cell for cell in head.cells if cell.cell_key in before]
    return Gate(
        head=head,
        head_name=str(head.record.get("run_id")),
        base_names=tuple(str(run.record.get("run_id")) for run in base.runs),
        paired=False,
        threshold=threshold,
        strict=strict,
        cells=cells,
        missing=tuple(_missing(head, before, count)),
        lost=tuple(LostBlocks(cell) for cell in held if cell.lost),
        new=tuple(cell for cell in head.cells if cell.cell_key not in before),
        void=(*base.void, *_void(head, bool(cells) or not count, "here and in a baseline")),
        gaps=tuple(_gaps(count)),
        notes=(
            *_played(head),
            *_serious("this run", head, held),
            *base.notes,
            *apart(base.runs, head),
            *mixed(base.runs),
            *_doubtful(base.runs, {cell.cell_key for cell in held}),
            *_few(cells, before, count),
        ),
        changes=run_changes(base.runs[-1], head) if base.runs else {},
        basis=_basis(cells, count, known),
    )


def gate_variants(run: RunAnalysis, threshold: float, *, strict: bool = False) -> Gate:
    """Hold variant ``b`` of a run against its variant ``a``, paired by block; no other run is needed."""
    found = compare_variants(run, threshold)
    sides = [(side, cell) for one in found.cells for side, cell in (("a", one.cell), ("b", one.other)) if cell]
    return Gate(
        head=found.head,
        head_name=found.head_name,
        base_names=(found.base_name,),
        paired=True,
        threshold=threshold,
        strict=strict,
        cells=found.cells,
        missing=tuple(Missing(cell, _reason(found.head, _same_request(found.head, cell))) for cell in found.only_base),
        lost=tuple(LostBlocks(cell, side) for side, cell in sides if cell.lost),
        new=found.only_head,
        void=tuple(_void(run, bool(found.cells), "with both variants")),
        gaps=(),
        notes=(*_played(run), *_serious("this run", run, [cell for _, cell in sides])),
        changes=found.changes,
        basis="both variants, block by block, in one run",
    )


def _by_key(runs: Sequence[RunAnalysis]) -> dict[str, list[CellResult]]:
    found: dict[str, list[CellResult]] = {}
    for run in runs:
        for cell in run.cells:
            found.setdefault(cell.cell_key, []).append(cell)
    return found


def _held(
    head: RunAnalysis, before: Mapping[str, Sequence[CellResult]], threshold: float, known: Variation | None
) -> tuple[ComparedCell, ...]:
    shared = {cell.cell_key: cell for cell in head.cells if cell.cell_key in before}
    found: dict[str, list[Difference]] = {key: [] for key in shared}
    for metric in COMPARED:
        family = {}
        for key, cell in shared.items():
            spread = known.of(cell, metric) if known else None
            if (one := _against(metric, cell, before[key], spread)) is not None:
                family[key] = one
        for key, one in judge(family, threshold).items():
            found[key].append(one)
    return tuple(ComparedCell(cell, tuple(found[key])) for key, cell in shared.items())


def _against(metric: str, cell: CellResult, before: Sequence[CellResult], known: Spread | None) -> Difference | None:
    measured: Measured | None = getattr(cell, metric)
    baselines: list[Measured] = [earlier for one in before if (earlier := getattr(one, metric)) is not None]
    if measured is None or not baselines or (contrast := held_against(measured, baselines, known)) is None:
        return None
    mean = statistics.geometric_mean([earlier.estimate.value for earlier in baselines])
    return Difference(metric, mean, measured.estimate.value, contrast, "inconclusive", "runs")


def held_against(measured: Measured, baselines: Sequence[Measured], known: Spread | None = None) -> Contrast | None:
    """How many times its baselines a run is in one metric of one cell.

    The wider of what runs vary by and what the run's own blocks allow, see :func:`bench.analyse.interval.both`.

    Args:
        measured: in the run in question.
        baselines: in the runs that it is held against, one at least.
        known: how much runs of this machine vary; used with fewer than :data:`LEAST_BASELINES` baselines.
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
            yield Missing(cells[-1], _reason(head, key))
            continue
        lost = [metric for metric in COMPARED if getattr(here[key], metric) is None]
        lost = [metric for metric in lost if all(getattr(cell, metric) is not None for cell in cells)]
        if lost:
            yield Missing(cells[-1], f"too little was measured for {', '.join(lost)}")


def _reason(head: RunAnalysis, cell_key: str) -> str:
    failure = next((one for one in head.failures if cell_key in one.cell_keys), None)
    if failure is not None:
        return f"{failure.status}: {failure.message}"
    reached = all(one.cell_key != cell_key for one in head.unreached)
    return "it was not part of the run" if reached else "the run ended before"


def _same_request(side: RunAnalysis, cell: CellResult) -> str:
    """The key of the failed cell of ``side`` that asks what ``cell`` asks of the other variant; or nothing."""
    load, request = cell.load, ((cell.prompt_tokens, cell.new_tokens, cell.batch_size), cell.ask)
    wanted = load.backend, load.device_requested, load.precision
    for failure in side.failures:
        other = failure.load
        if (other.backend, other.device_requested, other.precision) == wanted:
            for key, *asked in zip(failure.cell_keys, failure.shapes, failure.asks, strict=True):
                if tuple(asked) == request:
                    return key
    return ""


def _void(head: RunAnalysis, compared: bool, where: str) -> Iterator[str]:
    if head.end is None:
        yield f"{head.record.get('run_id')} has no end: it is still being written or was killed"
    if not head.cells:
        yield f"{head.record.get('run_id')} measured nothing"
    elif not compared:
        yield f"no cell was measured {where}"


def _played(head: RunAnalysis) -> Iterator[str]:
    if any(load.simulated for load in head.loads):
        yield "simulated: these latencies were played, no model ran"


def _serious(name: str, run: RunAnalysis, cells: Sequence[CellResult]) -> Iterator[str]:
    """A note for each kind of serious finding that touches a cell which is held against something."""
    for code, found in _touching(run, cells).items():
        count = len({cell.cell_key for cell in cells if any(touches(one, cell) for one in found)})
        which = "one of the cells" if count == 1 else f"{count} of the cells"
        yield f"SERIOUS finding in {name}, about {which}: {code}: {found[0].message}. {found[0].advice}"


def _touching(run: RunAnalysis, cells: Sequence[CellResult]) -> dict[str, list[Finding]]:
    """Code -> the serious findings of that kind that touch one of ``cells``."""
    kinds: dict[str, list[Finding]] = {}
    for one in run.findings:
        if one.severity == "serious" and any(touches(one, cell) for cell in cells):
            kinds.setdefault(one.code, []).append(one)
    return kinds


def _doubtful(baselines: Sequence[RunAnalysis], held: Set[str]) -> Iterator[str]:
    """What speaks against the figures of baselines: serious findings by kind, and lost blocks."""
    kinds: dict[str, list[str]] = {}
    broken = []
    for run in baselines:
        cells = [cell for cell in run.cells if cell.cell_key in held]
        for code in _touching(run, cells):
            kinds.setdefault(code, []).append(str(run.record.get("run_id")))
        if any(cell.lost for cell in cells):
            broken.append(str(run.record.get("run_id")))
    for code, names in kinds.items():
        yield f"SERIOUS finding in {_baselines(names)}: {code}"
    if broken:
        yield f"not all blocks were measured in {_baselines(broken)}"


def _baselines(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"baseline{'s' if len(names) > 1 else ''} {', '.join(names[:_MOST_NAMED])}{more}"


def lost_in_words(cell: CellResult) -> str:
    """Which blocks a cell lost, and why, e.g. ``crashed in 9 blocks: killed by signal 11``."""
    return "; ".join(_lost(one.status, len(one.blocks), one.message) for one in cell.lost)


def _lost(status: str, count: int, message: str) -> str:
    blocks = "one block" if count == 1 else f"{count} blocks"
    if status == UNREACHED:
        return f"not reached in {blocks}"
    if status == "invalid":
        return f"nothing counts in {blocks}: {message}"
    return f"{status} in {blocks}: {message}"


def _gaps(count: int) -> Iterator[str]:
    if 0 < count < LEAST_BASELINES:
        yield (
            f"{_runs(count)} as baseline: what varies from run to run is not sampled by fewer than "
            f"{LEAST_BASELINES}, so that no regression is shown says little"
        )


def _few(cells: Sequence[ComparedCell], before: Mapping[str, Sequence[CellResult]], count: int) -> Iterator[str]:
    few = sum(len(before[cell.cell.cell_key]) < LEAST_BASELINES for cell in cells)
    if few and count >= LEAST_BASELINES:
        yield f"{few} of the cells were measured in fewer than {LEAST_BASELINES} baselines"


def _basis(cells: Sequence[ComparedCell], count: int, known: Variation | None) -> str:
    if count >= LEAST_BASELINES:
        return f"blocks, and the variation between {count} baseline runs"
    informed = any(one.contrast.p_value is not None for cell in cells for one in cell.differences)
    if known and informed:
        return f"blocks, and the variation between {known.runs} runs of this machine"
    return "nothing: the variation from run to run is not known"


def _runs(count: int) -> str:
    return "one run" if count == 1 else f"{count} runs"
