"""Moments by the wall clock whose distance is not the wall clock's, which may be set in between."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def _running_s() -> float:
    """Seconds of a clock that nobody sets and that runs on while the machine sleeps."""
    if sys.platform == "win32":
        return time.monotonic()
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, in UTC by the wall clock."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _running_s: float = field(default_factory=_running_s)

    def now(self) -> datetime:
        """As long after :attr:`at` as it is, wherever the wall clock was set to."""
        return self.at + timedelta(seconds=_running_s() - self._running_s)
