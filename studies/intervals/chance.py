"""How well a counted share is known, and work shared by several processes."""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.special import betaincinv

from bench.analyse.interval import CONFIDENCE

_MOST_PROCESSES = 61
"""Windows can wait for no more."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``tries``, with the exact binomial interval of 95 % (Clopper and Pearson, 1934)."""

    hits: int
    tries: int

    @property
    def value(self) -> float:
        """The share itself; there has to be a try."""
        return self.hits / self.tries

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        beyond = (1 - CONFIDENCE) / 2
        return float(betaincinv(self.hits, self.tries - self.hits + 1, beyond)) if self.hits else 0.0

    @property
    def high(self) -> float:
        """Upper end."""
        beyond = (1 - CONFIDENCE) / 2
        left = self.tries - self.hits
        return float(betaincinv(self.hits + 1, left, 1 - beyond)) if left else 1.0


def generator(seed: int, *what: object) -> np.random.Generator:
    """Chance of its own for each piece of work, whatever order the pieces come in."""
    return np.random.default_rng([seed, zlib.crc32(repr(what).encode())])


def shared(work: Sequence[Callable[[], Result]], jobs: int) -> list[Result]:
    """The results of all ``work``, in its order, done by ``jobs`` processes; each piece can be pickled."""
    if jobs <= 1 or len(work) <= 1:
        return [piece() for piece in work]
    # Fresh processes on every system: a fork of one with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(work), _MOST_PROCESSES), mp_context=context) as pool:
        try:
            return [future.result() for future in [pool.submit(piece) for piece in work]]
        except BaseException:
            # What was not begun need not be done any more.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
