"""A history as lines for a terminal, as Markdown, and as JSON for a program."""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bench.analyse.timeline import History, Series
from bench.metrics import METRICS
from bench.report.about import about_fields
from bench.report.compare.figures import signed
from bench.report.exports.summary_json import cleaned
from bench.report.exports.summary_markdown import escape
from bench.report.format import clean, interval, number, plain
from bench.report.history import words
from bench.report.history.runs import LeftOut
from bench.report.history.sentences import heading, names, notes, sentences, size
from bench.report.language import ENGLISH, in_each, speaking
from bench.report.text.en import listed

HISTORY_VERSION = 1

_COLUMNS = 100
_MOST_IN_TERMINAL = 40
_MOST_ROWS = 300


def lines(history: History, machine: str, left_out: Sequence[LeftOut]) -> list[str]:
    """For a terminal of any encoding, in English.

    Args:
        history: of one machine.
        machine: its id.
        left_out: what is not part of it, and why.
    """
    with speaking(ENGLISH.code):
        return list(_lines(history, machine, left_out))


def _lines(history: History, machine: str, left_out: Sequence[LeftOut]) -> Iterator[str]:
    yield from _wrapped(f"history of machine {machine}: {heading(history)}")
    for note in _before(history, left_out):
        yield from _wrapped(note)
    yield ""
    for place, sentence in enumerate(sentences(history), start=1):
        yield from _wrapped(f"{place}. {sentence}")
    if history.turns:
        yield from _wrapped(words.ALIKE)
    changed = [(one, name) for one, name in zip(history.series, names(history), strict=True) if one.shifts]
    if changed:
        yield ""
    yield from (_wrapped_line(one, name) for one, name in changed[:_MOST_IN_TERMINAL])
    if len(changed) > _MOST_IN_TERMINAL:
        yield f"... and {len(changed) - _MOST_IN_TERMINAL} more series that changed, in history.html"


def _before(history: History, left_out: Sequence[LeftOut]) -> list[str]:
    """What has to be said before any figure."""
    return [*(one.sentence for one in left_out), *notes(history)]


def _wrapped(text: str) -> list[str]:
    # A percent sign stays with its number.
    held = plain(text).replace(" %", "\u00a0%")
    wrapped = textwrap.wrap(held, _COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in wrapped]


def _wrapped_line(one: Series, name: str) -> str:
    return plain(f"{METRICS[one.metric].short:<8} {name}: {path(one)}")


def path(one: Series) -> str:
    """The levels of a series, e.g. ``10.2 ms, at 1: 10.9 ms (+7.0 %)``; a drift has no number, and its ends only."""
    levels = [level for _, _, level in one.levels]
    steps = [f"{number(levels[0])} ms"]
    for turn, group in itertools.groupby(enumerate(one.shifts), key=lambda pair: pair[1].turn):
        places = [place for place, _ in group]
        before, after = levels[places[0]], levels[places[-1] + 1]
        where = words.SLOWLY if turn is None else words.AT_TURN.format(turn=turn + 1)
        steps.append(f"{where}: {number(after)} ms ({signed(after / before)})")
    return ", ".join(steps)


def markdown(history: History, machine: str, left_out: Sequence[LeftOut]) -> str:
    """For a step summary or a page of notes."""
    parts = [f"## {words.MARKDOWN_TITLE.format(id=escape(machine))}", "", escape(heading(history)), ""]
    parts += [f"> **{escape(note)}**\n" for note in _before(history, left_out)]
    parts += [f"{place}. {escape(sentence)}" for place, sentence in enumerate(sentences(history), start=1)]
    parts += ["", *([escape(words.ALIKE), ""] if history.turns else [])]
    if history.series:
        parts += [f"| {' | '.join(words.MARKDOWN_HEADS)} |", "|---|---|--:|---|---|--:|"]
    ordered = sorted(zip(history.series, names(history), strict=True), key=lambda pair: not pair[0].shifts)
    parts += [_row(one, name) for one, name in ordered[:_MOST_ROWS]]
    if len(ordered) > _MOST_ROWS:
        parts += ["", words.MORE_ROWS.format(count=len(ordered) - _MOST_ROWS)]
    return "\n".join([*parts, "", words.RULE, ""])


def _row(one: Series, name: str) -> str:
    newest = one.points[-1].estimate
    ends = interval(newest)
    cells = (
        METRICS[one.metric].short,
        escape(name),
        str(len(one.points)),
        path(one),
        number(newest.value) + (f" ({ends})" if ends else ""),
        "" if one.scatter is None else words.SHARE.format(share=size(one.scatter)),
    )
    return f"| {' | '.join(cells)} |"


@speaking(ENGLISH.code)
def as_json(history: History, machine: str, left_out: Sequence[LeftOut], cpu: str | None = None) -> str:
    """For a program, in English; a shift's ``turn`` is a place in ``turns``, runs go by ids; ``cpu`` is a name."""
    ids = [clean(run.run_id) for run in history.runs]
    value = {
        "history_version": HISTORY_VERSION,
        "about": cleaned(_about(history, machine, cpu)),
        "machine_id": clean(machine),
        "threshold": history.threshold,
        "notes": [clean(note) for note in _before(history, left_out)],
        "answer": [clean(sentence) for sentence in sentences(history)],
        "runs": [
            {"run_id": run_id, "created_at": run.created_at.isoformat(), "ended": run.ended, "model": clean(run.model)}
            for run_id, run in zip(ids, history.runs, strict=True)
        ],
        "turns": [
            {
                "before": ids[turn.before],
                "after": ids[turn.after],
                "moves": [asdict(move) for move in turn.moves],
                "changes": [cleaned(asdict(change)) for change in turn.changes],
            }
            for turn in history.turns
        ],
        "drifts": [
            {"series": drift.series, "first": ids[drift.first], "last": ids[drift.last], "ratio": drift.ratio}
            for drift in history.drifts
        ],
        "series": [_series(one, name, ids) for one, name in zip(history.series, names(history), strict=True)],
    }
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _about(history: History, machine: str, cpu: str | None) -> dict[str, Any]:
    return about_fields(
        created_at=history.runs[-1].created_at.isoformat() if history.runs else None,
        machine=cpu,
        machine_id=machine,
        model=listed(list(dict.fromkeys(run.model for run in history.runs))) if history.runs else None,
        synthetic_model=False,
        backends=[one.cell.backend for one in history.series],
        simulated=[one.cell.simulated for one in history.series],
        cells=len({one.cell.identity for one in history.series}),
        headlines=in_each(lambda: [*sentences(history), *notes(history), heading(history)][0]),
        serious=[],
        ended=all(run.ended for run in history.runs),
    )


def _series(one: Series, name: str, ids: Sequence[str]) -> dict[str, Any]:
    identity = one.cell.identity
    return {
        "cell_key": clean(identity.cell_key),
        "name": clean(name),
        "simulated": one.cell.simulated,
        "model": clean(one.model),
        "model_digest": clean(identity.model),
        "threads": identity.threads,
        "prompt_set": identity.prompts,
        "metric": one.metric,
        "levels_ms": [level for _, _, level in one.levels],
        "scatter": one.scatter,
        "shifts": [
            {
                "after": ids[one.points[shift.index].run],
                "ratio": shift.ratio,
                "p_value": shift.p_value,
                "turn": shift.turn,
            }
            for shift in one.shifts
        ],
        "points": [
            {
                "run_id": ids[point.run],
                "value_ms": point.estimate.value,
                "low_ms": point.estimate.low,
                "high_ms": point.estimate.high,
                "blocks": point.estimate.blocks,
            }
            for point in one.points
        ],
    }
