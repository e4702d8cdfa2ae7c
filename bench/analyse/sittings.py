"""How a run was interrupted and carried on, as its record tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from bench.store.reader import as_utc


@dataclass(frozen=True, slots=True)
class Interruption:
    """The time between two sittings of a run.

    Args:
        reason: why the sitting before it ended: ``killed``, ``interrupted`` or ``stopped``.
        at: when that was; ``None`` where it is not recorded.
        pause_s: until the next sitting began, in seconds; ``None`` where either time is not recorded.
        block: in which the run was carried on, from 0; ``None`` where all blocks had been measured.
        within_block: whether visits of that block were kept, so that it is of both sittings.
        changed: what is not as it was before, such as a driver: name -> before and after.
    """

    reason: str
    at: datetime | None = None
    pause_s: float | None = None
    block: int | None = None
    within_block: bool = False
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def interruptions(record: Mapping[str, Any]) -> tuple[Interruption, ...]:
    """Those of the run whose run.json is ``record``, in the order of time; none of a run that was measured at once."""
    return tuple(_between(before, after) for before, after in pairwise(record.get("sittings") or ()))


def _between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Interruption:
    ended, began, block = as_utc(before.get("ended_at")), as_utc(after.get("began_at")), after.get("block")
    return Interruption(
        reason=str(before.get("reason")),
        at=ended,
        # A clock that was set back meanwhile makes no negative pause.
        pause_s=max(0.0, (began - ended).total_seconds()) if began and ended else None,
        block=block,
        within_block=bool(after.get("position")) and block is not None,
        changed={what: tuple(pair) for what, pair in (after.get("changed") or {}).items() if len(pair) == 2},
    )
