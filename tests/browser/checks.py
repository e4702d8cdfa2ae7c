"""What is asked of every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_FILE_PATH

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.browsers import Opened

OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"


COLOUR_RULES = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core that look at colours, of those that it runs unasked."""

SHAPE = """() => document.documentElement.outerHTML + [...document.querySelectorAll('*')].map(one => {
  const {x, y, width, height} = one.getBoundingClientRect(), {display, visibility} = getComputedStyle(one)
  return [x, y, width, height, display, visibility]
}).join(';')"""
"""All that axe-core's other rules look at: what there is, where it lies, and whether it is seen."""

ONE_OF_A_KIND = """() => {
  const kinds = new Map(), found = new Map()
  const walk = (one, around) => {
    const style = getComputedStyle(one)
    const own = ['color', 'background-color', 'background-image', 'opacity', 'font-size', 'font-weight', 'text-shadow',
      'text-decoration', 'display', 'visibility', 'position', 'z-index'].map(name => style.getPropertyValue(name))
    const way = [around, one.localName, ...own].join('|')
    const kind = kinds.get(way) ?? kinds.size
    kinds.set(way, kind)
    const says = one.matches('input, select, textarea') || [...one.childNodes].some(
      node => node.nodeType === Node.TEXT_NODE && node.data.trim())
    if (says && !found.has(kind)) found.set(kind, one)
    for (const child of one.children) walk(child, kind)
  }
  walk(document.body, '')
  return [...found.values()]
}"""
"""The first of all elements with text that are set in the same way, within others that are set in the same way."""


def violations(opened: Opened, *, every: bool = False) -> list[str]:
    """What axe-core finds in light and in dark, with the first elements that it finds it at; all that is folded open.

    The rules that look at no colour look at every element. The page then turns dark, which must change nothing but
    colours, so that these rules can say nothing else there. The rules of colour look, in either scheme, at one element
    of each way in which text is set, since they tell the same of all others: a contrast is that of a text with what
    its ancestors paint behind it. What drawings paint there axe-core does not know, and so says nothing of the text in
    them.

    Args:
        opened: the page.
        every: in light, the rules of colour look at every element too; that takes them ten times as long.
    """
    page = opened.page
    page.evaluate(OPEN_ALL)
    page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    colours = {rule: {"enabled": every} for rule in COLOUR_RULES}
    found = _named("light", page.evaluate("rules => axe.run({rules})", colours))
    if not every:
        found += _named("light", _colours(page))
    shape = page.evaluate(SHAPE)
    page.emulate_media(color_scheme="dark")
    if page.evaluate(SHAPE) != shape:
        found.append("dark: the page is another one, or lies in another way, than in light")
    found += _named("dark", _colours(page))
    page.emulate_media(color_scheme="light")
    return found


def _colours(page: Page) -> dict[str, Any]:
    options = {"runOnly": {"type": "rule", "values": COLOUR_RULES}}
    found: dict[str, Any] = page.evaluate(f"options => axe.run({{include: ({ONE_OF_A_KIND})()}}, options)", options)
    return found


def _named(scheme: str, results: dict[str, Any]) -> list[str]:
    return [
        f"{scheme}: {one['id']}: {one['help']}: {[node['html'][:300] for node in one['nodes'][:3]]}"
        for one in results["violations"]
    ]


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
