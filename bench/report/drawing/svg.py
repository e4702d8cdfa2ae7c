"""matplotlib's drawing calls as SVG elements of a page; the package says how and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import groupby
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D, Transform

from bench.report.drawing.style import COLOURS

_LETTERS: dict[Any, str] = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "z"}
_CAPS = {"projecting": "square"}
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


Point = tuple[float, float]
Step = tuple[str, Point]
"""The letter of a command and where it leads: M, L and z, and for each point of a curve C or Q."""


class Sheet:
    """What the drawings of a page share: styles as classes, and shapes that stand once."""

    def __init__(self) -> None:
        self._classes: dict[str, str] = {}
        self._shapes: dict[tuple[str, str], str] = {}

    def class_of(self, style: str) -> str:
        return self._classes.setdefault(style, f"m{len(self._classes)}")

    def css(self) -> str:
        return "".join(f".{name}{{{style}}}\n" for style, name in self._classes.items())

    def shape(self, content: str, tag: str = "g") -> str:
        """The id under which the page has ``content``, within an element of that tag."""
        return self._shapes.setdefault((tag, content), f"d{len(self._shapes)}")

    def shapes(self) -> Markup:
        """All shapes, for the ``<defs>`` of an SVG element that is never hidden."""
        return Markup("").join(
            Markup(f'<{tag} id="{name}">{content}</{tag}>')  # noqa: S704 - written by the renderer, which escapes
            for (tag, content), name in self._shapes.items()
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """What a line or a marker stands for: its tooltip, if any, and ``data-`` attributes for the page's script."""

    tip: str
    data: Mapping[str, object]

    def around(self, elements: str) -> str:
        data = "".join(f' data-{name}="{escape(str(value))}"' for name, value in self.data.items())
        title = f"<title>{escape(self.tip, quote=False)}</title>" if self.tip else ""
        return f"<g{data}>{title}{elements}</g>"


class SvgRenderer(RendererBase):
    """Collects the elements of one figure."""

    def __init__(self, width: float, height: float, sheet: Sheet) -> None:
        super().__init__()
        self._size = width, height
        self._sheet = sheet
        self._flip = Affine2D().scale(1, -1).translate(0, height)
        self._elements: list[tuple[str, str]] = []
        """Each with the id of its clip, or blank."""
        self._open: list[Sequence[Mark] | None] = []
        self._marked: list[list[str]] = []
        """The elements of each mark of the group that is open."""
        self._clip = ""

    def elements(self) -> str:
        """All that was drawn; neighbours with the same clip share a group."""
        found = []
        for clip, group in groupby(self._elements, lambda one: one[0]):
            inner = "".join(element for _, element in group)
            found.append(f'<g clip-path="url(#{clip})">{inner}</g>' if clip else inner)
        return "".join(found)

    def open_group(self, s: str, gid: Any = None) -> None:  # noqa: ARG002 - matplotlib's
        self._open.append(gid)
        if gid:
            self._marked = [[] for _ in gid]

    def close_group(self, s: str) -> None:  # noqa: ARG002
        marks = self._open.pop()
        for mark, elements in zip(marks or (), self._marked, strict=False):
            if elements:
                self._elements.append((self._clip, mark.around("".join(elements))))
        if marks:
            self._marked = []

    def _add(self, gc: GraphicsContextBase, element: str, marker: int = 0) -> None:
        box, clip = gc.get_clip_rectangle(), ""
        if box is not None:
            places = {"x": box.x0, "y": self._size[1] - box.y1, "width": box.width, "height": box.height}
            rectangle = " ".join(f'{name}="{coordinate(value)}"' for name, value in places.items())
            clip = self._sheet.shape(f"<rect {rectangle}/>", "clipPath")
        if self._marked:
            self._clip = clip
            self._marked[marker % len(self._marked)].append(element)
        else:
            self._elements.append((clip, element))

    def draw_path(
        self,
        gc: GraphicsContextBase,
        path: Path,
        transform: Transform,
        rgbFace: Any = None,  # noqa: N803
    ) -> None:
        if style := _style(gc, rgbFace):
            data = "".join(commands(_steps(path, transform + self._flip)))
            self._add(gc, f'<path class="{self._sheet.class_of(style)}" d="{data}"/>')

    def draw_markers(
        self,
        gc: GraphicsContextBase,
        marker_path: Path,
        marker_trans: Transform,
        path: Path,
        trans: Transform,
        rgbFace: Any = None,  # noqa: N803
    ) -> None:
        places = [place for _, place in _steps(path, trans + self._flip)]
        marker = _steps(marker_path, marker_trans + Affine2D().scale(1, -1))
        name = self._sheet.class_of(_style(gc, rgbFace))
        if [letter for letter, _ in marker] == ["M", "L"]:
            # Straight markers, such as the ticks of an axis, are shorter as one path.
            all_of_them = [(letter, (x + dx, y + dy)) for x, y in places for letter, (dx, dy) in marker]
            self._add(gc, f'<path class="{name}" d="{"".join(commands(all_of_them))}"/>')
            return
        shape = self._sheet.shape(f'<path class="{name}" d="{"".join(commands(marker, FINE_PLACES))}"/>')
        for number, (x, y) in enumerate(places):
            self._add(gc, f'<use href="#{shape}" x="{coordinate(x)}" y="{coordinate(y)}"/>', number)

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,  # noqa: ARG002
        mtext: Text | None = None,
    ) -> None:
        assert mtext is not None, "only labels of a figure are drawn"
        anchor_x, anchor_y = mtext.get_transform().transform(mtext.get_unitless_position())
        # Along the line the anchor holds, so that a font of another width stays aligned; across it, matplotlib's place.
        x, y = (x, self._size[1] - anchor_y) if angle else (anchor_x, y)
        place = f'x="{coordinate(x)}" y="{coordinate(y)}"'
        if angle:
            place += f' transform="rotate({coordinate(-angle)} {coordinate(x)} {coordinate(y)})"'
        style = f"font-size: {coordinate(prop.get_size_in_points())}px"
        style += f"; text-anchor: {_ANCHORS[str(mtext.get_horizontalalignment())]}; fill: {_colour(gc.get_rgb())}"
        self._add(gc, f'<text class="{self._sheet.class_of(style)}" {place}>{escape(s, quote=False)}</text>')

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        # Free of any one screen's pixels, so that a layout is the same everywhere.
        width, height, descent = text_to_path.get_text_width_height_descent(s, prop, ismath)
        return width, height, descent

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self._size


def _steps(path: Path, transform: Transform) -> list[Step]:
    """The path's places, each with the letter of the way to it; a gap of the data is a move."""
    cleaned = path.cleaned(transform=transform, remove_nans=True, simplify=False, curves=True)
    codes, vertices = (np.asarray(array).tolist() for array in (cleaned.codes, cleaned.vertices))
    return [(_LETTERS[code], (x, y)) for code, (x, y) in zip(codes, vertices, strict=True) if code in _LETTERS]


def _style(gc: GraphicsContextBase, face: Any) -> str:
    """What a call draws with, as CSS; blank where nothing is seen of it."""
    width = gc.get_linewidth()
    opacity = face[3] if face is not None and len(face) == 4 else 1
    if face is None or not opacity:
        if not width:
            return ""
        style = {"fill": "none"}
    else:
        style = {"fill": _colour(face)}
    whole = gc.get_forced_alpha()
    if 0 < opacity < 1 and not whole:
        style["fill-opacity"] = f"{opacity:g}"
    if whole and gc.get_alpha() != 1:
        style["opacity"] = f"{gc.get_alpha():g}"
    if width:
        style |= _stroke(gc, width)
    return "; ".join(f"{name}: {value}" for name, value in style.items())


def _stroke(gc: GraphicsContextBase, width: float) -> dict[str, str]:
    colour: Any = gc.get_rgb()
    style = {"stroke": _colour(colour), "stroke-width": f"{width:g}"}
    if colour[3] != 1 and not gc.get_forced_alpha():
        style["stroke-opacity"] = f"{colour[3]:g}"
    _, dashes = gc.get_dashes()
    if dashes is not None:
        style["stroke-dasharray"] = ",".join(f"{length:g}" for length in dashes)
    # The page says what is usual for charts: round joins and butt caps.
    if (join := gc.get_joinstyle()) != "round":
        style["stroke-linejoin"] = join
    if (cap := gc.get_capstyle()) != "butt":
        style["stroke-linecap"] = _CAPS.get(cap, cap)
    return style


def _colour(rgb: Any) -> str:
    written = to_hex(rgb[:3])
    return COLOURS.get(written, written)


PLACES = 1
"""Decimals of a coordinate in a drawing of some hundred units: finer than any screen."""
FINE_PLACES = 2
"""Of a shape of a few units, such as a marker."""


@lru_cache(maxsize=65536)
def written(units: int, places: int = PLACES) -> str:
    """``units`` of the last decimal as a number, without zeros that go without saying: 25 is 2.5 and 5 is .5."""
    text = f"{units / 10**places:.9g}"
    return text.replace("0.", ".") if abs(units) < 10**places else text


def coordinate(value: float) -> str:
    """One coordinate."""
    return written(round(value * 10**PLACES))


def line(points: Iterable[Point], places: int = PLACES) -> str:
    """Path data of one line through ``points``."""
    return "".join(commands((("L" if place else "M", point) for place, point in enumerate(points)), places))


def vertices(points: Sequence[Point]) -> str:
    """Path data in whole units, at whose points markers stand, and no line is drawn."""
    # A place alone is no path yet.
    return line(points, 0) + ("h0" if len(points) == 1 else "")


def commands(steps: Iterable[Step], places: int = PLACES) -> Iterator[str]:
    """Path data, in parts: moves to a place, and from there on by how far it is to the next.

    Places are rounded, not the ways between them, so that no error adds up. Curves, the outlines of markers, are few.
    """
    scale = 10**places
    x = y = start_x = start_y = 0
    before = ""
    for letter, point in steps:
        to_x, to_y = round(point[0] * scale), round(point[1] * scale)
        if letter in "zZ":
            to_x, to_y = start_x, start_y
            yield "z"
        elif letter == "L":
            step = pair(written(to_x - x, places), written(to_y - y, places))
            yield pair("", step) if before == "L" else "l" + step
        else:
            if letter == "M":
                start_x, start_y = to_x, to_y
            place = pair(written(to_x, places), written(to_y, places))
            yield pair("", place) if before == letter and letter != "M" else letter + place
        x, y, before = to_x, to_y, letter


def pair(first: str, second: str) -> str:
    """Two numbers as they stand in path data."""
    return f"{first}{second}" if second.startswith("-") else f"{first} {second}"
