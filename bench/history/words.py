"""What a history says in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bench.analyse.change_points import LEAST_RUNS
from bench.analyse.environment import Change
from bench.analyse.timeline import Drift, History, ReadRun, Series, Turn
from bench.compare.figures import METRICS
from bench.report.text.en import listed, plural

_MOST_NAMED = 3
_MOST_CHANGES = 12
RULE = (
    "A change point is where the level of a cell's estimates differs before and after by more than the same runs in "
    "random orders show, judged together for all cells of a metric at 5 %, with three runs at least on either side."
)
TOO_SHORT = f"Fewer than {LEAST_RUNS} runs, too few to look for a change point"
ALIKE = "What changed there may be the cause, and may not: `nox -s ab` tells, with both versions in one run."


def names(history: History) -> list[str]:
    """A name for each series; model, threads and prompts are named where they tell series apart."""
    models = {one.cell.identity.model for one in history.series}
    threads = {one.cell.identity.threads for one in history.series}
    prompts = {one.cell.identity.prompts for one in history.series}
    told = {"model": len(models) > 1, "threads": len(threads) > 1, "prompts": len(prompts) > 1}
    return [_name(one, **told) for one in history.series]


def _name(one: Series, *, model: bool, threads: bool, prompts: bool) -> str:
    count = one.cell.identity.threads
    parts = [one.cell.name]
    parts += [f"model {one.model}"] if model else []
    parts += [plural(count, "thread") if count else "threads left to the stack"] if threads else []
    parts += [f"prompt set {one.cell.identity.prompts}"] if prompts else []
    return ", ".join(parts)


def day(run: ReadRun) -> str:
    """The date of a run."""
    return f"{run.created_at:%Y-%m-%d}"


def heading(history: History) -> str:
    """How much there is."""
    cells = len({one.cell.identity for one in history.series})
    if not history.runs:
        return "no run"
    first, last = day(history.runs[0]), day(history.runs[-1])
    span = f"of {first}" if first == last else f"from {first} to {last}"
    return f"{plural(len(history.runs), 'run')} {span}, {plural(cells, 'cell')}"


def notes(history: History) -> list[str]:
    """What has to be said before any figure."""
    found = []
    if any(one.cell.simulated for one in history.series):
        found.append("simulated: some or all of these latencies were played, no model ran")
    if unfinished := [run.run_id for run in history.runs if not run.ended]:
        found.append(
            f"{listed(unfinished[:_MOST_NAMED])}{_more(len(unfinished) - _MOST_NAMED)} without an end: "
            "still being written or killed; taken as far as measured"
        )
    if variants := sum(bool(run.variants) for run in history.runs):
        found.append(f"variants of {plural(variants, 'A/B run')} are no part of a history; `nox -s compare` shows them")
    if not history.series:
        found.append("nothing was measured in these runs")
    return found


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def sentences(history: History) -> list[str]:
    """Each turn in a sentence or two, in their order, then the drifts; then what is not among them, and why not."""
    named = names(history)
    found = [*(turn_sentence(history, turn, named) for turn in history.turns), *_drifted(history, named)]
    long = sum(changed(one) is not None for one in history.series)
    if long and not found:
        found = [f"No change point in {plural(long, 'series', 'series')} over {plural(len(history.runs), 'run')}."]
    return [*found, *_too_short(history, len(history.series) - long)]


def changed(one: Series) -> bool | None:
    """Whether a series has a change point; ``None``: too few runs to look for one."""
    return bool(one.shifts) if len(one.points) >= LEAST_RUNS else None


def _too_short(history: History, short: int) -> Iterator[str]:
    if short:
        longest = max(len(one.points) for one in history.series if changed(one) is None)
        every = len(history.series)
        count = "any series" if short == every else f"{short:,} of {every:,} series"
        yield (
            f"No change point was looked for in {count}: it takes {LEAST_RUNS} runs of a cell, "
            f"and the longest of these has {longest}; measure again with `nox -s bench`."
        )


def turn_sentence(history: History, turn: Turn, named: Sequence[str]) -> str:
    """What changed at one place, and what else did there."""
    before, after = history.runs[turn.before], history.runs[turn.after]
    said: set[str] = set()
    moves = [
        f"{_cells(move.metric, [named[number] for number in move.series], move.of, said)} "
        f"became {_way(slower=move.slower)} by {_by(move.least, move.most)}"
        for move in turn.moves
    ]
    where = f"between run {before.run_id} ({day(before)}) and run {after.run_id} ({day(after)})"
    return f"{'; '.join(moves)} {where}. {cause(turn)}"


def _way(*, slower: bool) -> str:
    return "slower" if slower else "faster"


def _cells(metric: str, which: Sequence[str], of: int, said: set[str]) -> str:
    """Which cells of a metric; a few are named, unless they are ``said`` already."""
    some = "" if len(which) > _MOST_NAMED or said.issuperset(which) else f" ({'; '.join(which)})"
    said.update(which)
    return f"{METRICS[metric]} of {len(which)} of {plural(of, 'cell')}{some}"


def _by(least: float, most: float) -> str:
    sizes = sorted(abs(ratio - 1) for ratio in (least, most))
    texts = [size(one) for one in sizes]
    return f"{texts[0]} %" if texts[0] == texts[1] else f"{texts[0]} to {texts[1]} %"


def size(share: float) -> str:
    """A share in percent, without its sign: one decimal below ten."""
    return f"{100 * share:.1f}" if 100 * share < 9.95 else f"{100 * share:,.0f}"


def cause(turn: Turn) -> str:
    """What differs where cells changed: in common and in their own venvs first, then what lies in other ones."""
    own = [change for change in turn.changes if not change.backends or set(change.backends) & set(turn.backends)]
    elsewhere = len(turn.changes) - len(own)
    other = f"{plural(elsewhere, 'package')} changed in venvs that these cells do not use" if elsewhere else ""
    if not own:
        return f"Nothing that is recorded changed here{f' but {other}' if other else ''}."
    shown = "; ".join(change_text(change) for change in own[:_MOST_CHANGES])
    return f"Changed there: {shown}{_more(len(own) - _MOST_CHANGES)}.{f' Beside that, {other}.' if other else ''}"


def change_text(change: Change) -> str:
    """E.g. ``openvino-genai 2026.3.0.0 -> 2026.4.1.0``, with its venv where that has another name."""
    versions = f"{change.before} -> {change.after}"
    if change.before is None or change.after is None:
        versions = f"{change.after} added" if change.before is None else f"{change.before} removed"
    venvs = [name for name in change.backends if name != change.what]
    return f"{change.what} {versions}" + (f" (in {listed(venvs)})" if venvs else "")


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
            which = [named[number] for number in sorted({drift.series for drift in found})]
            ratios = [drift.ratio for drift in found]
            parts.append(f"{_cells(metric, which, measured[metric], said)} by {_by(min(ratios), max(ratios))}")
        ends = [(drift.first, drift.last) for found in groups.values() for drift in found]
        first, last = (history.runs[run] for run in (min(first for first, _ in ends), max(last for _, last in ends)))
        yield (
            f"Slowly {_way(slower=slower)} between {day(first)} and {day(last)}: {'; '.join(parts)}. No single change "
            "explains a drift; look for what grows or ages (heat, dust, a filling disk, other programs)."
        )
