"""What is asked of every page."""

from __future__ import annotations

from axe_playwright_python.base import AXE_FILE_PATH

from tests.browser.conftest import Opened

OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"


def violations(opened: Opened) -> list[str]:
    """What axe-core finds, with the first elements that it finds it at; with all that is folded open."""
    opened.page.evaluate(OPEN_ALL)
    opened.page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    found = opened.page.evaluate("axe.run()")["violations"]
    return [f"{one['id']}: {one['help']}: {[node['html'][:300] for node in one['nodes'][:3]]}" for one in found]


def overflow(opened: Opened) -> int:
    """By how many pixels the page is wider than the screen, with all that is folded open."""
    opened.page.evaluate(OPEN_ALL)
    width: int = opened.page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
    return width


def beyond_paper(opened: Opened) -> list[str]:
    """What a print would cut off at the right."""
    opened.page.emulate_media(media="print")
    wide = "[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1)"
    found: list[str] = opened.page.evaluate(f"{wide}.map(one => one.outerHTML.slice(0, 200))")
    return found
