"""The tags of a page, the text that it shows, and what of it was left in English."""

from __future__ import annotations

import re
import zipfile
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

from bench.report.run_page import run_page
from bench.report.run_view import RunView

NO_TURKISH = re.compile(
    r"\b(the|of|and|was|were|with|from|by|not|prompt|blocks?|cells?|tokens?|first|time|device|peak|more)\b",
    re.IGNORECASE,
)


class Visible(HTMLParser):
    """What a reader reads and hears: text and labels, but for commands and for what is marked as English."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.skipped: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if self.skipped or tag in ("script", "style", "code") or (tag != "html" and found.get("lang") == "en"):
            self.skipped += [tag] if tag not in ("meta", "link", "br", "input") else []
            return
        self.said += [found[name] or "" for name in ("aria-label", "title", "data-said") if name in found]

    def handle_endtag(self, tag: str) -> None:
        if self.skipped and self.skipped[-1] == tag:
            self.skipped.pop()

    def handle_data(self, data: str) -> None:
        if not self.skipped and data.strip():
            self.said.append(data.strip())


def left_in_english(page: str) -> list[str]:
    """What is shown that has a word of no Turkish."""
    return [said for said in Visible(page).said if NO_TURKISH.search(said)]


VOID = {"meta", "link", "br", "img", "input"}


class Tags(HTMLParser):
    """Every tag with its attributes, the ids, and whether what was opened was closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.balanced = True
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.balanced &= bool(self.open) and self.open.pop() == tag


def visible(page: str) -> str:
    return " ".join(re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL).split())


def words_of(path: Path) -> str:
    """All text in a file; that of a workbook is compressed."""
    if path.suffix != ".xlsx":
        return path.read_text("utf-8")
    with zipfile.ZipFile(path) as archive:
        return "\n".join(archive.read(name).decode("utf-8") for name in archive.namelist())


def cell_details(view: RunView) -> dict[str, dict[str, str]]:
    """Key of a cell of a run -> its details on the page: facts by name, and ``summary``, ``left out`` and so on."""
    page = run_page(view, "", b"")
    found = {}
    for group in view.groups:
        for row in group.rows:
            details = page.partition(f'id="{row.anchor}"')[2].partition("</table>")[0]
            facts = re.findall(r"<dt>(.*?)</dt><dd.*?>(.*?)</dd>", details, re.DOTALL)
            found[row.cell.cell_key] = {unescape(name): unescape(value) for name, value in facts} | {"": details}
    return found
