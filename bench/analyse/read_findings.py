"""What the guard wrote down, gathered: a thing found in ten blocks is one thing to read."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from bench.analyse.grouping import group_by
from bench.analyse.results import AskedCell, Finding, Occurrence
from bench.findings import MESSAGES, SEVERITIES, Fill, message
from bench.store.reader import StoredRun

_COLUMNS = (
    *("code", "severity", "subject", "load_id", "cell_key", "block"),
    *("message", "advice", "message_keys", "message_values"),
)
_MOST_MESSAGES = 3

AnyCell = TypeVar("AnyCell", bound=AskedCell)


def read_findings(run: StoredRun, load_rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The findings of ``run``, the most severe first: one per kind and per load or cell."""
    loads = {str(row["load_id"]): str(row["load_key"]) for row in load_rows}
    rows = run.table("findings", columns=_COLUMNS).to_pylist()
    groups = group_by(
        rows, lambda row: (row["code"], row["subject"], loads.get(row["load_id"], row["load_id"]), row["cell_key"])
    )
    found = [_finding(load_key, group) for (_, _, load_key, _), group in groups.items()]
    return sorted(found, key=lambda finding: _place(finding.severity))


def touched(findings: Iterable[Finding], cells: Iterable[AnyCell]) -> Iterator[tuple[Finding, list[AnyCell]]]:
    """Each finding about some of ``cells``, what they were loaded in, or the whole run, with these cells."""
    about: dict[str | None, list[AnyCell]] = {None: list(cells)}
    about.update(group_by(about[None], lambda cell: cell.load.load_key))
    about.update(group_by(about[None], lambda cell: cell.cell_key))
    for finding in findings:
        if own := about.get(finding.about):
            yield finding, own


def seen_of(findings: Iterable[Finding], cells: Iterable[AnyCell]) -> dict[str, list[Finding]]:
    """Cell key -> what was seen of that cell or its load; what is about the whole run is left out."""
    found: dict[str, list[Finding]] = {}
    for finding, own in touched((one for one in findings if one.about is not None), cells):
        for cell in own:
            found.setdefault(cell.cell_key, []).append(finding)
    return found


def describe(occurrences: Sequence[Occurrence], fill: Fill = str.format) -> str:
    """What was seen, and in which block."""
    messages = list(dict.fromkeys(_message(one, fill) for one in occurrences))
    shown = "; ".join(messages[:_MOST_MESSAGES])
    more = len(messages) - _MOST_MESSAGES
    return fill(MESSAGES["more"], messages=shown, count=more) if more > 0 else shown


def _message(one: Occurrence, fill: Fill) -> str:
    text = message(one.keys, one.values, fill) if one.keys else one.stored
    return text if one.block is None else fill(MESSAGES["in-block"], message=text, block=one.block + 1)


def _finding(load_key: str | None, rows: Sequence[Mapping[str, Any]]) -> Finding:
    ordered = sorted(rows, key=lambda row: _place(row["severity"]))
    first = ordered[0]
    occurrences = tuple(map(_occurrence, ordered))
    return Finding(
        code=first["code"],
        severity=first["severity"],
        message=describe(occurrences),
        advice=first["advice"],
        subject=first["subject"],
        load_key=load_key,
        cell_key=first["cell_key"],
        blocks=tuple(sorted({row["block"] for row in rows if row["block"] is not None})),
        times=len(rows),
        occurrences=occurrences,
    )


def _occurrence(row: Mapping[str, Any]) -> Occurrence:
    keys = tuple(row["message_keys"] or ())
    return Occurrence(
        stored=row["message"],
        keys=keys if set(keys) <= set(MESSAGES) else (),
        values=json.loads(row["message_values"] or "{}"),
        block=row["block"] if row["subject"] == "load" else None,
    )


def _place(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
