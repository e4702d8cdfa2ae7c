"""How a line looks: colour is the stack, marker and dash the weight format, the marker's fill the device.

Charts are drawn in sentinel colours that no one sees; :mod:`bench.report.drawing.svg` turns each into a CSS variable,
so that one drawing serves light and dark. The variables' values stand in ``page.css``: Okabe and Ito's palette, made a
little darker for light pages and lighter for dark ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.spec import hardware_of
from bench.report.names import Series

COLOURS = 7
"""How many colours ``page.css`` has for stacks; beyond, they come again."""

TEXT, MUTED, GRID, PAPER, ACCENT = "#010101", "#020202", "#030303", "#040404", "#050505"

_MARKERS = {"int4": "o", "int8": "s", "fp16": "^", "bf16": "D", "fp32": "v"}
_OTHER_MARKERS = ("P", "X", "p", "h")
# In units of the line's width; None is a solid line.
_DASHES: dict[str, tuple[float, ...] | None] = {
    "int4": None,
    "int8": (6, 2.2),
    "fp16": (1.2, 1.8),
    "bf16": (6, 1.8, 1.2, 1.8),
    "fp32": (2.8, 1.8),
}
_FILLS = {"CPU": "full", "GPU": "none", "NPU": "left"}

SENTINELS: dict[str, str] = {
    TEXT: "var(--text)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--card)",
    ACCENT: "var(--accent)",
    **{f"#0a0a{index:02x}": f"var(--s{index})" for index in range(COLOURS)},
}
"""What is drawn -> what the page shows."""


@dataclass(frozen=True, slots=True)
class LineStyle:
    """One line's looks, in matplotlib's terms, and its number in the page."""

    number: int
    colour: str
    marker: str
    dashes: tuple[float, ...] | None
    fill: str


def line_styles(series: Sequence[Series]) -> dict[str, LineStyle]:
    """Series key -> looks."""
    families = {family: index for index, family in enumerate(dict.fromkeys(one.family for one in series))}
    unknown = [p for p in dict.fromkeys(one.precision for one in series) if p not in _MARKERS]
    markers = _MARKERS | {p: _OTHER_MARKERS[index % len(_OTHER_MARKERS)] for index, p in enumerate(unknown)}
    return {
        one.key: LineStyle(
            number=number,
            colour=f"#0a0a{families[one.family] % COLOURS:02x}",
            marker=markers[one.precision],
            dashes=_DASHES.get(one.precision),
            fill=_FILLS.get(hardware_of(one.device) or "", "full"),
        )
        for number, one in enumerate(series)
    }


# Triangles and diamonds look smaller than discs of the same size.
_SIZES = {"^": 1.2, "v": 1.2, "D": 0.92}


def marked(looks: LineStyle, size: float) -> dict[str, Any]:
    """A point of ``size`` in those looks, in matplotlib's terms."""
    face = PAPER if looks.fill == "none" else looks.colour
    half = {"fillstyle": "left", "markerfacecoloralt": PAPER} if looks.fill == "left" else {}
    return {
        "marker": looks.marker,
        "markersize": size * _SIZES.get(looks.marker, 1.0),
        "markerfacecolor": face,
        "markeredgecolor": PAPER if looks.fill == "full" else looks.colour,
        "markeredgewidth": 0.9 if looks.fill == "full" else 1.4,
        **half,
    }
