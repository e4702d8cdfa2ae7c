"""What a history says in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.environment import Change
from bench.analyse.timeline import Drift, History, ReadRun, Series, Turn
from bench.metrics import METRICS
from bench.report import text
from bench.report.compare.recorded import condition, value
from bench.report.format import localized, number
from bench.report.history import words
from bench.report.language import chosen

_MOST_NAMED = 3
_MOST_CHANGES = 12


def names(history: History) -> list[str]:
    """A name for each series; model, threads and prompts are named where they tell series apart."""
    models = {one.cell.identity.model for one in history.series}
    threads = {one.cell.identity.threads for one in history.series}
    prompts = {one.cell.identity.prompts for one in history.series}
    told = {"model": len(models) > 1, "threads": len(threads) > 1, "prompts": len(prompts) > 1}
    return [_name(one, **told) for one in history.series]


def _name(one: Series, *, model: bool, threads: bool, prompts: bool) -> str:
    count = one.cell.identity.threads
    parts = [one.cell.names[chosen().code]]
    parts += [words.MODEL_NAME.format(name=one.model)] if model else []
    parts += [text.plural(count, "thread") if count else words.THREADS_LEFT] if threads else []
    parts += [words.PROMPT_SET.format(name=one.cell.identity.prompts)] if prompts else []
    return ", ".join(parts)


def day(run: ReadRun) -> str:
    """The date of a run."""
    return f"{run.created_at:%Y-%m-%d}"


def heading(history: History) -> str:
    """How much there is."""
    cells = len({one.cell.identity for one in history.series})
    if not history.runs:
        return words.NO_RUN
    first, last = day(history.runs[0]), day(history.runs[-1])
    span = (words.OF_DAY if first == last else words.FROM_TO).format(day=first, first=first, last=last)
    return words.HEADING.format(runs=text.plural(len(history.runs), "run"), span=span, cells=text.plural(cells, "cell"))


def notes(history: History) -> list[str]:
    """What has to be said before any figure."""
    found = []
    if any(one.cell.simulated for one in history.series):
        found.append(words.SIMULATED)
    if unfinished := [run.run_id for run in history.runs if not run.ended]:
        more = _more(len(unfinished) - _MOST_NAMED)
        found.append(words.UNFINISHED.format(runs=text.listed(unfinished[:_MOST_NAMED]), more=more))
    if broken := list(_lost(history)):
        more = _more(len(broken) - _MOST_NAMED)
        found.append(words.LOST.format(runs=text.listed(broken[:_MOST_NAMED]), more=more))
    if variants := sum(bool(run.variants) for run in history.runs):
        found.append(words.VARIANTS.format(runs=text.plural(variants, "A/B run")))
    if places := _new_prompts(history):
        more = _more(len(places) - _MOST_NAMED)
        found.append(words.NEW_PROMPTS.format(places=text.listed(places[:_MOST_NAMED]), more=more))
    if not history.series:
        found.append(words.NOTHING)
    return found


def _lost(history: History) -> Iterator[str]:
    """Each run with cells that were not measured in all of their blocks, and how many of them."""
    for run in history.runs:
        if cells := sum(cell.lost_blocks > 0 for cell in run.cells):
            yield words.LOST_RUN.format(run=run.run_id, cells=text.plural(cells, "cell"))


def _new_prompts(history: History) -> list[str]:
    """Each run that first asked a later set of prompts, with their lengths: series begin anew there."""
    met: set[tuple[str, int, int]] = set()
    found = []
    for run in history.runs:
        new: dict[int, list[int]] = {}
        for cell in run.cells:
            asked = cell.identity.model, cell.prompt_tokens, cell.identity.prompts
            if cell.identity.prompts > 1 and asked not in met:
                met.add(asked)
                new.setdefault(cell.identity.prompts, []).append(cell.prompt_tokens)
        for prompts, lengths in sorted(new.items()):
            shown = text.listed([number(length, 0) for length in sorted(lengths)])
            name = words.PROMPT_SET.format(name=prompts)
            found.append(words.NEW_PROMPTS_PLACE.format(run=run.run_id, day=day(run), lengths=shown, name=name))
    return found


def _more(count: int) -> str:
    return words.AND_MORE.format(count=count) if count > 0 else ""


def sentences(history: History) -> list[str]:
    """Each turn in a sentence or two, in their order, then the drifts; then what is not among them, and why not."""
    named = names(history)
    found = [*(turn_sentence(history, turn, named) for turn in history.turns), *_drifted(history, named)]
    long = sum(changed(one) is not None for one in history.series)
    if long and not found:
        series, runs = text.plural(long, "series", "series"), text.plural(len(history.runs), "run")
        found = [words.NO_CHANGE.format(series=series, runs=runs)]
    return [*found, *_too_short(history, len(history.series) - long)]


def changed(one: Series) -> bool | None:
    """Whether a series has a change point; ``None``: too few runs to look for one."""
    return bool(one.shifts) if len(one.points) >= LEAST_RUNS else None


def _too_short(history: History, short: int) -> Iterator[str]:
    if short:
        longest = max(len(one.points) for one in history.series if changed(one) is None)
        every = len(history.series)
        some = words.SOME_SERIES.format(short=number(short, 0), every=number(every, 0))
        which = words.ANY_SERIES if short == every else some
        yield words.NOT_LOOKED.format(series=which, least=LEAST_RUNS, longest=longest)


def turn_sentence(history: History, turn: Turn, named: Sequence[str]) -> str:
    """What changed at one place, and what else did there."""
    before, after = history.runs[turn.before], history.runs[turn.after]
    said: set[str] = set()
    moves = [
        words.MOVE.format(
            cells=_cells(move.metric, [named[place] for place in move.series], move.of, said),
            way=_way(slower=move.slower),
            by=_by(move.least, move.most),
        )
        for move in turn.moves
    ]
    return words.TURN.format(
        moves="; ".join(moves),
        before=before.run_id,
        before_day=day(before),
        after=after.run_id,
        after_day=day(after),
        cause=cause(turn),
    )


def _way(*, slower: bool) -> str:
    return words.WAYS["slower" if slower else "faster"]


def _cells(metric: str, which: Sequence[str], of: int, said: set[str]) -> str:
    """Which cells of a metric; a few are named, unless they are ``said`` already."""
    some = "" if len(which) > _MOST_NAMED or said.issuperset(which) else f" ({'; '.join(which)})"
    said.update(which)
    cells = text.plural(of, "cell")
    return words.CELLS_OF.format(metric=METRICS[metric].short, count=len(which), cells=cells, some=some)


def _by(least: float, most: float) -> str:
    sizes = sorted(abs(ratio - 1) for ratio in (least, most))
    texts = [size(one) for one in sizes]
    if texts[0] == texts[1]:
        return words.SHARE.format(share=texts[0])
    return words.BETWEEN.format(low=texts[0], high=texts[1])


def size(share: float) -> str:
    """A share in percent, without its sign: one decimal below ten."""
    return localized(f"{100 * share:.1f}" if 100 * share < 9.95 else f"{100 * share:,.0f}")


def cause(turn: Turn) -> str:
    """What differs where cells changed: in common and in their own venvs first, then what lies in other ones."""
    own = [change for change in turn.changes if not change.backends or set(change.backends) & set(turn.backends)]
    elsewhere = len(turn.changes) - len(own)
    other = words.ELSEWHERE.format(packages=text.plural(elsewhere, "package")) if elsewhere else ""
    if not own:
        return words.NOTHING_CHANGED.format(but=words.BUT.format(other=other) if other else "")
    shown = "; ".join(change_text(change) for change in own[:_MOST_CHANGES])
    beside = words.BESIDE.format(other=other) if other else ""
    return words.CHANGED_THERE.format(changes=shown, more=_more(len(own) - _MOST_CHANGES), beside=beside)


def change_text(change: Change) -> str:
    """E.g. ``openvino-genai 2026.3.0.0 -> 2026.4.1.0``, with its venv where that has another name."""
    what = condition(change.what)
    if change.before is None:
        said = words.ADDED.format(what=what, version=change.after)
    elif change.after is None:
        said = words.REMOVED.format(what=what, version=change.before)
    else:
        said = f"{what} {value(change.what, change.before)} -> {value(change.what, change.after)}"
    venvs = [name for name in change.backends if name != change.what]
    return said + (words.IN_VENVS.format(venvs=text.listed(venvs)) if venvs else "")


def _drifted(history: History, named: Sequence[str]) -> Iterator[str]:
    measured = Counter(one.metric for one in history.series)
    for slower in (True, False):
        groups: dict[str, list[Drift]] = {}
        for drift in history.drifts:
            if (drift.ratio > 1) is slower:
                groups.setdefault(history.series[drift.series].metric, []).append(drift)
        if not groups:
            continue
        said: set[str] = set()
        parts = []
        for metric, found in groups.items():
            which = [named[place] for place in sorted({drift.series for drift in found})]
            ratios = [drift.ratio for drift in found]
            cells = _cells(metric, which, measured[metric], said)
            parts.append(words.DRIFT.format(cells=cells, by=_by(min(ratios), max(ratios))))
        ends = [(drift.first, drift.last) for found in groups.values() for drift in found]
        first, last = (history.runs[run] for run in (min(first for first, _ in ends), max(last for _, last in ends)))
        way = _way(slower=slower)
        yield words.DRIFTED.format(way=way, first=day(first), last=day(last), parts="; ".join(parts))
