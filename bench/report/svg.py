"""matplotlib's SVG made fit for the page: no inline styles, no ids that clash, colours that follow light and dark."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from bench.report.style import SENTINELS

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT = re.compile(r"font: (?:[^;]*? )??([\d.]+)px [^;]+")
_SENTINEL = re.compile("|".join(SENTINELS))

TIP = "tip-"
"""An artist's gid that starts so becomes a group with the tooltip of that number."""


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


def embed(drawn: str, sheet: StyleSheet, label: str, tips: Mapping[str, str] | None = None) -> str:
    """An SVG element to stand within a page.

    Args:
        drawn: a whole SVG document, as matplotlib writes it.
        sheet: takes up the styles.
        label: what the drawing is, for those who cannot see it; empty for mere decoration.
        tips: number -> tooltip of the groups marked with :data:`TIP`.
    """
    root = ET.fromstring(drawn)  # noqa: S314 - what is parsed was drawn by this program
    view = root.get("viewBox") or ""
    for parent in root.iter():
        _drop_metadata(parent)
    for element in root.iter():
        _convert(element, sheet, tips or {})
    root.attrib.clear()
    told = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    root.attrib.update({"viewBox": view, "class": "chart", **told})
    return re.sub(r"\s*\n\s*", "\n", ET.tostring(root, encoding="unicode"))


def _drop_metadata(parent: ET.Element) -> None:
    for child in list(parent):
        if child.tag in (f"{_SVG}style", f"{_SVG}metadata") or not child.tag.startswith(_SVG):
            parent.remove(child)


def _convert(element: ET.Element, sheet: StyleSheet, tips: Mapping[str, str]) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    if style := element.attrib.pop("style", None):
        element.set("class", sheet.name(style))
    if href := element.attrib.pop(_HREF, None):
        element.set("href", href)
    if element.tag == "g" and (name := element.attrib.pop("id", None)) and name.startswith(TIP):
        title = ET.Element("title")
        title.text = tips[name.removeprefix(TIP)]
        element.insert(0, title)
