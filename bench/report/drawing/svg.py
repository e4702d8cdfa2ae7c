"""matplotlib's SVG made fit for the page: no inline styles, no ids that clash, colours that follow light and dark.

What matplotlib writes is for any program to edit. A page needs what is seen of it alone, so that groups which hold
nothing together, clips that could be one, and shapes that are the same in every drawing are taken out.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from bench.report.drawing.style import SENTINELS
from bench.report.paths import FINE_PLACES, coordinate, line, shortened

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: (?:[^;]*? )??([\d.]+)px [^;]+")
_SENTINEL = re.compile("|".join(SENTINELS))
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_GEOMETRY = ("x", "y", "width", "height")
_INVISIBLE = "fill: none"
"""The style of what matplotlib draws for the ground of a figure without one."""

TIP = "tip-"
"""An artist's gid that starts so becomes a group with the mark of that number."""

TIPS = "tips-"
"""So does each marker of an artist whose gid starts so: ``tips-7-3`` has three, the first of them with mark 7."""


class StyleSheet:
    """Collects what the drawings of a page share.

    Styles become classes, because a strict policy allows no ``style`` attribute; shapes and clips stand once.
    """

    def __init__(self) -> None:
        self._classes: dict[str, str] = {}
        self._shapes: dict[str, ET.Element] = {}

    def name(self, style: str) -> str:
        """The class that stands for ``style``."""
        style = _FONT.sub(r"font-size: \1px", style)
        style = _SENTINEL.sub(lambda found: SENTINELS[found.group()], style)
        return self._classes.setdefault(style, f"m{len(self._classes)}")

    def css(self) -> str:
        """All classes, one rule a line."""
        return "".join(f".{name}{{{style}}}\n" for style, name in self._classes.items())

    def shape(self, element: ET.Element) -> str:
        """The id under which the page has ``element``, which has none of its own."""
        known = self._shapes.setdefault(_written(element), element)
        if known is element:
            element.set("id", f"d{len(self._shapes) - 1}")
        return known.attrib["id"]

    def shapes(self) -> str:
        """All shapes, for ``<defs>`` in a drawing of the page that is never hidden; whole once all drawings are."""
        return "".join(_written(element) for element in self._shapes.values())


@dataclass(frozen=True, slots=True)
class Mark:
    """What a group of a drawing stands for.

    Args:
        tip: its tooltip; blank for none.
        data: for the page's script, which finds it by them: name -> value of a ``data-`` attribute.
    """

    tip: str
    data: Mapping[str, str]


def embed(
    drawn: str, sheet: StyleSheet, label: str, marks: Mapping[str, Mark] | None = None, ground: str | None = None
) -> str:
    """An SVG element to stand within a page.

    Args:
        drawn: a whole SVG document, as matplotlib writes it.
        sheet: takes up the styles and shapes.
        label: what the drawing is, for those who cannot see it.
        marks: number -> what the groups marked with :data:`TIP` stand for.
        ground: the id of a shape that lies below all that is drawn, see :func:`as_shape`.
    """
    root = _converted(drawn, sheet, marks or {})
    if ground is not None:
        root.insert(0, ET.Element("use", {"href": f"#{ground}"}))
    root.attrib.update({"class": "chart", "role": "img", "aria-label": label})
    return _written(root)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A drawing that is defined once in a page and used many times, as decoration.

    Args:
        definition: stands once within ``<defs>``.
        use: stands wherever it is shown.
    """

    definition: str
    use: str


def as_symbol(name: str, drawn: str, sheet: StyleSheet) -> Symbol:
    """The drawing under the id ``name``, which is unique in its page."""
    root = _converted(drawn, sheet, {})
    view = root.attrib["viewBox"]
    root.tag = "symbol"
    root.set("id", name)
    use = f'<svg class="chart" viewBox="{view}" aria-hidden="true"><use href="#{name}"></use></svg>'
    return Symbol(_written(root), use)


def as_shape(drawn: str, sheet: StyleSheet) -> str:
    """The id under which the page has the drawing, for others of its size to stand on."""
    group = ET.Element("g")
    group.extend(_converted(drawn, sheet, {}))
    return sheet.shape(group)


def _written(root: ET.Element) -> str:
    # Within an attribute or a text the writer escapes ">", so that this is the end of a tag.
    return ET.tostring(root, encoding="unicode").replace(" />", "/>")


def _converted(drawn: str, sheet: StyleSheet, marks: Mapping[str, Mark]) -> ET.Element:
    root = ET.fromstring(drawn)  # noqa: S314 - what is parsed was drawn by this program
    view = root.get("viewBox") or ""
    root.attrib.clear()
    for parent in root.iter():
        _drop_unseen(parent)
    shapes = _Shapes(sheet)
    for parent in root.iter():
        shapes.take_out_of(parent)
    for element in root.iter():
        _convert(element, shapes, marks)
    root[:] = [kept for child in root for kept in _flattened(child, shapes)]
    root[:] = _clipped_together(root)
    root.set("viewBox", view)
    return root


def _drop_unseen(parent: ET.Element) -> None:
    for child in list(parent):
        other = child.tag in (f"{_SVG}style", f"{_SVG}metadata") or not child.tag.startswith(_SVG)
        if other or child.get("style") == _INVISIBLE:
            parent.remove(child)
    for blank in ("text", "tail"):
        if not (getattr(parent, blank) or "").strip():
            setattr(parent, blank, None)


class _Shapes:
    """The definitions of one drawing. Those that it needs get ids in the page."""

    def __init__(self, sheet: StyleSheet) -> None:
        self.sheet = sheet
        self.dashes: dict[str, tuple[float, float, float, float]] = {}
        """Those that are one straight line: id in the drawing -> its ends."""
        self._elements: dict[str, ET.Element] = {}
        self._ids: dict[str, str] = {}

    def take_out_of(self, parent: ET.Element) -> None:
        for definitions in [child for child in parent if child.tag == f"{_SVG}defs"]:
            parent.remove(definitions)
            for element in definitions:
                self._take(element)

    def _take(self, element: ET.Element) -> None:
        old = element.attrib.pop("id")
        # Whatever uses a shape has the same style once more, and its own fill.
        element.attrib.pop("style", None)
        path = element.get("d", "")
        if "".join(path.split()).count("L") == 1 and len(numbers := _NUMBER.findall(path)) == 4:
            x, y, to_x, to_y = map(float, numbers)
            self.dashes[old] = (x, y, to_x, to_y)
        for one in element.iter():
            one.tag = one.tag.removeprefix(_SVG)
            one.text = one.tail = None
            _shorten(one, FINE_PLACES)
        self._elements[old] = element

    def reference(self, old: str) -> str:
        """``#`` and the id in the page; that of the drawing for a straight line, which is drawn where it is used."""
        if old in self.dashes:
            return f"#{old}"
        if old not in self._ids:
            self._ids[old] = self.sheet.shape(self._elements[old])
        return f"#{self._ids[old]}"


def _shorten(element: ET.Element, places: int) -> None:
    if path := element.get("d"):
        element.set("d", shortened(path, places))
    for name in _GEOMETRY:
        if value := element.get(name):
            element.set(name, coordinate(float(value), places))


def _convert(element: ET.Element, shapes: _Shapes, marks: Mapping[str, Mark]) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    if style := element.attrib.pop("style", None):
        element.set("class", shapes.sheet.name(style))
    if turn := element.attrib.pop("transform", None):
        _turn(element, turn)
    if element.tag != "use":
        _shorten(element, 1)
    if href := element.attrib.pop(_HREF, None):
        element.set("href", shapes.reference(href.removeprefix("#")))
    if clip := element.get("clip-path"):
        element.set("clip-path", _REFERENCE.sub(lambda found: f"url({shapes.reference(found.group(1))})", clip))
    if element.tag == "g" and (name := element.attrib.pop("id", None)):
        if name.startswith(TIP):
            _mark(element, marks[name.removeprefix(TIP)])
        elif name.startswith(TIPS):
            first, count = map(int, name.removeprefix(TIPS).split("-"))
            _mark_each(element, [marks[str(number)] for number in range(first, first + count)])


def _turn(element: ET.Element, transform: str) -> None:
    """Labels that stand upright are written with a turn by nothing."""
    if transform.startswith("rotate(-0 "):
        return
    if transform.startswith("rotate("):
        transform = _NUMBER.sub(lambda found: coordinate(float(found.group())), transform)
    element.set("transform", transform)


def _mark(group: ET.Element, mark: Mark) -> None:
    group.attrib.update({f"data-{name}": value for name, value in mark.data.items()})
    if mark.tip:
        title = ET.Element("title")
        title.text = mark.tip
        group.insert(0, title)


def _mark_each(group: ET.Element, marks: Sequence[Mark]) -> None:
    """A group for each marker; one that is filled by halves is drawn twice, each half for all markers in turn."""
    uses = [element for element in group.iter() if element.tag == f"{_SVG}use"]
    assert len(uses) in (len(marks), 2 * len(marks)), "a marker lies outside its drawing"
    group[:] = []
    for number, mark in enumerate(marks):
        own = ET.SubElement(group, "g")
        own.extend(uses[number :: len(marks)])
        _mark(own, mark)


def _flattened(element: ET.Element, shapes: _Shapes) -> Iterator[ET.Element]:
    """``element``, or what it holds if it holds nothing together."""
    children = [kept for child in element for kept in _flattened(child, shapes)]
    children = list(_dashes_together(children, shapes))
    if element.tag != "g":
        element[:] = children
        yield element
        return
    titled = any(child.tag == "title" for child in children)
    free = all("clip-path" not in child.attrib for child in children)
    if not titled and (not element.attrib or (free and set(element.attrib) == {"clip-path"})):
        for child in children:
            child.attrib.update(element.attrib)
        yield from children
        return
    drawn = [child for child in children if child.tag != "title"]
    clips = {child.get("clip-path") for child in drawn}
    if len(clips) == 1 and (clip := clips.pop()) and "clip-path" not in element.attrib:
        element.set("clip-path", clip)
        for child in drawn:
            del child.attrib["clip-path"]
    element[:] = _clipped_together(children)
    if drawn:
        yield element


def _dashes_together(children: Iterable[ET.Element], shapes: _Shapes) -> Iterator[ET.Element]:
    """Straight markers of one look, such as the ticks of an axis, as one path."""

    def look(child: ET.Element) -> tuple[str | None, ...] | None:
        used = child.tag == "use" and child.attrib["href"].removeprefix("#") in shapes.dashes
        return tuple(child.get(name) for name in ("href", "class", "clip-path")) if used else None

    for looks, group in groupby(children, look):
        if looks is None:
            yield from (_placed(child) for child in group)
            continue
        x, y, to_x, to_y = shapes.dashes[str(looks[0]).removeprefix("#")]
        places = [(float(child.get("x", 0)), float(child.get("y", 0))) for child in group]
        path = ET.Element("path", {"d": "".join(line([(a + x, b + y), (a + to_x, b + to_y)]) for a, b in places)})
        path.attrib.update(
            {name: value for name, value in zip(("class", "clip-path"), looks[1:], strict=True) if value}
        )
        yield path


def _placed(child: ET.Element) -> ET.Element:
    if child.tag == "use":
        _shorten(child, 1)
    return child


def _clipped_together(children: Iterable[ET.Element]) -> list[ET.Element]:
    """Neighbours that are clipped by the same edge in one group that is."""
    found = []
    for clip, group in groupby(children, lambda child: child.get("clip-path")):
        members = list(group)
        if clip is None or len(members) == 1:
            found += members
            continue
        together = ET.Element("g", {"clip-path": clip})
        for member in members:
            del member.attrib["clip-path"]
            together.append(member)
        found.append(together)
    return found
