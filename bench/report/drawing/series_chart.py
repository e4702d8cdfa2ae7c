"""One metric of one cell over its blocks: each generation, the median of each block, and what they come to.

Path data that the page draws itself: a run of 300 cells has 600 of these drawings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.analyse.results import Generation, Measured
from bench.report.drawing.canvas import LOG_FROM, log_ticks, round_ticks, tick_label
from bench.report.format import number
from bench.report.paths import line, vertices

WIDTH, HEIGHT = 640, 256
"""In units so small that a reader cannot tell a whole number of them from what lies between."""
LEFT, TOP, RIGHT, BOTTOM = 80, 16, 632, 212
"""The edges of the axes within it."""

MOST_MARKS = 12
"""Of more generations of one kind in a block, the lowest and the highest stand for all."""

_MOST_LABELS = 6
_MARGIN = 0.12
"""What is left blank on either side of a block, as a share of its place."""
_LEAST_ROOM = 0.05
"""How far the axis reaches to either side of the estimate at least: smaller differences are not blown up."""


@dataclass(frozen=True, slots=True)
class SeriesChart:
    """What is drawn, in units of the drawing; path data where nothing else is said.

    Args:
        ticks: places and labels on the vertical axis.
        blocks: places and labels on the horizontal one.
        grid: lines at the ticks.
        dots: generations that count, as vertices at which the page puts a marker; so are the next four.
        warmups: crosses.
        excluded: open squares.
        above: what does not count and lies beyond the upper end of the axis, as arrowheads at its edge.
        below: the same at the lower end.
        medians: a bar for each block.
        way: the line from median to median.
        level: the estimate.
        band: top and height of its interval; ``None`` without one.
        logarithmic: whether the vertical axis is.
    """

    ticks: tuple[tuple[int, str], ...]
    blocks: tuple[tuple[int, str], ...]
    grid: str
    dots: str
    warmups: str
    excluded: str
    above: str
    below: str
    medians: str
    way: str
    level: str
    band: tuple[int, int] | None
    logarithmic: bool


@dataclass(frozen=True, slots=True)
class _Axes:
    """From blocks and milliseconds to places; values beyond the axis stand at its edge."""

    low: float
    high: float
    logarithmic: bool
    first: int
    blocks: int

    def y(self, value: float) -> float:
        low, high, at = self._scaled(self.low), self._scaled(self.high), self._scaled(self.within(value))
        return BOTTOM - (BOTTOM - TOP) * (at - low) / (high - low)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value

    def within(self, value: float) -> float:
        return min(self.high, max(self.low, value))

    def bar(self, block: int, value: float) -> str:
        """A level line through the place of a block."""
        left, right = round(self.x(block, _MARGIN)), round(self.x(block, 1 - _MARGIN))
        return f"M{left} {round(self.y(value))}h{right - left}"

    def x(self, block: int, share: float) -> float:
        """``share`` of the way through the place of a block."""
        return LEFT + (RIGHT - LEFT) * (block - self.first + share) / self.blocks


def series_chart(series: Sequence[Generation], metric: str, measured: Measured) -> SeriesChart:
    """Draw one metric.

    Args:
        series: of the cell, in the order in which it was measured.
        metric: one of :data:`bench.metrics.BY_GENERATION`.
        measured: what it came to.
    """
    known = [(one, value) for one in series if (value := getattr(one, metric)) is not None]
    axes = _axes(known, measured)
    marks: dict[str, list[tuple[float, float]]] = {}
    for one, x, value in _placed(known, axes):
        beyond = "above" if value > axes.high else "below" if value < axes.low else None
        marks.setdefault(beyond or one.use, []).append((x, axes.y(value)))
    ticks = [(round(axes.y(tick)), tick_label(tick)) for tick in _ticks(axes)]
    ends = measured.estimate.low, measured.estimate.high
    return SeriesChart(
        ticks=tuple(ticks),
        blocks=tuple(_block_labels(axes)),
        grid="".join(f"M{LEFT} {y}h{RIGHT - LEFT}" for y, _ in ticks),
        dots=vertices(marks.get("timed", [])),
        warmups=vertices(marks.get("warm-up", [])),
        excluded=vertices(marks.get("excluded", [])),
        above=vertices(marks.get("above", [])),
        below=vertices(marks.get("below", [])),
        medians="".join(axes.bar(block, value) for block, value in measured.by_block.items()),
        way=line(((axes.x(block, 0.5), axes.y(value)) for block, value in measured.by_block.items()), 0),
        level=f"M{LEFT} {round(axes.y(measured.estimate.value))}h{RIGHT - LEFT}",
        band=None if ends[0] is None or ends[1] is None else _band(axes.y(ends[1]), axes.y(ends[0])),
        logarithmic=axes.logarithmic,
    )


def of_many(values: Sequence[float]) -> list[int]:
    """The places of those that are shown: all of a few, and the lowest and the highest of many."""
    if len(values) <= MOST_MARKS:
        return list(range(len(values)))
    places = range(len(values))
    return sorted({min(places, key=values.__getitem__), max(places, key=values.__getitem__)})


def _axes(known: Sequence[tuple[Generation, float]], measured: Measured) -> _Axes:
    """Wide enough for all that counts, and for what does not as long as that leaves the former half of the height."""
    estimate = measured.estimate.value
    values = [estimate * (1 - _LEAST_ROOM), estimate * (1 + _LEAST_ROOM), *measured.by_block.values()]
    values += [value for one, value in known if one.use == "timed"]
    low, high = min(values), max(values)
    spare = (high - low) / 2
    near = [value for _, value in known if low - spare <= value <= high + spare]
    low, high = min([low, *near]), max([high, *near])
    blocks = [*measured.by_block, *(one.block for one, _ in known)]
    first, last = min(blocks), max(blocks)
    if high / low >= LOG_FROM:
        room = (high / low) ** 0.08
        return _Axes(low / room, high * room, True, first, last - first + 1)
    room = 0.08 * (high - low)
    return _Axes(low - room, high + room, False, first, last - first + 1)


def _ticks(axes: _Axes) -> list[float]:
    return log_ticks(axes.low, axes.high) if axes.logarithmic else round_ticks(axes.low, axes.high)


def _block_labels(axes: _Axes) -> Iterator[tuple[int, str]]:
    step = -(-axes.blocks // _MOST_LABELS)
    for block in range(axes.first, axes.first + axes.blocks, step):
        yield round(axes.x(block, 0.5)), number(block + 1, 0)


def _placed(known: Sequence[tuple[Generation, float]], axes: _Axes) -> Iterator[tuple[Generation, float, float]]:
    """What is shown, with its place along the axis: side by side within its block, in the order of measuring."""
    by_block: dict[int, list[tuple[Generation, float]]] = {}
    for one, value in known:
        by_block.setdefault(one.block, []).append((one, value))
    for block, own in by_block.items():
        shown = [own[place] for place in _shown(own)]
        for place, (one, value) in enumerate(shown):
            yield one, axes.x(block, _MARGIN + (1 - 2 * _MARGIN) * (place + 0.5) / len(shown)), value


def _shown(own: Sequence[tuple[Generation, float]]) -> list[int]:
    by_use: dict[str, list[int]] = {}
    for place, (one, _) in enumerate(own):
        by_use.setdefault(one.use, []).append(place)
    return sorted(places[kept] for places in by_use.values() for kept in of_many([own[place][1] for place in places]))


def _band(top: float, bottom: float) -> tuple[int, int]:
    return round(top), max(1, round(bottom - top))
