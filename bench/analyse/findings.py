"""What the guard wrote down, gathered: a thing found in ten blocks is one thing to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyse.results import CellResult, Finding
from bench.store.reader import StoredRun

_COLUMNS = ("code", "severity", "subject", "load_id", "cell_key", "block", "message", "advice")
_WEIGHTIEST_FIRST = ("serious", "warning", "info")
_MOST_MESSAGES = 3


def read_findings(run: StoredRun, load_rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """The findings of ``run``, the weightiest first: one per kind and per load or cell.

    Args:
        run: to read from.
        load_rows: of the table ``loads``, which say what a process had loaded.
    """
    loads = {str(row["load_id"]): str(row["load_key"]) for row in load_rows}
    groups: dict[tuple[str | None, ...], list[dict[str, Any]]] = {}
    for row in run.table("findings", columns=_COLUMNS).to_pylist():
        key = loads.get(row["load_id"], row["load_id"])
        groups.setdefault((row["code"], row["subject"], key, row["cell_key"]), []).append(row)
    found = [_finding(key[2], rows) for key, rows in groups.items()]
    return sorted(found, key=_weight)


def touches(finding: Finding, cell: CellResult) -> bool:
    """Whether a finding is about ``cell``, what it was loaded in, or the whole run."""
    if finding.cell_key is not None:
        return finding.cell_key == cell.cell_key
    return finding.load_key in (None, cell.load.load_key)


def _finding(load_key: str | None, rows: Sequence[Mapping[str, Any]]) -> Finding:
    first = min(rows, key=lambda row: _place(row["severity"]))
    return Finding(
        code=first["code"],
        severity=first["severity"],
        message=_message(rows),
        advice=first["advice"],
        subject=first["subject"],
        load_key=load_key,
        cell_key=first["cell_key"],
        blocks=tuple(sorted({row["block"] for row in rows if row["block"] is not None})),
        times=len(rows),
    )


def _message(rows: Sequence[Mapping[str, Any]]) -> str:
    """What each row says, the weightiest first, and in which block where the row is about a visit."""
    ordered = sorted(rows, key=lambda row: _place(row["severity"]))
    messages = list(dict.fromkeys(_said(row) for row in ordered))
    more = f"; and {len(messages) - _MOST_MESSAGES} more" if len(messages) > _MOST_MESSAGES else ""
    return "; ".join(messages[:_MOST_MESSAGES]) + more


def _said(row: Mapping[str, Any]) -> str:
    if row["subject"] == "load" and row["block"] is not None:
        return f"{row['message']} in block {row['block'] + 1}"
    return str(row["message"])


def _weight(finding: Finding) -> int:
    return _place(finding.severity)


def _place(severity: str) -> int:
    return _WEIGHTIEST_FIRST.index(severity) if severity in _WEIGHTIEST_FIRST else len(_WEIGHTIEST_FIRST)
