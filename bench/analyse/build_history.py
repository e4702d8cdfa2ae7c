"""From the runs of a machine to its history: series, where their levels change, and what else differs there."""

import itertools
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bench.analyse.change_points import ChangePoint, change_points
from bench.analyse.conditions import changes, recorded_at, stack_of
from bench.analyse.grouping import group_by
from bench.analyse.interval import run_spread
from bench.analyse.machine_runs import MachineRun
from bench.analyse.quality import Quality, over_texts
from bench.analyse.results import CellResult, LoadResult
from bench.analyse.run_noise import Reading
from bench.analyse.timeline import (
    Drift,
    History,
    Identity,
    Move,
    Point,
    QualitySeries,
    QualityStep,
    Series,
    Shift,
    Turn,
)
from bench.metrics import COMPARED

_Call = tuple[int, int]
"""A change point: the number of its series, and its index there."""
_Cell = tuple[int, CellResult, Identity]
"""The number of a run, and a cell of it."""


def build_history(read: Iterable[MachineRun], threshold: float, metrics: Sequence[str] = COMPARED) -> History:
    """Put runs of one machine in the order of time and find where their levels change.

    A series begins anew where the prompts of a length changed: most of those that both sides asked under the same name
    have other ids. A single one may have, where a run of other lengths had to give it another opener.
    """
    runs = tuple(_with_prompt_sets(sorted(read, key=lambda run: (run.created_at, run.run_id))))
    cells = [
        (number, cell, _identity(run, cell.cell_key, cell.load, run.prompt_sets[cell.prompt_tokens]))
        for number, run in enumerate(runs)
        for cell in run.analysis.cells
    ]
    series = [one for metric in metrics for one in _series_of(cells, metric, runs)]
    # All are judged together; those of a metric may have something in common.
    groups: dict[str, dict[str, list[Reading]]] = {}
    for number, one in enumerate(series):
        groups.setdefault(one.metric, {})[str(number)] = _readings(one)
    found = change_points(groups, threshold)
    calls = [found[one.metric][str(number)] for number, one in enumerate(series)]
    gaps = _gathered(dict(_possible_gaps(series, calls)))
    turns = {gap: number for number, gap in enumerate(sorted(set(gaps.values())))}
    shifted = tuple(
        _with_shifts(one, {call: gaps.get((number, call.index)) for call in own}, turns)
        for number, (one, own) in enumerate(zip(series, calls, strict=True))
    )
    return History(
        runs=runs,
        series=shifted,
        turns=tuple(_turn(number, runs, shifted) for number in turns.values()),
        drifts=tuple(drift for number, one in enumerate(shifted) for drift in _drifts(number, one)),
        threshold=threshold,
        qualities=tuple(_quality_series(runs)),
    )


def _with_prompt_sets(runs: Iterable[MachineRun]) -> Iterator[MachineRun]:
    """The runs in order, each with the numbers of its prompt sets."""
    sets: dict[tuple[str, int], list[dict[str, str]]] = {}
    for run in runs:
        lengths = dict.fromkeys(cell.prompt_tokens for cell in run.analysis.cells)
        known = {length: sets.setdefault((_model(run), length), []) for length in lengths}
        yield replace(
            run, prompt_sets={one: _prompt_set(known[one], run.analysis.prompts.get(one, {})) for one in lengths}
        )


def _prompt_set(known: list[dict[str, str]], asked: Mapping[str, str]) -> int:
    """The number of the set that ``asked`` belongs to, from 1; a new one is added to ``known``."""

    def mostly_alike(one: Mapping[str, str]) -> bool:
        shared = one.keys() & asked.keys()
        return 2 * sum(one[name] == asked[name] for name in shared) > len(shared)

    place = next((place for place, one in enumerate(known) if mostly_alike(one)), None)
    if place is None:
        # A run that shares no name with the newest set cannot be distinguished from it.
        if not known or known[-1].keys() & asked.keys():
            known.append({})
        place = len(known) - 1
    known[place] = {**asked, **known[place]}
    return place + 1


def _model(run: MachineRun) -> str:
    return run.model_digest or run.model


def _identity(run: MachineRun, key: str, load: LoadResult, prompts: int = 1) -> Identity:
    return Identity(key, _model(run), recorded_at(run.analysis.record, "plan", "threads"), load.ran_on, prompts)


def _series_of(cells: Sequence[_Cell], metric: str, runs: Sequence[MachineRun]) -> Iterator[Series]:
    measured = [(number, cell, found, one) for number, cell, one in cells if (found := getattr(cell, metric))]
    for identity, group in group_by(measured, lambda one: one[-1]).items():
        newest, cell, *_ = group[-1]
        spreads = (run_spread(list(found.by_block.values())) for _, _, found, _ in group)
        points = tuple(
            Point(number, found.estimate, spread.variance if spread else None)
            for (number, _, found, _), spread in zip(group, spreads, strict=True)
        )
        yield Series(identity, cell, runs[newest].model, metric, points)


def _readings(one: Series) -> list[Reading]:
    """The logarithms of a series' estimates, each with the variance that its number of blocks leaves it.

    What varies from block to block is taken to be the same in all runs of a series: three blocks say little about it.
    """
    known = [(point.estimate.blocks - 1, point.variance) for point in one.points if point.variance is not None]
    freedom = sum(count for count, _ in known)
    variance = math.fsum(count * found for count, found in known) / freedom if freedom else 0.0
    return [
        Reading(point.run, math.log(point.estimate.value), variance / max(1, point.estimate.blocks))
        for point in one.points
    ]


# -- steps that lie close together are one turn


def _possible_gaps(
    series: Sequence[Series], calls: Sequence[Sequence[ChangePoint]]
) -> Iterator[tuple[_Call, tuple[set[int], set[int]]]]:
    """Each step with the gaps that it lies at, and those that it may lie at. Gap g is just before run g.

    A cell that some runs left out may have changed at any gap between two of its own.
    """
    for number, (one, found) in enumerate(zip(series, calls, strict=True)):
        bounds = [0, *(call.index for call in found), len(one.points)]
        for place, call in enumerate(found, start=1):
            if not call.gradual:
                # Halfway to its neighbours at most, so that two never change places.
                low, high = (bounds[place - 1] + call.index) / 2, (call.index + bounds[place + 1]) / 2
                near = [index for index in call.around if low < index < high]
                yield (number, call.index), (_gaps(one, [call.index]), _gaps(one, near))


def _gaps(one: Series, indices: Iterable[int]) -> set[int]:
    return {gap for index in indices for gap in range(one.points[index - 1].run + 1, one.points[index].run + 1)}


def _gathered(possible: Mapping[_Call, tuple[set[int], set[int]]]) -> dict[_Call, int]:
    """One gap for each step, as few different ones as can be: again and again the one that most steps may lie at."""
    left = dict(possible)
    chosen: dict[_Call, int] = {}
    while left:
        exact = Counter(gap for own, _ in left.values() for gap in own)
        near = Counter(gap for _, around in left.values() for gap in around)
        best = max(near, key=lambda gap: (near[gap], exact[gap], -gap))
        there = [call for call, (_, around) in left.items() if best in around]
        chosen |= dict.fromkeys(there, best)
        left = {call: gaps for call, gaps in left.items() if call not in chosen}
    return chosen


def _with_shifts(one: Series, calls: Mapping[ChangePoint, int | None], turns: Mapping[int, int]) -> Series:
    """The series with its shifts, each at the gap it was gathered to, and its ratio as it is there."""
    runs = [point.run for point in one.points]
    shifts = [
        Shift(call.index, call.ratio, call.p_value, None)
        if gap is None
        else Shift(bisect_left(runs, gap), call.ratio, call.p_value, turns[gap])
        for call, gap in calls.items()
    ]
    levels = [level for *_, level in replace(one, shifts=tuple(shifts)).levels]
    ratios = (after / before for before, after in itertools.pairwise(levels))
    return replace(one, shifts=tuple(replace(shift, ratio=ratio) for shift, ratio in zip(shifts, ratios, strict=True)))


def _drifts(number: int, one: Series) -> Iterator[Drift]:
    levels = one.levels
    for (drifts, _), group in itertools.groupby(
        range(len(one.shifts)), key=lambda at: (one.shifts[at].turn is None, one.shifts[at].ratio > 1)
    ):
        places = list(group)
        if drifts:
            first, _, start_ms = levels[places[0]]
            _, last, end_ms = levels[places[-1] + 1]
            yield Drift(number, one.points[first].run, one.points[last - 1].run, end_ms / start_ms)


# -- what changed at one place


def _turn(number: int, runs: Sequence[MachineRun], series: Sequence[Series]) -> Turn:
    there = {place: shift for place, one in enumerate(series) for shift in one.shifts if shift.turn == number}
    sides = {
        (series[place].points[shift.index - 1].run, series[place].points[shift.index].run)
        for place, shift in there.items()
    }
    before, after = max(low for low, _ in sides), min(high for _, high in sides)
    spanning = Counter(one.metric for one in series if one.points[0].run <= before and one.points[-1].run >= after)
    groups = group_by(there, lambda place: (series[place].metric, there[place].ratio > 1))
    moves = tuple(
        Move(
            metric,
            slower,
            tuple(places),
            spanning[metric],
            min(there[place].ratio for place in places),
            max(there[place].ratio for place in places),
        )
        for (metric, slower), places in groups.items()
    )
    loads = [series[place].cell.load for place in there]
    differing = (change for low, high in sorted(sides) for change in changes(runs[low].facts, runs[high].facts))
    return Turn(before, after, moves, tuple(sorted({*map(stack_of, loads)})), tuple(dict.fromkeys(differing)))


ROUNDING = 1e-3
"""How far perplexities of the same artifact and stack may differ, as a share: sums in another order, on a GPU."""

_Point = tuple[int, LoadResult, Quality]


def _quality_series(runs: Sequence[MachineRun]) -> Iterator[QualitySeries]:
    """A series for each load that was scored, or found broken; those of variants are not part of a history.

    Perplexities of fixed texts do not vary from run to run as latencies do, so that no change point has to be looked
    for: every step beyond :data:`ROUNDING` is one.
    """
    known = [
        (number, load, load.quality)
        for number, run in enumerate(runs)
        for load in run.analysis.loads
        if load.quality and not load.variant and (load.quality.by_text or load.quality.verdict == "broken")
    ]
    for identity, own in group_by(known, lambda one: _identity(runs[one[0]], one[1].load_key, one[1])).items():
        newest, load, _ = own[-1]
        yield QualitySeries(
            identity,
            load,
            model=runs[newest].model,
            points=tuple((place, quality) for place, _, quality in own),
            steps=tuple(step for pair in itertools.pairwise(own) for step in _steps(runs, *pair)),
        )


def _steps(runs: Sequence[MachineRun], before: _Point, after: _Point) -> Iterator[QualityStep]:
    (low, old, there), (high, new, here) = before, after
    found = over_texts(here.log_probs, there.log_probs)
    ratio = found.contrast.ratio.value if found else None
    digests = old.artifact_digest, new.artifact_digest
    mended_or_broke = (there.verdict == "broken") != (here.verdict == "broken")
    if mended_or_broke or (ratio is not None and abs(math.log(ratio)) > ROUNDING):
        yield QualityStep(
            before=low,
            after=high,
            ratio=ratio,
            verdicts=(there.verdict, here.verdict),
            same_artifact=None if None in digests else digests[0] == digests[1],
            venvs=(stack_of(new),),
            changes=changes(runs[low].facts, runs[high].facts),
        )
