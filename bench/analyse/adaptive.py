"""When a run that adds blocks as it goes has enough of them, cell by cell.

Each cell's interval is judged after every whole block. That is optional stopping: the interval covers less than one of
as many blocks fixed before, docs/statistics.md says how much.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.analyse.interval import over_blocks

EndedBy = Literal["target", "max-time", "max-blocks"]
"""What ended an adaptive run: no cell needed another block, or the time or the blocks were used up."""

TARGET_REACHED = "target reached"
TIME_IS_SPENT = "time is spent"
NO_NUMBER = "no number in any block so far"


@dataclass(frozen=True, slots=True)
class Rule:
    """What an adaptive run is to reach.

    Args:
        target: half the width of a 95 % interval, as a share: 0.05 for +- 5 %.
        max_time_s: ``None`` for as long as it takes.
    """

    target: float
    least_blocks: int
    max_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Medians:
    """The block medians of one cell so far; no TPOT if one token only was asked for."""

    ttft: dict[int, float] = field(default_factory=dict)
    tpot: dict[int, float] = field(default_factory=dict)


def narrow_enough(medians: Medians, rule: Rule) -> bool:
    """Whether the intervals of a cell's metrics are within the target, after the least number of blocks at least."""
    for metric in (medians.ttft, medians.tpot) if medians.tpot else (medians.ttft,):
        estimate = over_blocks(metric)
        if estimate is None or estimate.half_width is None or estimate.half_width > rule.target:
            return False
        if estimate.blocks < rule.least_blocks:
            return False
    return True


class Adaptive:
    """An adaptive run under way, whose time counts from now on.

    ``twins`` are groups of cells that are compared block by block, so that none of them may go on alone.
    """

    def __init__(
        self,
        rule: Rule,
        cells: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
        twins: Iterable[Sequence[str]] = (),
    ) -> None:
        self.rule = rule
        self._cells = {key: Medians() for key in cells}
        self._twins = {key: tuple(group) for group in twins for key in group}
        self._clock = clock
        self._began = clock()
        self._block = 0
        self._reached: set[str] = set()
        self._hopeless: set[str] = set()
        self._time_is_spent = False

    def add(self, cell_key: str, block: int, ttft_ms: Sequence[float], tpot_ms: Sequence[float]) -> None:
        """Take up what a cell gave in one block."""
        medians = self._cells[cell_key]
        for metric, values in ((medians.ttft, ttft_ms), (medians.tpot, tpot_ms)):
            if values:
                metric[block] = statistics.median(values)

    def spend(self, seconds: float) -> None:
        """Count time that was spent before this process began."""
        self._began -= seconds

    def skip_reason(self, cell_key: str, block: int) -> str | None:
        """Why a cell need not be measured in ``block``; ``None`` if it has to be. Asked in the order of the blocks."""
        if block > self._block:
            self._block = block
            self._judge(block)
        if cell_key in self._reached:
            return TARGET_REACHED
        if cell_key in self._hopeless:
            return NO_NUMBER
        if self.rule.max_time_s is not None and self._clock() - self._began >= self.rule.max_time_s:
            self._time_is_spent = True
            return TIME_IS_SPENT
        return None

    def open(self, cell_keys: Iterable[str]) -> bool:
        """Whether one of these cells needs another block, as far as that is known."""
        return any(key not in self._reached and key not in self._hopeless for key in cell_keys)

    def record(self, *, whole: bool) -> dict[str, Any]:
        """What end.json says of it; ``whole``: the run was not stopped before its own end."""
        self._judge(self._block + 1)
        ended_by: EndedBy = "max-time" if self._time_is_spent else "max-blocks" if self.open(self._cells) else "target"
        return {
            "target": self.rule.target,
            "ended_by": ended_by if whole else None,
            "blocks": max((block + 1 for medians in self._cells.values() for block in medians.ttft), default=0),
            "cells": len(self._cells),
            "reached": len(self._reached),
            "not_reached": [key for key in self._cells if key not in self._reached],
        }

    def _judge(self, blocks: int) -> None:
        if blocks < self.rule.least_blocks:
            return
        for key in self._cells:
            group = [self._cells[one] for one in self._twins.get(key, (key,))]
            if not all(medians.ttft for medians in group):
                self._hopeless.add(key)
            elif all(narrow_enough(medians, self.rule) for medians in group):
                self._reached.add(key)
