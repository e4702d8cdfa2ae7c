"""A history as lines for a terminal, as Markdown, and as JSON for a program."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.analyse.read_history import MachineHistory
from bench.analyse.timeline import QualitySeries, Series
from bench.metrics import METRICS
from bench.report.exports.fields import attributes, json_text, with_ends
from bench.report.format import clean, listed, plain
from bench.report.history import history_text
from bench.report.history.history_text import all_notes, heading, hint, load_names, notes, path, sentences, series_names
from bench.report.index import MOST_HEADLINE, about_fields
from bench.report.language import ENGLISH, in_each, speaking
from bench.report.sitting_words import as_values
from bench.report.template import render_markdown

HISTORY_VERSION = 3

_COLUMNS = 100
_MOST_IN_TERMINAL = 40


@speaking(ENGLISH.code)
def lines(view: MachineHistory) -> list[str]:
    """For a terminal of any encoding, in English."""
    text = [f"history of machine {view.machine_id}: {heading(view)}", *all_notes(view), ""]
    text += [f"{place}. {sentence}" for place, sentence in enumerate(sentences(view), start=1)]
    text += filter(None, [hint(view)])
    found = [line for one in text for line in _wrapped(one)]
    named = zip(view.history.series, series_names(view.history), strict=True)
    changed = [plain(f"{METRICS[one.metric].short:<8} {name}: {path(one)}") for one, name in named if one.shifts]
    if changed:
        found += ["", *changed[:_MOST_IN_TERMINAL]]
    if len(changed) > _MOST_IN_TERMINAL:
        found.append(f"... and {len(changed) - _MOST_IN_TERMINAL} more series that changed, in history.html")
    return found


def _wrapped(text: str) -> list[str]:
    # A percent sign stays with its number.
    unbroken = plain(text).replace(" %", "\u00a0%")
    wrapped = textwrap.wrap(unbroken, _COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in wrapped] or [""]


def markdown(view: MachineHistory) -> str:
    """For a step summary or a page of notes; what changed comes first in its tables."""
    named = zip(view.history.series, series_names(view.history), strict=True)
    qualities = zip(view.history.qualities, load_names(view.history), strict=True)
    return render_markdown(
        "history",
        view=view,
        say=history_text,
        series=sorted(named, key=lambda pair: not pair[0].shifts),
        qualities=sorted(qualities, key=lambda pair: not pair[0].steps),
    )


@speaking(ENGLISH.code)
def as_json(view: MachineHistory) -> str:
    """For a program, in English. A shift's ``turn`` is a place in ``turns``; runs are named by their ids."""
    history = view.history
    ids = [clean(run.run_id) for run in history.runs]
    value = {
        "history_version": HISTORY_VERSION,
        "about": _about(view),
        "machine_id": view.machine_id,
        "threshold": history.threshold,
        "notes": all_notes(view),
        "answer": sentences(view),
        "runs": [
            {
                "run_id": run.run_id,
                "created_at": run.created_at.isoformat(),
                "ended": run.ended,
                "model": run.model,
                "interruptions": as_values(run.interruptions),
            }
            for run in history.runs
        ],
        "turns": [
            {
                "before": ids[turn.before],
                "after": ids[turn.after],
                "moves": [asdict(move) for move in turn.moves],
                "changes": [asdict(change) for change in turn.changes],
            }
            for turn in history.turns
        ],
        "drifts": [asdict(drift) | {"first": ids[drift.first], "last": ids[drift.last]} for drift in history.drifts],
        "quality": [_quality(*named, ids) for named in zip(history.qualities, load_names(history), strict=True)],
        "series": [_series(one, name, ids) for one, name in zip(history.series, series_names(history), strict=True)],
    }
    return json_text(value)


def _about(view: MachineHistory) -> dict[str, Any]:
    history = view.history
    return about_fields(
        created_at=history.runs[-1].created_at.isoformat(),
        machine=view.machine,
        machine_id=view.machine_id,
        model=listed(list(dict.fromkeys(run.model for run in history.runs))),
        synthetic_model=False,
        backends=[one.cell.load.backend for one in history.series],
        simulated=[one.cell.load.simulated for one in history.series],
        cells=view.cells,
        headlines=in_each(
            lambda: textwrap.shorten([*sentences(view), *notes(view)][0], MOST_HEADLINE, placeholder=" …")
        ),
        serious=[],
        ended=all(run.ended for run in history.runs),
    )


def _series(one: Series, name: str, ids: Sequence[str]) -> dict[str, Any]:
    identity = one.identity
    return {
        "cell_key": identity.cell_key,
        "name": name,
        "simulated": one.cell.load.simulated,
        "model": one.model,
        "model_digest": identity.model,
        "threads": identity.threads,
        "prompt_set": identity.prompts,
        "metric": one.metric,
        "levels_ms": [level for *_, level in one.levels],
        "scatter": one.scatter,
        "shifts": [
            {"after": ids[one.points[shift.index].run], **attributes(shift, "ratio", "p_value", "turn")}
            for shift in one.shifts
        ],
        "points": [
            {
                "run_id": ids[point.run],
                **{f"{end}_ms": getattr(point.estimate, end) for end in ("value", "low", "high")},
                "blocks": point.estimate.blocks,
            }
            for point in one.points
        ],
    }


def _quality(one: QualitySeries, name: str, ids: Sequence[str]) -> dict[str, Any]:
    identity = one.identity
    return {
        "load_key": identity.cell_key,
        "name": name,
        "model": one.model,
        "model_digest": identity.model,
        "threads": identity.threads,
        "steps": [
            {
                "before": ids[step.before],
                "after": ids[step.after],
                **attributes(step, "ratio", "verdicts", "same_artifact"),
                "changes": [asdict(change) for change in step.changes],
            }
            for step in one.steps
        ],
        "points": [
            {
                "run_id": ids[run],
                "perplexity": quality.perplexity,
                **with_ends("perplexity_ratio{}", quality.ratio),
                "verdict": quality.verdict,
            }
            for run, quality in one.points
        ],
    }
