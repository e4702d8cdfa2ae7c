"""A comparison as a browser shows it: of one head, of several, and of names that mean harm."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.analyse.comparison import compare
from bench.analyse.run import analyse_run
from bench.report.compare.comparison_exports import write_comparison
from bench.store.reader import open_run
from tests.browser.checks import OPEN_ALL, beyond_paper, overflow, violations
from tests.browser.runs import hostile, usual
from tests.support.browsers import LAPTOP, PAPER, PHONE, WIDE, Open, Opened, address
from tests.support.stored_runs import FakeRun

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

KINDS: dict[str, tuple[Callable[[], FakeRun], int]] = {"one": (usual, 1), "three": (usual, 3), "hostile": (hostile, 2)}
"""Name -> what the runs are, and how many heads there are."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every comparison, made once."""
    made = {}
    for kind, (run, heads) in KINDS.items():
        folder = tmp_path_factory.mktemp("compared")
        runs = [analyse_run(open_run(run().write(folder, f"run{number}"))) for number in range(heads + 1)]
        write_comparison(compare(runs[0], runs[1:], 0.03), folder / "out")
        made[kind] = folder / "out" / "compare.html"
    return made


@pytest.fixture
def open_page(open_file: Open, pages: dict[str, Path]) -> Open:
    """Opens a comparison by its name, and all that is folded in it; further arguments are those of ``open_file``."""

    def opened(name: str, *arguments: Any, **options: Any) -> Opened:
        found: Opened = open_file(pages[name], *arguments, **options)
        found.page.evaluate(OPEN_ALL)
        return found

    return opened


@pytest.mark.parametrize("name", KINDS)
def test_a_comparison_opens_without_an_error_and_asks_for_nothing(
    open_page: Open, pages: dict[str, Path], name: str
) -> None:
    opened = open_page(name)
    assert (opened.problems, [url for url in opened.requests if url != "data:,"]) == ([], [pages[name].as_uri()])


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing_in_a_comparison_in_light_and_dark(open_page: Open, name: str) -> None:
    assert violations(open_page(name)) == []


@pytest.mark.parametrize("size", [PHONE, LAPTOP, WIDE], ids=["phone", "laptop", "wide"])
@pytest.mark.parametrize("name", KINDS)
def test_a_comparison_is_no_wider_than_the_screen(open_page: Open, name: str, size: tuple[int, int]) -> None:
    assert overflow(open_page(name, size)) == 0


def test_a_name_with_markup_is_no_element_of_a_comparison(open_page: Open) -> None:
    assert open_page("hostile").page.locator("img, main script, main b b").count() == 0


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


# -- tables that sort

SORTED = [
    *(("comparison", "tpot_ms", head) for head in ("verdict", "change", "base", "head")),
    ("comparison", "overview-ttft_ms", "32+64"),
    ("comparison of several", "runs", "TTFT"),
    *(("comparison of several", "map-ttft_ms", head) for head in ("base", "2", "3")),
    ("comparison of several", "folded-ttft_ms", "3"),
    *(("comparison of several", "ttft_ms", head) for head in ("verdict", "change", "head")),
]
"""Page, table, and the words that a head begins with."""

ROWS = "[...document.getElementById(id).tBodies].map(body => [...body.rows].filter(row => row.className !== 'group')"


@pytest.fixture
def open_made(open_file: Open, written: Callable[[str], Path]) -> Open:
    """Opens one of the pages whose runs differ; further arguments are those of ``open_file``."""

    def opened(name: str, *arguments: Any, **options: Any) -> Opened:
        return open_file(written(name), *arguments, **options)

    return opened


def head_of(page: Page, table: str, words: str) -> Locator:
    """The button whose head begins with ``words``; what is folded around it is opened."""
    page.evaluate(
        "id => { const around = document.getElementById(id).closest('details'); if (around) around.open = true }",
        f"table-{table}",
    )
    return page.locator(f"#table-{table} thead button").filter(has_text=re.compile(f"^{re.escape(words)}"))


def values(page: Page, table: str, column: int) -> list[list[float | None]]:
    """What the rows of each body are sorted by in a column of figures, blank where there is none."""
    one = f"row.cells[{column}].dataset.exact"
    found: list[list[float | None]] = page.evaluate(
        f"id => {ROWS}.map(row => {one} ? Number({one}) : null))", f"table-{table}"
    )
    return found


def texts(page: Page, table: str) -> list[str]:
    """The rows as they are read, groups included."""
    rows: list[str] = page.locator(f"#table-{table} tbody tr").all_inner_texts()
    return rows


def in_order(group: list[float | None], *, descending: bool) -> list[float | None]:
    """Sorted, the blank ones last either way."""
    figures = [one for one in group if one is not None]
    return [*sorted(figures, reverse=descending), *(one for one in group if one is None)]


@pytest.mark.parametrize(("name", "table", "words"), SORTED)
@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_table_sorts_by_its_exact_figures(open_made: Open, name: str, table: str, words: str, way: str) -> None:
    page = open_made(name).page
    # Among several heads, the first that begins with "head" is that of their numbers.
    head = head_of(page, table, words).last
    column = head.evaluate("one => one.closest('th').cellIndex")
    before = values(page, table, column)
    assert len({one for group in before for one in group}) > 1
    for descending in (False, True):
        if way == "mouse":
            head.click()
        else:
            head.focus()
            page.keyboard.press("Enter")
        assert values(page, table, column) == [in_order(group, descending=descending) for group in before]


def test_a_cell_without_a_figure_is_last_either_way(open_made: Open) -> None:
    page = open_made("comparison of several").page
    head = head_of(page, "map-ttft_ms", "3")
    for _ in range(2):
        head.click()
        (found,) = values(page, "map-ttft_ms", 4)
        assert None in found
        assert None not in found[: -found.count(None)]


def test_configurations_sort_by_name_and_then_by_tokens(open_made: Open) -> None:
    page = open_made("comparison of several").page
    head_of(page, "folded-ttft_ms", "configuration").dblclick()
    prompts = [int(re.findall(r"(\d+)\+1", text)[0]) for text in texts(page, "folded-ttft_ms")]
    assert len(prompts) > 40
    assert prompts == sorted(prompts, reverse=True)


def test_the_base_and_the_names_of_cells_stay_above_their_heads(open_made: Open) -> None:
    page = open_made("comparison of several").page
    groups = page.locator("#table-ttft_ms tr.group").all_inner_texts()
    head_of(page, "runs", "run").dblclick()
    head_of(page, "ttft_ms", "head").first.dblclick()
    assert page.locator("#table-runs tbody td:first-child").all_inner_texts() == ["base", "3", "2", "1"]
    assert page.locator("#table-ttft_ms tbody tr:first-child").all_inner_texts() == groups
    assert page.locator("#table-ttft_ms tbody").last.locator("td:first-child").all_inner_texts() == ["3", "2", "1"]


def test_what_is_folded_stays_so_while_the_rows_above_it_are_sorted(open_made: Open) -> None:
    page = open_made("comparison of several").page
    folded = texts(page, "folded-ttft_ms")
    head_of(page, "map-ttft_ms", "2").click()
    assert texts(page, "folded-ttft_ms") == folded
    assert not page.locator("#table-folded-ttft_ms").is_visible()


def test_the_address_keeps_and_restores_the_order_of_several_tables(open_made: Open) -> None:
    page = open_made("comparison of several").page
    head_of(page, "map-ttft_ms", "2").dblclick()
    head_of(page, "ttft_ms", "change").click()
    fragment = address(page)
    assert fragment == "#&sort=map-ttft_ms.3.descending&sort=ttft_ms.3.ascending"
    again = open_made("comparison of several", fragment=fragment).page
    for table in ("map-ttft_ms", "ttft_ms"):
        assert texts(again, table) == texts(page, table)
    assert again.locator("[aria-sort]").count() == 2


@pytest.mark.parametrize("language", ["en", "tr"])
@pytest.mark.parametrize("name", ["comparison", "comparison, far apart"])
def test_the_words_of_an_axis_are_whole(
    open_file: Open, written: Callable[..., Path], name: str, language: str
) -> None:
    page = open_file(written(name, language), (1280, 800)).page
    assert name == "comparison" or "10\N{MULTIPLICATION SIGN}" in page.locator("th.plot text").all_text_contents()
    beyond = """all => all.filter(one => {
      const own = one.getBoundingClientRect(), all = one.ownerSVGElement.getBoundingClientRect()
      return own.left < all.left - 1 || own.right > all.right + 1
    }).map(one => one.textContent)"""
    assert page.locator("th.plot text").evaluate_all(beyond) == []


def test_a_column_of_drawings_offers_no_order(open_made: Open) -> None:
    page = open_made("comparison", fragment="#ttft_ms&sort=ttft_ms.1.ascending").page
    assert page.locator("th.plot button, [aria-sort]").count() == 0


@pytest.mark.parametrize("name", ["comparison", "comparison of several"])
def test_without_javascript_the_tables_are_as_before_and_offer_nothing(open_made: Open, name: str) -> None:
    plain = open_made(name, java_script_enabled=False).page
    rows = "main table tbody tr"
    assert plain.locator(rows).all_text_contents() == open_made(name).page.locator(rows).all_text_contents()
    assert plain.locator("button").count() == 0


def test_axe_finds_nothing_in_sorted_tables_in_light_and_dark(open_made: Open) -> None:
    opened = open_made("comparison of several")
    for table, words in (("runs", "TTFT"), ("map-ttft_ms", "2"), ("ttft_ms", "change")):
        head_of(opened.page, table, words).click()
    assert (violations(opened), opened.problems) == ([], [])


def test_sorting_asks_for_nothing(open_made: Open, written: Callable[[str], Path]) -> None:
    opened = open_made("comparison of several")
    head_of(opened.page, "map-ttft_ms", "2").click()
    assert [url for url in opened.requests if url != "data:,"] == [written("comparison of several").as_uri()]
