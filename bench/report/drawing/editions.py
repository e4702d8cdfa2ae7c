"""A chart on two value axes, one from zero and one logarithmic: the page shows one of them, and its reader chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

SUITED, ZERO, LOG = "suited", "zero", "log"
"""What a reader can choose: what suits the values of each chart, or one axis for all of them."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One drawing of a chart.

    Args:
        svg: the drawing.
        logarithmic: whether its value axis is.
        scales: the choices under which it is shown; empty where there is no other edition.
        spare: it is shown only to who asks for it. Its points carry no words: those of the edition before it do.
    """

    svg: Markup
    logarithmic: bool
    scales: tuple[str, ...]
    spare: bool


Draw = Callable[[bool, bool], str]
"""Makes the drawing; is told whether its value axis is logarithmic, and whether it is the spare edition."""


def editions(draw: Draw, values: Sequence[float], *, logarithmic: bool, both: bool) -> tuple[Edition, ...]:
    """The edition that suits the values, and after it the other one.

    Args:
        draw: see :data:`Draw`.
        values: what is drawn; a logarithmic axis has no place for zero.
        logarithmic: which axis suits them.
        both: whether there is to be another edition.
    """
    both = both and min(values) > 0
    suited = _edition(draw, (SUITED, LOG if logarithmic else ZERO) if both else (), logarithmic=logarithmic)
    if not both:
        return (suited,)
    return suited, _edition(draw, (ZERO if logarithmic else LOG,), logarithmic=not logarithmic, spare=True)


def _edition(draw: Draw, scales: tuple[str, ...], *, logarithmic: bool, spare: bool = False) -> Edition:
    svg = draw(logarithmic, spare)
    return Edition(Markup(svg), logarithmic, scales, spare)  # noqa: S704 - serialized by an XML writer, which escapes
