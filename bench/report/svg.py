"""matplotlib's SVG made fit for the page: no inline styles, no ids that clash, colours that follow light and dark."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

from bench.report.style import SENTINELS

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: (?:[^;]*? )??([\d.]+)px [^;]+")
_SENTINEL = re.compile("|".join(SENTINELS))

_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_GEOMETRY = ("d", "x", "y", "width", "height", "points")

TIP = "tip-"
"""An artist's gid that starts so becomes a group with the mark of that number."""


class StyleSheet:
    """Collects the styles of all drawings of a page as classes: a strict policy allows no ``style`` attribute."""

    def __init__(self) -> None:
        self._classes: dict[str, str] = {}

    def name(self, style: str) -> str:
        """The class that stands for ``style``."""
        style = _FONT.sub(r"font-size: \1px", style)
        style = _SENTINEL.sub(lambda found: SENTINELS[found.group()], style)
        return self._classes.setdefault(style, f"m{len(self._classes)}")

    def css(self) -> str:
        """All classes, one rule a line."""
        return "".join(f".{name}{{{style}}}\n" for style, name in self._classes.items())


@dataclass(frozen=True, slots=True)
class Mark:
    """What a group of a drawing stands for.

    Args:
        tip: its tooltip; blank for none.
        data: for the page's script, which finds it by them: name -> value of a ``data-`` attribute.
    """

    tip: str
    data: Mapping[str, str]


def embed(drawn: str, sheet: StyleSheet, label: str, marks: Mapping[str, Mark] | None = None) -> str:
    """An SVG element to stand within a page.

    Args:
        drawn: a whole SVG document, as matplotlib writes it.
        sheet: takes up the styles.
        label: what the drawing is, for those who cannot see it.
        marks: number -> what the groups marked with :data:`TIP` stand for.
    """
    root = _converted(drawn, sheet, marks or {})
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


def _converted(drawn: str, sheet: StyleSheet, marks: Mapping[str, Mark]) -> ET.Element:
    root = ET.fromstring(drawn)  # noqa: S314 - what is parsed was drawn by this program
    view = root.get("viewBox") or ""
    for parent in root.iter():
        _drop_metadata(parent)
    for element in root.iter():
        _convert(element, sheet, marks)
    root.attrib.clear()
    root.set("viewBox", view)
    return root


def _written(root: ET.Element) -> str:
    return re.sub(r"\s*\n\s*", "\n", ET.tostring(root, encoding="unicode"))


def _drop_metadata(parent: ET.Element) -> None:
    for child in list(parent):
        if child.tag in (f"{_SVG}style", f"{_SVG}metadata") or not child.tag.startswith(_SVG):
            parent.remove(child)


def _convert(element: ET.Element, sheet: StyleSheet, marks: Mapping[str, Mark]) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    if style := element.attrib.pop("style", None):
        element.set("class", sheet.name(style))
    for geometry in _GEOMETRY:
        if value := element.get(geometry):
            element.set(geometry, _shortened(value))
    if href := element.attrib.pop(_HREF, None):
        element.set("href", href)
    if element.tag == "g" and (name := element.attrib.pop("id", None)) and name.startswith(TIP):
        _mark(element, marks[name.removeprefix(TIP)])


def _mark(group: ET.Element, mark: Mark) -> None:
    group.attrib.update({f"data-{name}": value for name, value in mark.data.items()})
    if mark.tip:
        title = ET.Element("title")
        title.text = mark.tip
        group.insert(0, title)


def _shortened(geometry: str) -> str:
    """Numbers to a hundredth of a point, which is finer than any screen, and no letter that goes without saying."""
    short = " ".join(_LONG_NUMBER.sub(_rounded, geometry).split())
    # What follows a place to begin at is a line to the next one, unless it says that it is a curve.
    return short if "C" in short or "Q" in short else short.replace(" L ", " ")


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found.group()):.2f}".rstrip("0").rstrip(".")
