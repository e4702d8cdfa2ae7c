"""One metric of one cell over its blocks: each generation, the median of each block, and what they come to.

Path data that the page draws itself: a run of 300 cells has 600 of these drawings.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.analyse.grouping import group_by
from bench.analyse.results import Generation, Measured
from bench.report.drawing.canvas import log_ticks, round_ticks, tick_label, wide
from bench.report.drawing.svg import line, vertices
from bench.report.format import number

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


_CLASSES = {"timed": "dots", "warm-up": "warmups", "excluded": "excluded"}


@dataclass(frozen=True, slots=True)
class SeriesChart:
    """What is drawn, in units of the drawing: places with labels, and top and height of the estimate's interval.

    ``paths`` are by their class in ``page.css``, in the order of drawing. Generations are vertices, at which the page
    puts a marker: ``dots``, ``warmups``, ``excluded``; ``above`` and ``below`` do not count and lie beyond the axis.
    """

    ticks: tuple[tuple[int, str], ...]
    blocks: tuple[tuple[int, str], ...]
    band: tuple[int, int] | None
    paths: Mapping[str, str]
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
        within = min(self.high, max(self.low, value))
        low, high, at = (math.log(one) if self.logarithmic else one for one in (self.low, self.high, within))
        return BOTTOM - (BOTTOM - TOP) * (at - low) / (high - low)

    def x(self, block: int, share: float) -> float:
        """``share`` of the way through the place of a block."""
        return LEFT + (RIGHT - LEFT) * (block - self.first + share) / self.blocks


def series_chart(series: Sequence[Generation], metric: str, measured: Measured) -> SeriesChart:
    """Draw one metric of :data:`bench.metrics.BY_GENERATION`, of generations in the order of measuring."""
    known = [(one, value) for one in series if (value := getattr(one, metric)) is not None]
    axes = _axes(known, measured)
    values = log_ticks(axes.low, axes.high) if axes.logarithmic else round_ticks(axes.low, axes.high)
    ticks = [(round(axes.y(value)), tick_label(value)) for value in values]
    step = -(-axes.blocks // _MOST_LABELS)
    estimate, band = measured.estimate, None
    if estimate.low is not None and estimate.high is not None:
        top, bottom = axes.y(estimate.high), axes.y(estimate.low)
        band = round(top), max(1, round(bottom - top))
    labelled = range(axes.first, axes.first + axes.blocks, step)
    return SeriesChart(
        ticks=tuple(ticks),
        blocks=tuple((round(axes.x(block, 0.5)), number(block + 1, 0)) for block in labelled),
        band=band,
        paths={
            "grid": "".join(_level(y, LEFT, RIGHT) for y, _ in ticks),
            "level": _level(axes.y(estimate.value), LEFT, RIGHT),
            "way": line(((axes.x(block, 0.5), axes.y(value)) for block, value in measured.by_block.items()), 0),
            "medians": "".join(
                _level(axes.y(value), axes.x(block, _MARGIN), axes.x(block, 1 - _MARGIN))
                for block, value in measured.by_block.items()
            ),
            **{kind: vertices(places) for kind, places in _marks(known, axes).items()},
        },
        logarithmic=axes.logarithmic,
    )


def _level(y: float, left: float, right: float) -> str:
    return f"M{round(left)} {round(y)}h{round(right) - round(left)}"


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
    logarithmic = wide([low, high])
    if logarithmic:
        room = (high / low) ** 0.08
        low, high = low / room, high * room
    else:
        room = 0.08 * (high - low)
        low, high = low - room, high + room
    blocks = [*measured.by_block, *(one.block for one, _ in known)]
    return _Axes(low, high, logarithmic, min(blocks), max(blocks) - min(blocks) + 1)


def _marks(known: Sequence[tuple[Generation, float]], axes: _Axes) -> dict[str, list[tuple[float, float]]]:
    """Class -> places of what is shown: side by side within each block, in the order of measuring."""
    by_block = group_by(known, lambda mark: mark[0].block)
    marks: dict[str, list[tuple[float, float]]] = {kind: [] for kind in (*_CLASSES.values(), "above", "below")}
    for block, own in by_block.items():
        by_use = group_by(enumerate(own), lambda mark: mark[1][0].use)
        shown = sorted(
            alike[index] for alike in by_use.values() for index in of_many([value for _, (_, value) in alike])
        )
        for place, (_, (one, value)) in enumerate(shown):
            share = _MARGIN + (1 - 2 * _MARGIN) * (place + 0.5) / len(shown)
            kind = "above" if value > axes.high else "below" if value < axes.low else _CLASSES[one.use]
            marks[kind].append((axes.x(block, share), axes.y(value)))
    return {kind: places for kind, places in marks.items() if places}
