"""Which cells come first: those of which something is claimed, the largest change before the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeVar

from bench.analyse.compare import Difference
from bench.analyse.side_by_side import CALLED


class Judged(Protocol):
    """A cell with what is said of it."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Of its metrics, and of all heads."""


_Cell = TypeVar("_Cell", bound=Judged)


def size(one: Difference) -> float:
    """How large a change is, slower or faster alike: the absolute logarithm of its ratio."""
    return abs(math.log(one.contrast.ratio.value))


def called_first(cells: Sequence[_Cell]) -> list[_Cell]:
    """Cells that are called before the others, the largest change first; the others in their order."""

    def place(cell: _Cell) -> tuple[bool, float]:
        sizes = [size(one) for one in cell.differences if one.verdict in CALLED]
        return (not sizes, -max(sizes, default=0.0))

    return sorted(cells, key=place)


def largest_first(cells: Sequence[_Cell]) -> list[_Cell]:
    """The same, with the others by the size of their largest change too: for where they do not all fit."""
    by_size = sorted(cells, key=lambda cell: -max((size(one) for one in cell.differences), default=0.0))
    return called_first(by_size)
