"""Pages behind the policy that Jenkins sends: every figure legible, nothing drawn, and a line that says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.checks import OPEN_ALL
from tests.browser.pages import PAGES
from tests.browser.policies import served
from tests.browser.runs import RUNS
from tests.support.browsers import LAPTOP, Open, Stored, new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LARGE = {"large", "large comparison", "large history"}
NAMES = [name for name in (*RUNS, *PAGES, "index") if name not in LARGE]

RUN_TOGETHER = r"""() => {
  const inline = one => getComputedStyle(one).display === 'inline'
  const block = node => { let one = node.parentElement; while (inline(one)) one = one.parentElement; return one }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT)
  const found = []
  let last = null
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (node.localName === 'br' || !inline(node)) last = null
      continue
    }
    if (!node.data || !node.parentElement.checkVisibility() || node.parentElement.closest('.answers')) continue
    const joins = last && last.parentElement !== node.parentElement && block(last) === block(node)
    if (joins && /[^\s([“/-]$/.test(last.data) && /^[\p{L}\p{N}(✓○!≈?▲▼]/u.test(node.data)) {
      found.push(last.data.slice(-30) + '|' + node.data.slice(0, 30))
    }
    last = node
  }
  return found
}"""
"""Places where two elements are set one behind the other without a space between their words."""


DRAWN = "[...document.querySelectorAll('svg, .spare')].filter(one => one.checkVisibility()).map(one => one.outerHTML)"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows behind the policy, with all folded open."""

    lines: list[str]
    run_together: list[str]
    drawn: list[str]


Behind = Callable[[Path], "Page"]
Look = Callable[[str], Seen]


@pytest.fixture(scope="module")
def behind(browser: Browser) -> Iterator[Behind]:
    """Opens a page behind the policy."""
    with ExitStack() as stack:

        def at(path: Path) -> Page:
            address = stack.enter_context(served(path.parent))
            page = new_page(browser, LAPTOP)
            stack.enter_context(page.context)
            page.goto(address + path.name)
            return page

        yield at


@pytest.fixture(scope="module")
def look(behind: Behind, stored: Callable[[str], Stored], written: Callable[[str], Path]) -> Look:
    """Looks at a page behind the policy, once."""

    @cache
    def seen(name: str) -> Seen:
        page = behind(stored(name).index if name in RUNS else written(name))
        page.evaluate(OPEN_ALL)
        found = Seen(page.inner_text("body").splitlines(), page.evaluate(RUN_TOGETHER), page.evaluate(DRAWN))
        page.close()
        return found

    return seen


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_says_that_styles_are_missing_and_what_to_do(look: Look, name: str) -> None:
    first = next(filter(None, look(name).lines))
    assert first.startswith("Shown without its styles")
    assert "download the file" in first


@pytest.mark.parametrize("name", NAMES)
def test_no_words_run_together(look: Look, name: str) -> None:
    assert look(name).run_together == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_drawn(look: Look, name: str) -> None:
    assert look(name).drawn == []


def test_a_link_that_would_do_nothing_is_not_there(behind: Behind, stored: Callable[[str], Stored]) -> None:
    assert not behind(stored("usual").index).get_by_text("Save the data as CSV").is_visible()


@pytest.mark.parametrize("name", ["usual", "valued", "noted"])
def test_the_results_are_the_same_words_in_the_same_order_as_with_styles(
    behind: Behind, open_report: Open, stored: Callable[[str], Stored], name: str
) -> None:
    words = "document.querySelector('#table-results').innerText"
    styled = open_report(name, java_script_enabled=False).page.evaluate(words)
    assert behind(stored(name).index).evaluate(words).split() == styled.split()


def test_the_pasted_table_says_it_too(behind: Behind, stored: Callable[[str], Stored]) -> None:
    page = behind(stored("usual").index.with_name("table.html"))
    assert page.inner_text("main").startswith("Shown without its styles")


def test_with_styles_no_page_says_so(
    open_report: Open, open_page: Open, open_file: Open, stored: Callable[[str], Stored]
) -> None:
    pages = (open_report("usual"), *map(open_page, ("comparison", "history", "index")))
    pasted = open_file(stored("usual").index.with_name("table.html"))
    assert not [one for one in (*pages, pasted) if "without its styles" in one.page.inner_text("body")]
