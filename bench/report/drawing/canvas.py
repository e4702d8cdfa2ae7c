"""What every chart shares: a figure in the report's style on its way into a page, its axes, and its editions."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from bench.report.drawing.style import GRID, MUTED, TEXT
from bench.report.drawing.svg import Mark, Sheet, SvgRenderer, coordinate
from bench.report.format import localized

STYLE = {
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


@dataclass(frozen=True, slots=True)
class Frame:
    """Axes that many drawings share and the page has once: their place as shares of the drawing, their shape's id."""

    place: tuple[float, float, float, float]
    shape: str


class Drawing(FigureCanvasBase):
    """A figure under way to a page with that sheet; of a ``spare`` one another has the tooltips."""

    def __init__(self, figure: Figure, sheet: Sheet, spare: bool) -> None:
        super().__init__(figure)
        self._sheet = sheet
        self._spare = spare

    def get_renderer(self) -> SvgRenderer:
        """Also what matplotlib's layout measures labels with."""
        return SvgRenderer(*self.figure.bbox.size, self._sheet)

    def tooltip(self, tip: str, **data: object) -> Mark:
        """What a line or a marker stands for, with data for the script."""
        return Mark("" if self._spare else tip, data)

    def point(self, tip: str, line: int, prompt_tokens: int) -> Mark:
        """The same of a point of the line with that number, which tells its figures to the mouse and the keyboard."""
        return self.tooltip(tip, line=line, prompt=prompt_tokens, point="")

    def settle(self) -> Any:
        """Lay out the only axes, once their labels and limits are set.

        The layout measures all that there is, so this comes before the lines and points, which take no room beside it.
        """
        engine = self.figure.get_layout_engine()
        assert engine is not None
        engine.execute(self.figure)
        self.figure.set_layout_engine("none")
        return self.figure.axes[0]

    def elements(self) -> str:
        """What is drawn so far: the same data gives the same text."""
        renderer = self.get_renderer()
        self.figure.draw(renderer)
        return renderer.elements()

    def svg(self, label: str, frame: Frame | None = None) -> Markup:
        """The drawing for the page, with ``label`` for those who do not see it, on a ``frame`` if it has one."""
        ground = f'<use href="#{frame.shape}"/>' if frame else ""
        return self._within(f'role="img" aria-label="{escape(label)}"', ground + self.elements())

    def decoration(self) -> Markup:
        """The drawing as it can be shown many times, at no more than a reference each."""
        return self._within('aria-hidden="true"', f'<use href="#{self._sheet.shape(self.elements())}"/>')

    def as_frame(self) -> Frame:
        x, y, width, height = self.settle().get_position().bounds
        return Frame((x, y, width, height), self._sheet.shape(self.elements()))

    def _within(self, attributes: str, elements: str) -> Markup:
        width, height = map(coordinate, self.figure.bbox.size)
        svg = f'<svg display="none" viewBox="0 0 {width} {height}" class="chart" {attributes}>{elements}</svg>'
        return Markup(svg)  # noqa: S704 - written by the renderer, which escapes


@contextmanager
def drawing(
    sheet: Sheet,
    inches: tuple[float, float],
    layout: Literal["constrained"] | None = "constrained",
    *,
    spare: bool = False,
) -> Iterator[Drawing]:
    """A figure of ``inches`` in the report's style."""
    with mpl.rc_context(STYLE):
        # An inch is 72 units of SVG.
        yield Drawing(Figure(figsize=inches, dpi=72, layout=layout), sheet, spare)


def add_line(axes: Any, xs: Sequence[float], ys: Sequence[float], **style: Any) -> None:
    """Add a line to axes, or to a figure, as it is: ``plot`` would look at the limits, once for each of thousands."""
    axes.add_artist(Line2D(xs, ys, **style))


def chain(lines: Iterable[Sequence[tuple[float, float]]]) -> tuple[list[float], list[float]]:
    """Many lines as the coordinates of one, which is drawn at once: a gap is not a number."""
    points = [point for line in lines for point in (*line, (math.nan, math.nan))]
    return [x for x, _ in points], [y for _, y in points]


def set_ticks(axis: Any, ticks: Sequence[float], label: Callable[[float], str] | None = None) -> None:
    """Give an axis these ticks alone."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    label_ticks(axis, label or tick_label)


def label_ticks(axis: Any, label: Callable[[float], str]) -> None:
    """Have an axis write its ticks so."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))


def wide(values: Sequence[float]) -> bool:
    """Whether a logarithmic axis suits ``values``: one of them that is zero has no place on it."""
    return min(values) > 0 and max(values) / min(values) >= LOG_FROM


def value_axis(axes: Any, values: Sequence[float], *, logarithmic: bool) -> None:
    """Let the vertical axis hold ``values``, from zero unless it is logarithmic."""
    low, high = min(values), max(values)
    if logarithmic:
        low, high = low / 1.15, high * 1.15
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        set_ticks(axes.yaxis, log_ticks(low, high))
    else:
        axes.set_ylim(0, high * 1.06 or 1.0)
        axes.yaxis.get_major_locator().set_params(nbins=7)
        label_ticks(axes.yaxis, tick_label)


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
    return spaced(ticks, (high / low) ** (1 / 9))


def spaced(ticks: Sequence[float], factor: float) -> list[float]:
    """Those of ``ticks``, up or down, that are at least a factor ``factor`` from the one kept before."""
    kept: list[float] = []
    for tick in ticks:
        if not kept or max(tick / kept[-1], kept[-1] / tick) >= factor:
            kept.append(tick)
    return kept


def tick_label(value: float) -> str:
    """A tick's value as it is written beside the axis."""
    return localized(f"{value:,.10g}" if value < 1e6 else f"{value:,.0f}")


SUITED, ZERO, LOG = "suited", "zero", "log"
"""What a reader can choose: what suits the values of each chart, or one axis for all of them."""

_INCHES = (5.6, 3.9)


@dataclass(frozen=True, slots=True)
class Edition:
    """One drawing of a chart, and the choices under which it is shown; none where there is no other edition.

    A ``spare`` one is shown only to who asks for it: the edition before it has the tooltips.
    """

    svg: Markup
    logarithmic: bool
    scales: tuple[str, ...]
    spare: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart; ``quantile`` is blank but for those of which a reader chooses one."""

    title: str
    editions: tuple[Edition, ...]
    quantile: str = ""


Draw = Callable[[Drawing, bool], None]
"""Draws the chart; is told whether its value axis is logarithmic."""


def editions(
    sheet: Sheet, draw: Draw, label: str, values: Sequence[float], *, logarithmic: bool, both: bool
) -> tuple[Edition, ...]:
    """The edition that suits the values, and after it the other one if there is to be ``both``.

    ``label`` is for those who do not see the chart; a logarithmic axis has no place for zero among its ``values``.
    """

    def edition(scales: tuple[str, ...], *, log: bool, spare: bool = False) -> Edition:
        with drawing(sheet, _INCHES, spare=spare) as canvas:
            draw(canvas, log)
            return Edition(canvas.svg(label), log, scales, spare)

    if not both or min(values) <= 0:
        return (edition((), log=logarithmic),)
    own, other = (LOG, ZERO) if logarithmic else (ZERO, LOG)
    return edition((SUITED, own), log=logarithmic), edition((other,), log=not logarithmic, spare=True)
