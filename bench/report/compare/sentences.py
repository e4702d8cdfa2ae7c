"""What a comparison says in sentences: before its figures, of its verdicts, and of what they rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.analyse.compare import VERDICTS, Comparison
from bench.analyse.conditions import Mismatch
from bench.analyse.interval import CONFIDENCE
from bench.analyse.results import CellResult, RunAnalysis
from bench.analyse.side_by_side import Call, SideBySide
from bench.metrics import COMPARED, METRICS
from bench.report import finding_words, text
from bench.report.compare import words
from bench.report.compare.figures import cell_name, change, percent
from bench.report.compare.findings import BASE, Touching, serious, touching
from bench.report.compare.order import size
from bench.report.compare.recorded import condition, pair
from bench.report.names import name_all

_MOST_NAMED = 5
_LONGEST = 300


def heading(side: SideBySide) -> str:
    """Which run is compared with which."""
    return f"{headline(side)} {words.COMPARED_WITH.format(base=side.first.base_name)}"


def headline(side: SideBySide) -> str:
    """The head, or how many there are."""
    return text.plural(len(side.heads), "run") if side.several else side.first.head_name


def refusal(side: SideBySide) -> str:
    """Why these runs are compared by force alone; empty if nothing speaks against it."""
    fatal = [(place, one) for place, head in enumerate(side.heads) for one in head.mismatches if one.fatal]
    if not fatal:
        return ""
    said = "; ".join(f"{one.what} ({_pair(place, one, side)})" for place, one in fatal)
    if {one.what for _, one in fatal} == {"machine"}:
        return (
            f"{heading(side)} would tell of machines and not of software, they differ in {said}; "
            "--force does it all the same"
        )
    return f"{heading(side)} would mean nothing, they differ in {said}; --force does it all the same"


def _pair(place: int, one: Mismatch, side: SideBySide) -> str:
    where = f"in {side.heads[place].head_name}" if side.several else "here"
    base, head = pair(one)
    return f"{base} there, {head} {where}"


# -- before any figure


def notes(side: SideBySide) -> list[str]:
    """What has to be said before any figure."""
    found = list(_different(side))
    if any(one.what == "machine" for head in side.heads for one in head.mismatches):
        found.append(words.MACHINES)
    for name, run in _runs(side):
        if run.end is None:
            found.append(words.UNFINISHED.format(run=name))
        if not run.cells and side.several:
            found.append(words.EMPTY.format(run=name))
    found += _lost(side)
    if played := _played(side):
        found.append(played)
    if side.differences and all(one.contrast.p_value is None for one in side.differences):
        found.append(words.ONE_BLOCK)
    return [*found, *_serious(side)]


def _lost(side: SideBySide) -> Iterator[str]:
    """A note for each side that has a compared cell which was not measured in all of its blocks."""
    naming = name_all(side.first.base)
    for name, cells in _compared(side):
        broken = [cell for cell in cells if cell.lost]
        if broken:
            named = [
                words.LOST_CELL.format(cell=cell_name(cell, naming), lost=cell.lost_blocks)
                for cell in broken[:_MOST_NAMED]
            ]
            more = [words.TOGETHER_MORE.format(count=len(broken) - _MOST_NAMED)] if len(broken) > _MOST_NAMED else []
            yield words.LOST.format(run=name, cells="; ".join([*named, *more]))


def _compared(side: SideBySide) -> Iterator[tuple[str, list[CellResult]]]:
    """The compared cells of each side, with what the side is called in a sentence."""
    paired = side.first.paired
    yield side.first.base_name if paired else words.BASE_RUN, [row.cell for row in side.rows]
    for place, head in enumerate(side.heads):
        name = words.head_name(place, several=True) if side.several else words.HEAD_RUN
        yield head.head_name if paired else name, [cell.other for cell in head.cells if cell.other]


def _different(side: SideBySide) -> Iterator[str]:
    if not side.several:
        for one in side.first.mismatches:
            in_base, in_head = pair(one)
            yield words.DIFFERENT.format(what=condition(one.what), base=in_base, head=in_head)
        return
    for what in dict.fromkeys(one.what for head in side.heads for one in head.mismatches):
        there: dict[str, None] = {}
        here: dict[str, list[int]] = {}
        for place, head in enumerate(side.heads):
            for one in head.mismatches:
                if one.what == what:
                    in_base, in_head = pair(one)
                    there[in_base] = None
                    here.setdefault(in_head, []).append(place)
        heads = ", ".join(
            words.VALUE_IN.format(value=value, heads=words.head_names(places, several=True))
            for value, places in here.items()
        )
        yield words.DIFFERENT_HEADS.format(what=condition(what), base=words.OR_JOINED.join(there), heads=heads)


def _runs(side: SideBySide) -> Iterator[tuple[str, RunAnalysis]]:
    """Each run with what it is called in a sentence."""
    if side.first.paired:
        yield words.THE_RUN, side.first.base
        return
    yield words.BASE_RUN, side.first.base
    for place, head in enumerate(side.heads):
        yield (words.head_name(place, several=True) if side.several else words.HEAD_RUN), head.head


def _played(side: SideBySide) -> str:
    loads = [load for run in (side.first.base, *(head.head for head in side.heads)) for load in run.loads]
    if not any(load.simulated for load in loads):
        return ""
    return words.SIMULATED if all(load.simulated for load in loads) else words.PARTLY_SIMULATED


def _serious(side: SideBySide) -> Iterator[str]:
    """One note per kind of finding, however many runs it was found in."""
    kinds: dict[str, list[Touching]] = {}
    for one in serious(touching(side)):
        kinds.setdefault(one.finding.code, []).append(one)
    for found in kinds.values():
        places = list(dict.fromkeys(one.place for one in found))
        cells = {cell.cell_key for one in found for cell in one.cells}
        first = found[0].finding
        yield words.SERIOUS.format(
            run=run_names(places, side),
            what=finding_words.brief(first, _LONGEST),
            cells=text.plural(len(cells), "compared cell"),
            advice=finding_words.advice(first),
        )


def run_names(places: Sequence[int], side: SideBySide) -> str:
    """``the base``, ``the base and head 2``, ``heads 1 and 3``; ``the run`` where there is one alone."""
    if side.first.paired and BASE in places:
        return words.THE_RUN
    heads = [place for place in places if place != BASE]
    parts = [words.THE_BASE] if BASE in places else []
    parts += [words.head_names(heads, several=side.several)] if heads else []
    return text.listed(parts)


# -- what it rests on


def basis(heads: Sequence[Comparison]) -> str:
    """What the intervals of ``heads`` cover, all of which know how much runs vary, or none."""
    if heads[0].paired:
        return words.PAIRED_BASIS
    known = sorted({head.earlier for head in heads})
    if not known[0]:
        return words.BLOCKS_BASIS
    figures = [one for head in heads for one in head.differences]
    return words.RUNS_BASIS.format(
        runs=f"{known[0]}" if len(known) == 1 else words.between(str(known[0]), str(known[-1])),
        wider=sum(one.basis == "runs" for one in figures),
        figures=len(figures),
    )


def bases(side: SideBySide) -> list[str]:
    """The same of all heads, with the heads that each sentence is true of where there are two."""
    groups: dict[bool, list[int]] = {}
    for place, head in enumerate(side.heads):
        groups.setdefault(head.earlier > 0, []).append(place)
    told = {tuple(places): basis([side.heads[place] for place in places]) for places in groups.values()}
    if len(told) == 1:
        return list(told.values())
    return [
        words.BASIS_OF.format(heads=words.head_names(places, several=True).capitalize(), basis=said)
        for places, said in told.items()
    ]


def rule(side: SideBySide) -> str:
    """How verdicts come about."""
    said = words.RULE.format(threshold=percent(side.first.threshold))
    return words.NO_SAME + said if side.first.threshold == 0 else said


def adjustment(side: SideBySide) -> list[str]:
    """What the adjustment for many figures covers, and what one over all heads would leave; empty of one head."""
    if not side.several:
        return []
    chance = percent(min(1.0, round((1 - CONFIDENCE) * len(side.heads), 3)))
    covered = words.ADJUSTMENT.format(heads=len(side.heads), chance=chance)
    return [(covered + _together(side)).rstrip(), words.SHARED_BASE]


def _together(side: SideBySide) -> str:
    fallen = [call for call in side.calls if not call.together]
    if not side.calls:
        return ""
    if not fallen:
        return words.TOGETHER_ALL
    ordered = sorted(fallen, key=lambda call: -size(call.difference))
    named = [called(call, side) for call in ordered[:_MOST_NAMED]]
    more = [words.TOGETHER_MORE.format(count=len(ordered) - _MOST_NAMED)] if len(ordered) > _MOST_NAMED else []
    return words.TOGETHER_SOME.format(
        stand=len(side.calls) - len(fallen), calls=len(side.calls), fallen="; ".join([*named, *more])
    )


# -- what came out


def called(call: Call, side: SideBySide) -> str:
    """What a call is about."""
    form = words.CALL_IN if side.several else words.CALL
    return form.format(
        metric=METRICS[call.difference.metric].short,
        cell=cell_name(call.cell, name_all(side.first.base)),
        head=words.head_name(call.head, several=side.several),
    )


def counts(comparison: Comparison) -> dict[str, Counter[str]]:
    """Metric -> how many cells have which verdict."""
    return {
        metric: Counter(one.verdict for one in comparison.differences if one.metric == metric)
        for metric in COMPARED
        if any(one.metric == metric for one in comparison.differences)
    }


def summary(comparison: Comparison) -> str:
    """How many cells of one head are slower, faster, the same, or neither."""
    if not comparison.cells:
        return words.NOTHING_SHARED["paired" if comparison.paired else "runs"]
    return "; ".join(f"{METRICS[metric].short}: {_counted(found)}" for metric, found in counts(comparison).items())


def _counted(found: Counter[str]) -> str:
    return ", ".join(
        words.COUNTED.format(count=found[verdict], verdict=words.VERDICTS[verdict]) for verdict in VERDICTS
    )


def summaries(side: SideBySide) -> list[str]:
    """The same of every head."""
    if not side.several:
        return [summary(side.first)]
    return [f"{place}. {head.head_name}: {summary(head)}" for place, head in enumerate(side.heads, start=1)]


def largest(side: SideBySide) -> str:
    """The largest change that is called, or that none is; empty where nothing was compared."""
    if side.calls:
        call = max(side.calls, key=lambda call: size(call.difference))
        return words.LARGEST.format(call=called(call, side), change=change(call.difference.contrast.ratio))
    seen = [
        Call(place, row.cell, one, together=False)
        for row in side.rows
        for place, head in enumerate(row.heads)
        for one in (head.differences if head else ())
    ]
    if not seen:
        return ""
    call = max(seen, key=lambda call: size(call.difference))
    return words.LARGEST_SEEN.format(call=called(call, side), change=change(call.difference.contrast.ratio))


def said(side: SideBySide) -> str:
    """The answer in a sentence."""
    found = side.differences
    if not found:
        return words.NOTHING_COMPARED
    slower, faster = (sum(one.verdict == verdict for one in found) for verdict in ("slower", "faster"))
    cells = text.plural(len(side.rows), "cell")
    if side.several:
        cells = words.CELLS_AND_HEADS.format(cells=cells, heads=text.plural(len(side.heads), "head"))
    if not slower and not faster:
        start = words.NO_DIFFERENCE.format(cells=cells)
    else:
        figures = text.plural(len(found), "figure")
        start = words.CALLS.format(figures=figures, cells=cells, slower=slower, faster=faster)
    return f"{start}; {largest(side)}.".replace(" %", "\u00a0%")
