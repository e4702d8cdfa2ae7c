"""The checks themselves see what they look for: a colour that fails in one scheme alone, or a page that changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH

from tests.browser.checks import COLOUR_RULES, violations
from tests.support.browsers import Open

pytestmark = pytest.mark.browser

ROWS = "<p>Well to be read.</p>" * 5
DARK = "@media (prefers-color-scheme: dark)"
STYLES = {
    "light: color-contrast": f"p {{ color: #999 }} {DARK} {{ p {{ color: #000 }} }}",
    "dark: color-contrast": f"{DARK} {{ p + p {{ color: #ccc }} }}",
    "dark: the page is another one": f"{DARK} {{ p {{ margin: 2em }} }}",
}


def page(folder: Path, style: str, body: str = ROWS) -> Path:
    path = folder / "page.html"
    head = f'<!DOCTYPE html><html lang="en"><title>t</title><style>body {{ background: #fff }} {style}</style>'
    path.write_text(f"{head}<main><h1>t</h1>{body}</main></html>", encoding="utf-8")
    return path


def test_a_page_without_a_fault_has_none(open_file: Open, tmp_path: Path) -> None:
    assert violations(open_file(page(tmp_path, ""))) == []


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("found", STYLES)
def test_a_fault_of_one_scheme_is_found_and_named(open_file: Open, tmp_path: Path, found: str, *, every: bool) -> None:
    (said,) = violations(open_file(page(tmp_path, STYLES[found])), every=every)
    assert said.startswith(found)


def test_a_link_that_is_told_by_its_colour_alone_is_found_in_dark(open_file: Open, tmp_path: Path) -> None:
    style = f"{DARK} {{ a {{ text-decoration: none; color: #111 }} }}"
    (said,) = violations(open_file(page(tmp_path, style, '<p>Words and <a href="#a">a link</a> and words.</p>')))
    assert said.startswith("dark: link-in-text-block")


def test_no_other_rule_of_axe_looks_at_colours(open_file: Open, tmp_path: Path) -> None:
    opened = open_file(page(tmp_path, ""))
    opened.page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    names = opened.page.evaluate("axe.getRules(['cat.color']).map(one => one.ruleId)")
    # Axe runs the enhanced contrast only for who asks for it: it is level AAA of WCAG.
    assert set(names) == {*COLOUR_RULES, "color-contrast-enhanced"}
