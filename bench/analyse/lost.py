"""Blocks in which a cell was to be measured and failed, or gave nothing that counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow.compute as pc

from bench.analyse.results import Lost
from bench.store.reader import StoredRun

UNREACHED = "unreached"
_MOST_BLOCKS = 100_000
"""A plan may be edited; no run is longer."""


def lost_blocks(run: StoredRun, counted: Mapping[str, Collection[int]]) -> dict[str, tuple[Lost, ...]]:
    """The lost blocks of each cell that has some, one :class:`Lost` per reason.

    A block in which a generation failed is lost even where an earlier generation of it counts.

    Args:
        run: to read from.
        counted: key of a measured cell -> the blocks with a generation that counts.

    Raises:
        StoreError: a file of the run cannot be read.
    """
    planned = range(_planned_blocks(run))
    bad = _bad_rows(run)
    found = {}
    for key, blocks in counted.items():
        rows = bad.get(key, {})
        lost = {block: reason for block, reason in rows.items() if reason[0] != "invalid" or block not in blocks}
        lost |= {block: (UNREACHED, "") for block in planned if block not in blocks and block not in lost}
        if lost:
            found[key] = _by_reason(lost)
    return found


def _planned_blocks(run: StoredRun) -> int:
    """How many blocks each cell was to be measured in; 0 where a run was free to leave cells out."""
    plan = run.record.get("plan") or {}
    finished = run.end is not None and run.end.get("reason") == "finished"
    if finished and plan.get("interval_target") is not None:
        return 0
    blocks = plan.get("blocks")
    return min(blocks, _MOST_BLOCKS) if isinstance(blocks, int) else 0


def _bad_rows(run: StoredRun) -> dict[str, dict[int, tuple[str, str]]]:
    """Cell -> block -> status and message of its failed row, or of the first invalid one if none failed."""
    bad = (pc.field("status") != "ok") | ~pc.field("invalid_reason").is_null()
    columns = ("cell_key", "block", "status", "invalid_reason", "error_message")
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for row in run.table("generations", columns=columns, where=bad).to_pylist():
        blocks = found.setdefault(row["cell_key"], {})
        if row["status"] != "ok" or row["block"] not in blocks:
            blocks[row["block"]] = _reason(row)
    return found


def _reason(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["status"] != "ok":
        return str(row["status"]), str(row["error_message"] or "no reason was recorded")
    return "invalid", str(row["invalid_reason"])


def _by_reason(lost: Mapping[int, tuple[str, str]]) -> tuple[Lost, ...]:
    reasons: dict[tuple[str, str], list[int]] = {}
    for block in sorted(lost):
        reasons.setdefault(lost[block], []).append(block)
    return tuple(Lost(status, message, tuple(blocks)) for (status, message), blocks in reasons.items())
