"""What every drawing of a report shares: its style, its way into the page, its axes.

Only this module and those beside it that draw import matplotlib, and only the page stage imports them. Names from data
stay out of the drawings (the page writes them beside), so that no string can be taken for markup or mathematics, or
lack a glyph.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from bench.report.drawing.style import GRID, MUTED, TEXT
from bench.report.drawing.svg import TIP, TIPS, Mark, StyleSheet, as_shape, embed
from bench.report.format import localized

_RC = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.5,
    "text.color": TEXT,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "path.simplify": False,
}
LOG_FROM = 8
"""From this ratio of largest to smallest on, an axis from zero would flatten what is small."""


Place = tuple[float, float, float, float]
"""Of axes within a figure: left, bottom, width and height as shares of the whole."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Axes that many drawings share and the page has once.

    Args:
        place: where they lie.
        shape: the id of what is seen of them.
    """

    place: Place
    shape: str


@dataclass(slots=True)
class Drawing:
    """A figure under way, with what its points and lines stand for; of a spare edition another one has the words."""

    name: str
    canvas: FigureCanvasSVG
    spare: bool = False
    marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def figure(self) -> Figure:
        """What is drawn on."""
        figure: Figure = self.canvas.figure
        return figure

    def tip(self, words: str, **data: object) -> str:
        """Keep a tooltip, blank for none, and data for the script; returns the id for the element that has them."""
        key = str(len(self.marks))
        self.marks[key] = Mark("" if self.spare else words, {name: str(value) for name, value in data.items()})
        return TIP + key

    def point(self, words: str, line: int, prompt_tokens: int) -> str:
        """The same for a point of the line with that number, which tells its figures to the mouse and the keyboard."""
        return self.tip(words, line=line, prompt=prompt_tokens, point="")

    def points(self, told: Iterable[tuple[str, int]], line: int) -> str:
        """The same for all points of a line, from the words and prompt tokens of each: the id for one artist."""
        ids = [self.point(words, line, prompt_tokens) for words, prompt_tokens in told]
        return f"{TIPS}{ids[0].removeprefix(TIP)}-{len(ids)}"

    def settle(self) -> Place:
        """Let the layout find the place of the only axes, once their labels and limits are set, and keep it.

        The layout measures all that there is, so this comes before the lines and points, which take no room beside it.
        """
        engine = self.figure.get_layout_engine()
        assert engine is not None
        engine.execute(self.figure)
        self.figure.set_layout_engine("none")
        x, y, width, height = self.figure.axes[0].get_position().bounds
        return x, y, width, height

    def written(self) -> str:
        """The figure as SVG: the same data gives the same bytes."""
        stream = io.StringIO()
        # Straight to the canvas: ``savefig`` draws everything once before, to find a layout that is found already.
        with mpl.rc_context({"svg.hashsalt": self.name}):
            self.canvas.print_svg(stream, metadata={"Date": None, "Creator": None})
        return stream.getvalue()

    def finish(self, sheet: StyleSheet, label: str, frame: Frame | None = None) -> str:
        """The figure as SVG for the page, with ``label`` for those who do not see it, on a ``frame`` if it has one."""
        return embed(self.written(), sheet, label, self.marks, None if frame is None else frame.shape)

    def as_frame(self, sheet: StyleSheet) -> Frame:
        """What is drawn so far, the only axes, for other drawings of this size."""
        place = self.settle()
        return Frame(place, as_shape(self.written(), sheet))


@contextmanager
def drawing(
    name: str,
    inches: tuple[float, float],
    layout: Literal["constrained"] | None = "constrained",
    *,
    spare: bool = False,
) -> Iterator[Drawing]:
    """A figure of ``inches`` in the report's style; ``spare`` is that of :mod:`bench.report.drawing.editions`."""
    with mpl.rc_context(_RC):
        # An SVG has 72 units to the inch; with another resolution, or another canvas, a layout would measure otherwise.
        canvas = FigureCanvasSVG(Figure(figsize=inches, dpi=72, layout=layout))
        yield Drawing(f"{name}spare" if spare else name, canvas, spare)


def chain(lines: Iterable[Sequence[tuple[float, float]]]) -> tuple[list[float], list[float]]:
    """Many lines as the coordinates of one, which is drawn at once: a gap is not a number."""
    points = [point for line in lines for point in (*line, (math.nan, math.nan))]
    return [x for x, _ in points], [y for _, y in points]


def value_axis(axes: Any, values: Sequence[float], *, logarithmic: bool) -> None:
    """Let the vertical axis hold ``values``, from zero unless it is logarithmic."""
    if not values:
        return
    low, high = min(values), max(values)
    if logarithmic:
        low, high = low / 1.15, high * 1.15
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(FixedLocator(log_ticks(low, high)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, high * 1.06)
        axes.yaxis.get_major_locator().set_params(nbins=7)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))


def round_ticks(low: float, high: float) -> list[float]:
    """Some two to five evenly spaced round values within ``low`` to ``high``."""
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]


def log_ticks(low: float, high: float) -> list[float]:
    """Some three to eight round values within ``low`` to ``high`` (both positive), none too near another."""
    if high / low < 2.5:
        return round_ticks(low, high)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(ticks) >= 5:
            break
    return _spaced(ticks, (high / low) ** (1 / 9))


def _spaced(ticks: Sequence[float], apart: float) -> list[float]:
    """Those of ``ticks`` that are at least a factor ``apart`` from the one kept before."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or tick >= kept[-1] * apart:
            kept.append(tick)
    return kept


def tick_label(value: float) -> str:
    """A tick's value as it is written beside the axis."""
    return localized(f"{value:,.10g}" if value < 1e6 else f"{value:,.0f}")
