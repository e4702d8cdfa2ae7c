"""The line that announces each visit, with the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from bench.plan.estimate import format_duration
from bench.plan.options import Options
from bench.plan.plan import PlannedVisit

Open = Callable[[Iterable[str]], bool]
"""Whether one of some cells needs another block."""


class Progress:
    """Counts the visits of a run; ``still_open`` tells which cells of an adaptive run need more blocks.

    ``before`` visits were made by an earlier process.
    """

    def __init__(
        self, options: Options, visits: Sequence[PlannedVisit], still_open: Open | None = None, before: int = 0
    ) -> None:
        self._options = options
        self._visits = visits
        self._places = {(one.block, one.position): place for place, one in enumerate(visits)}
        self._open = still_open
        self._since = time.monotonic()
        self._before = before
        self.begun = 0

    def begin(self, planned: PlannedVisit) -> str:
        """Count a visit; its line, with the time left by the mean of the visits before it."""
        load, left = planned.load, self._left(planned)
        self.begun += 1
        to = f" to {self._options.most_blocks}" if self._at_most else ""
        block = f"block {planned.block + 1} of {self._options.blocks}{to}"
        variant = f"{load.variant}: " if load.variant else ""
        prefix_cache = ", prefix cache on" if any(cell.ask == "again" for cell in planned.cells) else ""
        name = f"{variant}{load.backend} {load.device} {load.precision}{prefix_cache}"
        return f"visit {self._before + self.begun} of {self._at_most}{len(self._visits)}, {block}: {name}{left}"

    @property
    def _at_most(self) -> str:
        return "" if self._open is None else "at most "

    def _left(self, planned: PlannedVisit) -> str:
        if planned.block == 0 or self.begun == 0:
            return ""
        spent_s = time.monotonic() - self._since
        left_s = spent_s / self.begun * self._visits_left(planned)
        if self._options.max_time_s is not None:
            left_s = min(left_s, max(0.0, self._options.max_time_s - spent_s))
        return f" ({self._at_most}about {format_duration(left_s)} left)"

    def _visits_left(self, planned: PlannedVisit) -> int:
        """This one and those after it, without visits whose cells need no more."""
        place = self._places[planned.block, planned.position]
        if self._open is None:
            return len(self._visits) - place
        return sum(self._open(cell.key for cell in one.cells) for one in self._visits[place:])
