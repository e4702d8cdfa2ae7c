"""What has to be said of a run that was interrupted, and of one that was carried on afterwards."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.analyse import conditions
from bench.analyse.conditions import Interruption
from bench.plan.resume import resume_command
from bench.report.format import clean, listed, number, plural
from bench.report.language import gettext as _, mark
from bench.report.run_view import RunView

_ENDS = {
    None: mark("This run has no end: it is still going on, or it was killed. What had been measured by then is shown."),
    "interrupted": mark("This run was interrupted. What had been measured by then is shown."),
    "stopped": mark("This run was stopped before its end. What had been measured by then is shown."),
    "crashed": mark("The harness crashed during this run. What had been measured by then is shown."),
}
"""Reason in end.json -> what has to be said of it; ``None`` without such a file."""
_HOW = {
    "killed": mark("It was killed on {moment} and carried on {pause} later{where}."),
    "interrupted": mark("It was interrupted on {moment} and carried on {pause} later{where}."),
    "stopped": mark("It was stopped on {moment} and carried on {pause} later{where}."),
}
"""Why a sitting ended -> the sentence on that."""
_MOST_NAMED = 5


def interruptions(view: RunView) -> list[str]:
    """That a run did not come to its end, with what carries it on; and that it was carried on before."""
    end, found = view.analysis.end, []
    reason = None if end is None else end.get("reason")
    if view.analysis.goes_on:
        found.append(
            _(
                "An interim report: this run still goes on. The page is made anew as it does, and reloads by itself "
                "until the end of the run; until then intervals change, and configurations may change places."
            )
        )
    elif reason in _ENDS:
        command = resume_command(str(view.record.get("run_id") or ""), view.record)
        carries_on = _("To measure what is missing: {command}").format(command=command)
        found.append(f"{_(_ENDS[reason])} {carries_on}")
    if between := conditions.interruptions(view.record):
        found.append(_of_several_sittings(between))
    return found


def _of_several_sittings(found: Sequence[Interruption]) -> str:
    """When a run was interrupted and for how long, and what that means for its estimates."""
    sentences = [
        _(_HOW.get(one.reason, _HOW["interrupted"])).format(
            moment=f"{one.at:%Y-%m-%d %H:%M} UTC" if one.at else _("a day that is not known"),
            pause=_pause(one.pause_s),
            where="" if one.block is None else _(", in block {block}").format(block=number(one.block + 1, 0)),
        )
        for one in found
    ]
    sentences.append(
        _(
            "So its blocks are of {sittings}, which may differ as two runs do. An interval holds what they differed by "
            "here, and not by how much sittings differ in general; ratios are taken block by block."
        ).format(sittings=plural(len(found) + 1, "{count} sitting", "{count} sittings"))
    )
    shared = sorted({one.block + 1 for one in found if one.block is not None and one.within_block})
    if shared:
        sentences.append(
            _("The visits of block {blocks} are of two sittings, whose difference is in its ratios.").format(
                blocks=listed([number(block, 0) for block in shared])
            )
        )
    changed = [
        _("{what}: {before}, then {after}").format(what=clean(what), before=before, after=after)
        for one in found
        for what, values in one.changed.items()
        for before, after in [(_("not known") if value is None else clean(str(value)) for value in values)]
    ]
    if changed:
        sentences.append(_("Meanwhile these have changed: {changes}.").format(changes="; ".join(changed)))
    return " ".join(sentences)


def carried_on(found: Sequence[Interruption]) -> str:
    """How often a run was interrupted and for how long, e.g. ``2 interruptions (5 min, 2.1 h)``."""
    pauses = [_pause(one.pause_s) for one in found[:_MOST_NAMED]] + (["…"] if len(found) > _MOST_NAMED else [])
    times = plural(len(found), "{count} interruption", "{count} interruptions")
    return f"{times} ({', '.join(pauses)})"


def as_values(found: Sequence[Interruption]) -> list[dict[str, Any]]:
    """Interruptions for a program; blocks count from 0, as in the stored tables."""
    return [asdict(one) | {"at": one.at and one.at.isoformat()} for one in found]


def _pause(seconds: float | None) -> str:
    if seconds is None:
        return _("some time")
    if seconds < 90:
        return _("{count} s").format(count=number(seconds, 0))
    if seconds < 90 * 60:
        return _("{count} min").format(count=number(seconds / 60, 0))
    return _("{count} h").format(count=number(seconds / 3600, 1))
