"""A chart on two value axes, one from zero and one logarithmic: the page shows one of them, and its reader chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.report.drawing.canvas import Drawing, drawing
from bench.report.drawing.svg import Sheet

SUITED, ZERO, LOG = "suited", "zero", "log"
"""What a reader can choose: what suits the values of each chart, or one axis for all of them."""

_INCHES = (5.6, 3.9)


@dataclass(frozen=True, slots=True)
class Edition:
    """One drawing of a chart.

    Args:
        svg: the drawing.
        logarithmic: whether its value axis is.
        scales: the choices under which it is shown; empty where there is no other edition.
        spare: it is shown only to who asks for it. Its points carry no tooltips: those of the edition before it do.
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
    """The edition that suits the values, and after it the other one.

    Args:
        sheet: of the page.
        draw: see :data:`Draw`.
        label: what the chart is, for those who do not see it.
        values: what is drawn; a logarithmic axis has no place for zero.
        logarithmic: which axis suits them.
        both: whether there is to be another edition.
    """

    def edition(scales: tuple[str, ...], *, log: bool, spare: bool = False) -> Edition:
        with drawing(sheet, _INCHES, spare=spare) as canvas:
            draw(canvas, log)
            return Edition(canvas.svg(label), log, scales, spare)

    if not both or min(values) <= 0:
        return (edition((), log=logarithmic),)
    own, other = (LOG, ZERO) if logarithmic else (ZERO, LOG)
    return edition((SUITED, own), log=logarithmic), edition((other,), log=not logarithmic, spare=True)
