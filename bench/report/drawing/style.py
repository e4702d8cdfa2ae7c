"""How a line looks: colour is the stack, marker and dash the weight format, the marker's fill the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.spec import hardware_of
from bench.report.names import Series

TEXT, MUTED, GRID, PAPER, ACCENT = "#010101", "#020202", "#030303", "#040404", "#050505"
STACKS = tuple(f"#0a0a{number:02x}" for number in range(7))
"""One for each stack; beyond, they come again."""

COLOURS = {
    TEXT: "var(--text)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--card)",
    ACCENT: "var(--accent)",
    **{colour: f"var(--s{number})" for number, colour in enumerate(STACKS)},
}
"""What matplotlib draws in -> what the page shows. ``page.css`` has the values: Okabe and Ito's palette for stacks, a
little darker on light pages and lighter on dark ones."""

Dashes = tuple[float | None, ...]
"""In units of the line's width."""
SOLID: Dashes = (None, None)

_MARKERS = {"int4": "o", "int8": "s", "fp16": "^", "bf16": "D", "fp32": "v"}
_OTHER_MARKERS = ("P", "X", "p", "h")
# Triangles and diamonds look smaller than discs of the same size.
_SIZES = {"^": 1.2, "v": 1.2, "D": 0.92}
_DASHES: dict[str, Dashes] = {"int8": (6, 2.2), "fp16": (1.2, 1.8), "bf16": (6, 1.8, 1.2, 1.8), "fp32": (2.8, 1.8)}
_FILLS = {"CPU": "full", "GPU": "none", "NPU": "left"}


@dataclass(frozen=True, slots=True)
class LineStyle:
    """One line's style, in matplotlib's terms, and its number in the page."""

    number: int
    colour: str
    marker: str
    dashes: Dashes
    fill: str

    def line(self, width: float = 1.6) -> dict[str, Any]:
        return {"color": self.colour, "dashes": self.dashes, "linewidth": width}

    def points(self, size: float = 6.4) -> dict[str, Any]:
        full = self.fill == "full"
        return {
            "linestyle": "none",
            "marker": self.marker,
            "markersize": size * _SIZES.get(self.marker, 1.0),
            "markerfacecolor": PAPER if self.fill == "none" else self.colour,
            "markeredgecolor": PAPER if full else self.colour,
            "markeredgewidth": 0.9 if full else 1.4,
            **({"fillstyle": "left", "markerfacecoloralt": PAPER} if self.fill == "left" else {}),
        }


def line_styles(series: Sequence[Series]) -> dict[str, LineStyle]:
    """Series key -> style."""
    families = list(dict.fromkeys(one.family for one in series))
    unknown = [p for p in dict.fromkeys(one.load.precision for one in series) if p not in _MARKERS]
    markers = _MARKERS | {p: _OTHER_MARKERS[index % len(_OTHER_MARKERS)] for index, p in enumerate(unknown)}
    return {
        one.key: LineStyle(
            number=number,
            colour=STACKS[families.index(one.family) % len(STACKS)],
            marker=markers[one.load.precision],
            dashes=_DASHES.get(one.load.precision, SOLID),
            fill=_FILLS.get(hardware_of(one.load.ran_on) or "", "full"),
        )
        for number, one in enumerate(series)
    }
