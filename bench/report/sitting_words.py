"""What has to be said of a run that was interrupted, and of one that was carried on afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from bench.plan.resume import resume_command
from bench.report.format import clean, listed, number, plural
from bench.report.language import gettext as _
from bench.report.language import mark
from bench.report.run_view import RunView
from bench.store.reader import as_utc

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


def interruptions(view: RunView) -> list[str]:
    """That a run did not come to its end, with what carries it on; and that it was carried on before."""
    end, found = view.analysis.end, []
    reason = None if end is None else end.get("reason")
    if view.analysis.goes_on:
        found.append(
            _(
                "An interim report: this run still goes on. The page is made anew as it does, and reloads by itself until the "
                "end of the run; until then intervals change, and configurations may change places."
            )
        )
    elif reason in _ENDS:
        command = resume_command(str(view.record.get("run_id") or ""), view.record)
        carries_on = _("To measure what is missing: {command}").format(command=command)
        found.append(f"{_(_ENDS[reason])} {carries_on}")
    if len(_sittings(view)) > 1:
        found.append(_of_several_sittings(_sittings(view)))
    return found


def _sittings(view: RunView) -> list[Mapping[str, Any]]:
    found = view.record.get("sittings")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _of_several_sittings(found: Sequence[Mapping[str, Any]]) -> str:
    """When a run was interrupted and for how long, and what that means for its estimates."""
    sentences = [_interruption(before, after) for before, after in pairwise(found)]
    count = plural(len(found), "{count} sitting", "{count} sittings")
    sentences.append(
        _(
            "So its blocks are of {sittings}, which may differ as two runs do. An interval holds what they differed by "
            "here, and not by how much sittings differ in general; ratios are taken block by block."
        ).format(sittings=count)
    )
    shared = sorted({block + 1 for one in found[1:] if one.get("position") and (block := _block(one)) is not None})
    if shared:
        sentences.append(
            _("The visits of block {blocks} are of two sittings, whose difference is in its ratios.").format(
                blocks=listed([number(block, 0) for block in shared])
            )
        )
    changed = [
        _("{what}: {before}, then {after}").format(what=clean(str(what)), before=_value(before), after=_value(after))
        for one in found[1:]
        for what, (before, after) in _changes(one).items()
    ]
    if changed:
        sentences.append(_("Meanwhile these have changed: {changes}.").format(changes="; ".join(changed)))
    return " ".join(sentences)


def _interruption(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    ended, began = as_utc(before.get("ended_at")), as_utc(after.get("began_at"))
    block = _block(after)
    return _(_HOW.get(str(before.get("reason")), _HOW["interrupted"])).format(
        moment=_moment(ended),
        pause=_pause(began - ended) if began and ended else _("some time"),
        where="" if block is None else _(", in block {block}").format(block=number(block + 1, 0)),
    )


def _block(sitting: Mapping[str, Any]) -> int | None:
    block = sitting.get("block")
    return block if isinstance(block, int) else None


def _changes(sitting: Mapping[str, Any]) -> dict[str, list[Any]]:
    changed = sitting.get("changed")
    items = changed.items() if isinstance(changed, Mapping) else ()
    return {what: values for what, values in items if isinstance(values, list) and len(values) == 2}


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else _("a day that is not known")


def _pause(pause: timedelta) -> str:
    seconds = max(0.0, pause.total_seconds())
    if seconds < 90:
        return _("{count} s").format(count=number(seconds, 0))
    if seconds < 90 * 60:
        return _("{count} min").format(count=number(seconds / 60, 0))
    return _("{count} h").format(count=number(seconds / 3600, 1))


def _value(value: Any) -> str:
    return _("not known") if value is None else clean(str(value))
