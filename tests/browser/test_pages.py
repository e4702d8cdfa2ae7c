"""A comparison and a history as a browser shows them: nothing fails, nothing is fetched, nobody is shut out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.checks import OPEN_ALL, beyond_paper, violations
from tests.browser.pages import EVIL, PAGES
from tests.support.browsers import LAPTOP, PAPER, PHONE, WIDE, Open, See, address

pytestmark = pytest.mark.browser

BOTH = ["comparison", "history"]
LARGE = ["large comparison", "large history", "large fleet"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_an_error(see: See, written: Callable[[str], Path], name: str) -> None:
    assert see(written(name)).problems == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_but_itself(see: See, written: Callable[[str], Path], name: str) -> None:
    assert [url for url in see(written(name)).requests if url != "data:,"] == [written(name).as_uri()]


# 300 cells are the same elements once more, and axe takes minutes for them.
@pytest.mark.parametrize("name", [name for name in PAGES if name not in LARGE])
def test_axe_finds_nothing_in_light_and_dark(open_page: Open, name: str) -> None:
    assert violations(open_page(name), every=name in BOTH) == []


@pytest.mark.parametrize("name", BOTH)
def test_axe_finds_nothing_on_a_phone_in_light_and_dark(open_page: Open, name: str) -> None:
    assert violations(open_page(name, PHONE)) == []


@pytest.mark.parametrize("size", [PHONE, LAPTOP, WIDE], ids=["phone", "laptop", "wide"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_the_screen(
    see: See, written: Callable[[str], Path], name: str, size: tuple[int, int]
) -> None:
    assert see(written(name), size).overflow == 0


@pytest.mark.parametrize("name", PAGES)
def test_no_word_is_a_missing_number(see: See, written: Callable[[str], Path], name: str) -> None:
    assert {"nan", "inf", "undefined", "null", "none"} & see(written(name)).words == set()


@pytest.mark.parametrize("name", BOTH)
def test_no_backtick_stands_for_a_command(open_page: Open, name: str) -> None:
    assert "`" not in open_page(name).page.inner_text("body")


@pytest.mark.parametrize("name", ["hostile comparison", "hostile history", "hostile fleet"])
def test_a_name_with_markup_is_shown_and_not_run(open_page: Open, name: str) -> None:
    opened = open_page(name)
    opened.page.evaluate(OPEN_ALL)
    shown = opened.page.inner_text("main")
    assert (EVIL in shown, "<b>evil</b>" in shown) == (True, True)
    assert opened.page.locator("b b, img, main script").count() == 0


@pytest.mark.parametrize("name", BOTH)
def test_every_figure_is_there_without_javascript(open_page: Open, name: str) -> None:
    opened = open_page(name, java_script_enabled=False)
    rows = opened.page.locator("section > .scroll tbody tr").all()
    assert rows
    assert all(row.is_visible() for row in rows)
    assert opened.page.locator(".sort").count() == 0


@pytest.mark.parametrize("name", [name for name in PAGES if name not in LARGE])
def test_no_page_of_the_print_is_wider_than_its_paper(open_page: Open, name: str) -> None:
    assert beyond_paper(open_page(name, PAPER)) == []


@pytest.mark.parametrize("name", BOTH)
def test_links_to_sections_are_not_printed(open_page: Open, name: str) -> None:
    opened = open_page(name)
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("nav").is_visible()


@pytest.mark.parametrize("name", BOTH)
def test_a_page_becomes_paper(open_page: Open, name: str) -> None:
    assert open_page(name).page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize(("name", "most"), [("large comparison", 2_000_000), ("large history", 4_000_000)])
def test_a_page_of_300_cells_stays_light(written: Callable[[str], Path], name: str, most: int) -> None:
    assert written(name).stat().st_size < most


# -- tables

SORTED = [
    *(("history", "figures", head) for head in ("newest run", "levels", "runs differ by")),
    ("history", "runs", "run"),
]


@pytest.mark.parametrize(("name", "table", "head"), SORTED)
@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_table_sorts_by_a_column(open_page: Open, name: str, table: str, head: str, way: str) -> None:
    page = open_page(name).page
    button = page.locator(f"#table-{table} thead button", has_text=head).first
    column = button.evaluate("one => one.closest('th').cellIndex")
    for _ in range(2):
        if way == "mouse":
            button.click()
        else:
            button.press("Enter")
    exact = "(cell.matches('[data-exact]') ? cell : cell.querySelector('[data-exact]'))?.dataset.exact"
    value = f"(cell => parseFloat({exact} ?? cell.textContent))(row.cells[{column}])"
    values = page.evaluate(f"[...document.querySelectorAll('#table-{table} tbody tr')].map(row => {value})")
    assert len(values) > 1
    assert values == sorted(values, reverse=True)


def test_names_sort_as_words(open_page: Open) -> None:
    page = open_page("history").page
    page.locator("#table-figures thead button", has_text="metric").click()
    values = page.locator("#table-figures tbody tr td:nth-child(2)").all_inner_texts()
    assert values == sorted(values, key=str.lower)


def test_the_address_restores_the_order(open_page: Open) -> None:
    rows = "#table-runs tbody tr"
    before = open_page("history").page.locator(rows).all_inner_texts()
    again = open_page("history", fragment="#runs&sort=runs.0.descending").page
    assert again.locator("#table-runs [aria-sort=descending]").count() == 1
    assert again.locator(rows).all_inner_texts() == before[::-1]


def test_a_click_on_a_head_is_kept_in_the_address(open_page: Open) -> None:
    page = open_page("history").page
    page.locator("#table-runs thead button").first.click()
    assert address(page) == "#&sort=runs.0.ascending"
