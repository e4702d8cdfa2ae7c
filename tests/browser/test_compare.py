"""A comparison as a browser shows it: of one head, of several, and of names that mean harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.analyse.compare import compare
from bench.analyse.run import analyse_run
from bench.analyse.side_by_side import side_by_side
from bench.compare.finish import finish
from bench.store.reader import open_run
from tests.bench.report.conftest import FakeRun
from tests.browser.checks import beyond_paper, overflow, violations
from tests.browser.conftest import LAPTOP, PAPER, PHONE, WIDE, Opened
from tests.browser.runs import hostile, usual

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

KINDS: dict[str, tuple[Callable[[], FakeRun], int]] = {"one": (usual, 1), "three": (usual, 3), "hostile": (hostile, 2)}
"""Name -> what the runs are, and how many heads there are."""

Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every comparison, made once."""
    made = {}
    for kind, (run, heads) in KINDS.items():
        folder = tmp_path_factory.mktemp("compared")
        runs = [analyse_run(open_run(run().write(folder, f"run{number}"))) for number in range(heads + 1)]
        finish(side_by_side([compare(runs[0], head, 0.03) for head in runs[1:]]), folder / "out")
        made[kind] = folder / "out" / "compare.html"
    return made


@pytest.fixture
def open_page(browser: Browser, pages: dict[str, Path]) -> Iterator[Open]:
    """Opens a comparison by its name; further arguments are those of a browser context."""
    contexts = []

    def opened(name: str, size: tuple[int, int] = LAPTOP, **options: Any) -> Opened:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=True, **options)
        contexts.append(context)
        found = Opened(context.new_page())
        found.listen()
        found.page.goto(pages[name].as_uri())
        found.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        return found

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", KINDS)
def test_a_comparison_opens_without_an_error_and_asks_for_nothing(
    open_page: Open, pages: dict[str, Path], name: str
) -> None:
    opened = open_page(name)
    assert (opened.problems, [url for url in opened.requests if url != "data:,"]) == ([], [pages[name].as_uri()])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing_in_a_comparison(open_page: Open, name: str, scheme: str) -> None:
    assert violations(open_page(name, color_scheme=scheme)) == []


@pytest.mark.parametrize("size", [PHONE, LAPTOP, WIDE], ids=["phone", "laptop", "wide"])
@pytest.mark.parametrize("name", KINDS)
def test_a_comparison_is_no_wider_than_the_screen(open_page: Open, name: str, size: tuple[int, int]) -> None:
    assert overflow(open_page(name, size)) == 0


def test_a_name_with_markup_is_no_element_of_a_comparison(open_page: Open) -> None:
    assert open_page("hostile").page.locator("img, script, main b b").count() == 0


@pytest.mark.parametrize("name", ["one", "three"])
def test_no_page_of_a_printed_comparison_is_wider_than_its_paper(open_page: Open, name: str) -> None:
    assert beyond_paper(open_page(name, PAPER)) == []


def test_each_verdict_is_printed_on_the_line_that_it_ends(open_page: Open) -> None:
    opened = open_page("three", PAPER)
    opened.page.emulate_media(media="print")
    # Two identical runs: every verdict is "same", a word that other pages' styles must leave alone.
    counts = opened.page.locator("table .count.same, table .verdict.same")
    styles = counts.evaluate_all(
        "all => all.map(one => [getComputedStyle(one).display, getComputedStyle(one).marginTop])"
    )
    assert styles
    assert [one for one in styles if one[0] == "none" or one[1] != "0px"] == []


def test_the_heads_of_a_long_heat_map_stay_in_sight(open_page: Open) -> None:
    opened = open_page("three")
    region = opened.page.locator("#map .scroll").first
    region.evaluate("one => { one.style.maxHeight = '200px'; one.style.overflowY = 'auto'; one.scrollTop = 300 }")
    top = "one => one.getBoundingClientRect().top"
    assert abs(region.locator("thead th").first.evaluate(top) - region.evaluate(top)) < 3
