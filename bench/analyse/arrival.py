"""When each token of an answer is there: what a reader of the text waits for."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np

MILESTONES = (1, 8, 32, 128, 512, 2048)
"""Tokens whose time a table tells, beside the last one."""
_MOST_POINTS = 48


@dataclass(frozen=True, slots=True)
class Arrival:
    """Time from the request to token k, the median over all counted generations of a cell, in ms.

    Args:
        token: k, counted from 1 and ascending; of a long answer some evenly spaced ones, the first, the last and
            :data:`MILESTONES` among them.
        median: of the same tokens.
    """

    token: tuple[int, ...]
    median: tuple[float, ...]

    def at(self, token: int) -> float | None:
        """The time to one of the tokens; ``None`` for one that is not among them."""
        place = bisect_left(self.token, token)
        return self.median[place] if place < len(self.token) and self.token[place] == token else None


def arrival(ttft_ms: Any, itl_ms: Any) -> Arrival:
    """TTFT and the inter-token latencies after it, added up.

    Args:
        ttft_ms: float array [generations], one at least.
        itl_ms: float array [generations, new tokens - 1].
    """
    times = np.cumsum(np.column_stack((ttft_ms, itl_ms)), axis=1)
    last = times.shape[1]
    spaced = np.linspace(1, last, min(last, _MOST_POINTS)).round().astype(int).tolist()
    tokens = sorted({*spaced, *(one for one in MILESTONES if one <= last)})
    medians = np.median(times[:, np.array(tokens) - 1], axis=0)
    return Arrival(tuple(tokens), tuple(medians.tolist()))
