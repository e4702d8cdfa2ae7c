"""When each token of an answer is there: what a reader of the text waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MILESTONES = (1, 8, 32, 128, 512, 2048)
"""Tokens whose time a table has, and that of the last one."""
_MOST_POINTS = 48


@dataclass(frozen=True, slots=True)
class Arrival:
    """Time from the request to token k, the median over all counted generations of a cell, in ms.

    Args:
        token: k, counted from 1 and ascending; of a long answer some evenly spaced ones, the first, the last and
            :data:`MILESTONES` among them.
    """

    token: tuple[int, ...]
    median: tuple[float, ...]

    def at(self, token: int) -> float | None:
        """The time to one of the tokens; ``None`` for one that is not among them."""
        return dict(zip(self.token, self.median, strict=True)).get(token)


def arrival(ttft_ms: Any, itl_ms: Any) -> Arrival:
    """TTFT [generations] and the inter-token latencies [generations, new tokens - 1] after it, added up."""
    times = np.cumsum(np.column_stack((ttft_ms, itl_ms)), axis=1)
    last = times.shape[1]
    spaced = np.linspace(1, last, min(last, _MOST_POINTS)).round().astype(int).tolist()
    tokens = sorted({*spaced, *(one for one in MILESTONES if one <= last)})
    medians = np.median(times[:, np.array(tokens) - 1], axis=0)
    return Arrival(tuple(tokens), tuple(medians.tolist()))
