"""The sentences of a history, in the language that is chosen: what the page, Markdown, the terminal and JSON share."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.conditions import Change
from bench.analyse.grouping import group_by
from bench.analyse.machine_runs import MachineRun
from bench.analyse.read_history import LeftOut, MachineHistory
from bench.analyse.results import LoadResult
from bench.analyse.timeline import Drift, History, Move, QualitySeries, QualityStep, Series, Turn
from bench.metrics import METRICS
from bench.report.compare.comparison_figures import (
    between,
    differing_options,
    short_cell_name,
    signed,
    with_options,
)
from bench.report.compare.comparison_quality import now
from bench.report.compare.recorded import condition, value
from bench.report.format import and_more, factor, few, in_brackets, interval, listed, number, percent, plural
from bench.report.language import gettext as _
from bench.report.names import name_all
from bench.report.sitting_words import carried_on

_MOST_NAMED = 3
_MOST_CHANGES = 12


def series_names(history: History) -> list[str]:
    """A name for each series; model, threads, prompts and options are named where they tell series apart."""
    identities = [one.identity for one in history.series]
    models, threads, prompts = (
        len({getattr(identity, name) for identity in identities}) > 1 for name in ("model", "threads", "prompts")
    )
    naming = cache(lambda run: name_all(history.runs[run].analysis))
    found = []
    for one in history.series:
        identity, parts = one.identity, [short_cell_name(one.cell, naming(one.points[-1].run))]
        if models:
            parts.append(_("model {name}").format(name=one.model))
        if threads and identity.threads:
            parts.append(plural(identity.threads, "{count} thread", "{count} threads"))
        elif threads:
            parts.append(_("threads left to the stack"))
        if prompts:
            parts.append(_prompt_set(identity.prompts))
        found.append(", ".join(parts))
    return _told_apart(found, [one.cell.load for one in history.series])


def _told_apart(names: Sequence[str], loads: Sequence[LoadResult]) -> list[str]:
    return list(map(with_options, names, differing_options(names, loads)))


def load_names(history: History) -> list[str]:
    """A name for the load of each series of quality."""
    names = [name_all(history.runs[one.points[-1][0]].analysis).of(one.load) for one in history.qualities]
    return _told_apart(names, [one.load for one in history.qualities])


def _prompt_set(place: int) -> str:
    return _("prompt set {number}").format(number=place)


def heading(view: MachineHistory) -> str:
    """How many runs and cells there are, and of when."""
    runs = view.history.runs
    first, last = runs[0].day, runs[-1].day
    message = _("{runs} of {first}, {cells}") if first == last else _("{runs} from {first} to {last}, {cells}")
    return message.format(runs=_runs(len(runs)), first=first, last=last, cells=_cells(view.cells))


def _runs(count: int) -> str:
    return plural(count, "{count} run", "{count} runs")


def _cells(count: int) -> str:
    return plural(count, "{count} cell", "{count} cells")


# -- what stands before any figure


def left_out_text(one: LeftOut) -> str:
    """What is left out, and why; an error follows it, in English."""
    message = {
        "unreadable": _("left out:"),
        "same run": _("left out: {folder} is the same run as {same_as}"),
        "no date": _("left out: {folder} does not say when it was measured"),
        "other machine": _("left out: {runs} of other machines, which --machine shows"),
        "other hardware": _("left out: {runs} with the same machine id, but another CPU, cores or memory"),
    }[one.code]
    return message.format(folder=one.folder, same_as=one.same_as, runs=_runs(one.runs))


def all_notes(view: MachineHistory) -> list[str]:
    """What has to be known before any figure, with what is left out."""
    return [*(f"{left_out_text(one)} {one.error}".rstrip() for one in view.left_out), *notes(view)]


def notes(view: MachineHistory) -> Iterator[str]:
    """What has to be known before any figure."""
    if view.simulated:
        yield _("simulated: no model ran for some or all of these latencies")
    runs = view.history.runs
    if unfinished := [run.run_id for run in runs if not run.ended]:
        message = _("{runs} without an end: still being written or killed; taken as far as measured")
        yield message.format(runs=few(unfinished, _MOST_NAMED))
    interrupted = [
        _("{run} ({interruptions})").format(run=run.run_id, interruptions=carried_on(run.interruptions))
        for run in runs
        if run.interruptions
    ]
    if interrupted:
        message = _("carried on after an interruption, so of several sittings, which may differ as runs do: {runs}")
        yield message.format(runs=few(interrupted, _MOST_NAMED))
    lost = [(run.run_id, sum(cell.lost_blocks > 0 for cell in run.analysis.cells)) for run in runs]
    if named := [_("{run} ({cells})").format(run=run, cells=_cells(count)) for run, count in lost if count]:
        message = _("not all blocks were measured in {runs}; these points are estimated from the other blocks")
        yield message.format(runs=few(named, _MOST_NAMED))
    if variants := sum(run.variants > 0 for run in runs):
        message = _("variants of {runs} are not part of a history; `nox -s compare` shows them")
        yield message.format(runs=plural(variants, "{count} A/B run", "{count} A/B runs"))
    if places := list(_new_prompts(runs)):
        message = _(
            "the prompts changed with {places}: cells of those prompt lengths have one series per prompt set, "
            "and prompt sets are not compared"
        )
        yield message.format(places=few(places, _MOST_NAMED))
    if not view.history.series:
        yield _("nothing was measured in these runs")


def _new_prompts(runs: Sequence[MachineRun]) -> Iterator[str]:
    """Each run that was the first to use a later prompt set, with the prompt lengths concerned."""
    known: set[tuple[str, int, int]] = set()
    for run in runs:
        new: dict[int, list[int]] = {}
        for length, prompts in run.prompt_sets.items():
            key = run.model_digest or run.model, length, prompts
            if prompts > 1 and key not in known:
                known.add(key)
                new.setdefault(prompts, []).append(length)
        for prompts, lengths in sorted(new.items()):
            yield _("{run} ({day}; {lengths} prompt tokens, {prompts})").format(
                run=run.run_id,
                day=run.day,
                lengths=listed([number(length, 0) for length in sorted(lengths)]),
                prompts=_prompt_set(prompts),
            )


# -- what changed


def sentences(view: MachineHistory) -> list[str]:
    """Each turn in a sentence or two, in their order, the drifts, the steps of quality; then what is too short."""
    history, names = view.history, series_names(view.history)
    found = [turn_sentence(history, turn, names) for turn in history.turns]
    found += [
        _slow_sentence(history, own, names)
        for slower in (True, False)
        if (own := [drift for drift in history.drifts if (drift.ratio > 1) is slower])
    ]
    latencies = bool(found)
    found += quality_sentences(history)
    too_short = [one for one in history.series if one.changed is None]
    every, short = len(history.series), len(too_short)
    if every > short and not latencies:
        message = _("No change point in {series} over {runs}.")
        looked_at = plural(every - short, "{count} series", "{count} series")
        found.append(message.format(series=looked_at, runs=_runs(len(history.runs))))
    if short:
        some = _(
            "No change point was looked for in {short} of {every} series: it takes {least} runs of a cell, and the "
            "longest of these has {longest}; measure again with `nox -s bench`."
        )
        none = _(
            "No change point was looked for in any series: it takes {least} runs of a cell, and the longest of these "
            "has {longest}; measure again with `nox -s bench`."
        )
        counts = {"short": number(short, 0), "every": number(every, 0)}
        longest = max(len(one.points) for one in too_short)
        found.append((none if short == every else some).format(**counts, least=LEAST_RUNS, longest=longest))
    return found


def hint(view: MachineHistory) -> str:
    """How to find out what caused a turn; blank without one."""
    message = _(
        "What changed there may or may not be the cause: `nox -s ab` measures both versions in one run and tells."
    )
    return message if view.history.turns else ""


def turn_sentence(history: History, turn: Turn, names: Sequence[str]) -> str:
    """What changed at one place, and what else did there."""
    before, after = history.runs[turn.before], history.runs[turn.after]
    named: set[str] = set()
    slower, faster = _("{cells} became slower by {by}"), _("{cells} became faster by {by}")
    moves = [
        (slower if move.slower else faster).format(cells=_moved(move, names, named), by=_by(move))
        for move in turn.moves
    ]
    what = _("{moves} between run {before} ({before_day}) and run {after} ({after_day}).").format(
        moves="; ".join(moves), before=before.run_id, before_day=before.day, after=after.run_id, after_day=after.day
    )
    return f"{what} {cause(turn)}"


def _moved(move: Move, names: Sequence[str], named: set[str]) -> str:
    """Which cells of a metric; a few are named, unless they are ``named`` already."""
    own = [names[place] for place in move.series]
    message = _("{metric} of {count} of {cells}")
    if len(own) <= _MOST_NAMED and not named.issuperset(own):
        message = _("{metric} of {count} of {cells} ({names})")
    named.update(own)
    metric, cells = METRICS[move.metric].short, _cells(move.of)
    return message.format(metric=metric, count=number(len(own), 0), cells=cells, names="; ".join(own))


def _by(move: Move) -> str:
    low, high = sorted(abs(ratio - 1) for ratio in (move.least, move.most))
    if share(low) == share(high):
        return share(low)
    return _("{low} to {high} %").format(low=number(100 * low, _places(low)), high=number(100 * high, _places(high)))


def share(value: float | None) -> str:
    """A share in percent: one decimal below ten."""
    return "" if value is None else percent(value, _places(value))


def _places(value: float) -> int:
    return 1 if 100 * value < 9.95 else 0


def cause(turn: Turn | QualityStep) -> str:
    """What differs where cells changed: in common and in their own venvs first, then how much in other ones."""
    own = [change for change in turn.changes if not change.backends or set(change.backends) & set(turn.venvs)]
    elsewhere = len(turn.changes) - len(own)
    packages = plural(elsewhere, "{count} package", "{count} packages")
    if not own and not elsewhere:
        return _("Nothing that is recorded changed here.")
    if not own:
        message = _(
            "Nothing that is recorded changed here but {packages} changed in venvs that these cells do not use."
        )
        return message.format(packages=packages)
    shown = "; ".join(change_text(change) for change in own[:_MOST_CHANGES])
    if len(own) > _MOST_CHANGES:
        shown = and_more(shown, len(own) - _MOST_CHANGES)
    there = _("Changed there: {changes}.").format(changes=shown)
    elsewhere_too = _("Beside that, {packages} changed in venvs that these cells do not use.").format(packages=packages)
    return f"{there} {elsewhere_too}" if elsewhere else there


def change_text(change: Change) -> str:
    """E.g. ``openvino-genai 2026.3.0.0 -> 2026.4.1.0``, with its venv where that has another name."""
    what = condition(change.what)
    if change.before is None:
        text = _("{what} {version} added").format(what=what, version=change.after)
    elif change.after is None:
        text = _("{what} {version} removed").format(what=what, version=change.before)
    else:
        text = f"{what} {value(change.what, change.before)} -> {value(change.what, change.after)}"
    venvs = [name for name in change.backends if name != change.what]
    return _("{change} (in {venvs})").format(change=text, venvs=listed(venvs)) if venvs else text


def _slow_sentence(history: History, drifts: Sequence[Drift], names: Sequence[str]) -> str:
    """All drifts of one direction, from the first run of any of them to the last, metric by metric."""
    slower, named, parts = drifts[0].ratio > 1, set[str](), []
    for metric, own in group_by(drifts, lambda one: history.series[one.series].metric).items():
        ratios, places = [one.ratio for one in own], tuple(sorted({one.series for one in own}))
        of = sum(one.metric == metric for one in history.series)
        move = Move(metric, slower, places, of, min(ratios), max(ratios))
        parts.append(_("{cells} by {by}").format(cells=_moved(move, names, named), by=_by(move)))
    message = _("Gradually faster between {first} and {last}: {moves}.")
    if slower:
        message = _("Gradually slower between {first} and {last}: {moves}.")
    first, last = min(one.first for one in drifts), max(one.last for one in drifts)
    what = message.format(first=history.runs[first].day, last=history.runs[last].day, moves="; ".join(parts))
    advice = _(
        "No single change explains a drift; look for what grows or ages (heat, dust, a filling disk, other programs)."
    )
    return f"{what} {advice}"


def quality_sentences(history: History) -> list[str]:
    """A sentence for the steps of one stack between two runs, in the order of the runs."""
    named = zip(history.qualities, load_names(history), strict=True)
    steps = [(step, name) for one, name in named for step in one.steps]
    steps.sort(key=lambda pair: (pair[0].after, pair[0].before))
    groups = group_by(steps, lambda pair: replace(pair[0], ratio=None if pair[0].ratio is None else 1.0))
    return [_quality_sentence(history, own) for own in groups.values()]


def _quality_sentence(history: History, steps: Sequence[tuple[QualityStep, str]]) -> str:
    """Of steps that have all but their ratios in common, each with the name of its load."""
    step = steps[0][0]
    before, after = history.runs[step.before], history.runs[step.after]
    message = _("Perplexity of {load}: {change} between run {before} ({before_day}) and run {after} ({after_day}).")
    if step.ratio is None:
        message = _("{load}: {change} between run {before} ({before_day}) and run {after} ({after_day}).")
    became = now(*step.verdicts)
    least, most = (signed(end([one.ratio or 1.0 for one, _name in steps])) for end in (min, max))
    change = became if step.ratio is None else least if least == most else between(least, most)
    what = message.format(
        load=few([name for _step, name in steps], _MOST_NAMED),
        change=change,
        before=before.run_id,
        before_day=before.day,
        after=after.run_id,
        after_day=after.day,
    )
    verdict = _("Verdict: {verdict}.").format(verdict=became) if step.ratio is not None and became else ""
    if step.same_artifact is not False:
        return " ".join(filter(None, (what, verdict, cause(step))))
    others = cause(step) if step.changes else ""
    return " ".join(filter(None, (what, verdict, _("The artifact is another one."), others)))


def quality_levels(one: QualitySeries) -> str:
    """The perplexity of each stretch between two steps, e.g. ``12.5 -> 13.6``, or ``12.5 -> broken`` without one."""
    starts = {step.after for step in one.steps}
    shown = [quality for place, (run, quality) in enumerate(one.points) if not place or run in starts]
    return " -> ".join(number(one.perplexity) or now(one.verdict, one.verdict) for one in shown)


def over_reference(one: QualitySeries) -> str:
    """The newest perplexity over that of the reference, with its interval; blank without a reference."""
    ratio = one.points[-1][1].ratio
    if ratio is None:
        return ""
    return factor(ratio.value) + in_brackets(interval(ratio))


def quality_verdict(one: QualitySeries) -> str:
    """The newest verdict on the load; blank where it is unknown."""
    newest = one.points[-1][1].verdict
    return now(newest, newest)


def path(one: Series) -> str:
    """The levels of a series, e.g. ``10.2 ms, at 1: 10.9 ms (+7.0 %)``; of a drift its two ends."""
    levels = [level for _low, _high, level in one.levels]
    steps = [f"{number(levels[0])} ms"]
    for turn, group in itertools.groupby(enumerate(one.shifts), key=lambda pair: pair[1].turn):
        places = [place for place, _shift in group]
        before, after = levels[places[0]], levels[places[-1] + 1]
        where = _("gradually") if turn is None else _("at {turn}").format(turn=turn + 1)
        steps.append(f"{where}: {number(after)} ms ({signed(after / before)})")
    return ", ".join(steps)
