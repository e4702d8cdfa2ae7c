"""Turkish pages in a browser: nothing fails, no English is seen, and numbers sort by what they are."""

from __future__ import annotations

import re
import string

import pytest

from tests.browser.checks import OPEN_ALL, overflow, violations
from tests.support.browsers import PHONE, Open
from tests.support.catalogs import SAME, messages, strings

pytestmark = pytest.mark.browser

OTHERS = ["comparison", "comparison of several", "history", "fleet", "index"]
"""Pages beside the report."""
NAMES = {
    "report": {"verified", "reported", "fallback", "unknown", "prefill", "decode", "perplexity"},
    "comparison of several": {"base", "slower"},
    "index": {"oldest", "newest", "middle", "broken"},
}
"""Page -> English that belongs on it: terms that stand in parentheses behind their Turkish, and names of reports."""


@pytest.mark.parametrize("name", ["usual", "hostile", "failures only", "interrupted"])
def test_a_turkish_page_opens_without_an_error(open_report: Open, name: str) -> None:
    assert open_report(name, language="tr").problems == []


def test_axe_finds_nothing_on_a_turkish_page_in_light_and_dark(open_report: Open) -> None:
    assert violations(open_report("usual", language="tr")) == []


def test_a_turkish_page_is_no_wider_than_a_phone(open_report: Open) -> None:
    opened = open_report("usual", PHONE, language="tr")
    opened.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert overflow(opened) == 0


def test_the_main_table_of_a_turkish_page_fits_a_laptop(open_report: Open) -> None:
    page = open_report("usual", language="tr").page
    assert page.evaluate("(box => box.scrollWidth - box.clientWidth)(document.querySelector('#results .scroll'))") <= 0


@pytest.mark.parametrize("name", OTHERS)
def test_another_turkish_page_opens_without_an_error_and_says_its_language(open_page: Open, name: str) -> None:
    opened = open_page(name, language="tr")
    assert (opened.problems, opened.page.evaluate("document.documentElement.lang")) == ([], "tr")


@pytest.mark.parametrize("name", OTHERS)
def test_axe_finds_nothing_on_another_turkish_page(open_page: Open, name: str) -> None:
    assert violations(open_page(name, language="tr", color_scheme="light")) == []


@pytest.mark.parametrize("name", OTHERS)
def test_another_turkish_page_is_no_wider_than_a_phone(open_page: Open, name: str) -> None:
    assert overflow(open_page(name, PHONE, language="tr")) == 0


def english_words() -> set[str]:
    """All that English messages say between their places to fill, and no Turkish one does."""
    said: tuple[set[str], set[str]] = (set(), set())
    for message in messages("tr"):
        for found, texts in zip(said, (message.id, message.string or message.id), strict=True):
            parts = (part for text in strings(texts) for part, *_ in string.Formatter().parse(text))
            found.update(part.strip(" .,:;()") for part in parts)
    # A stack is called simulated, and so is nothing else.
    return {one for one in said[0] - said[1] - SAME - {"simulated"} if re.search(r"[A-Za-z]{3}", one)}


@pytest.mark.parametrize("name", ["report", *OTHERS])
def test_no_english_is_seen_on_a_turkish_page(open_report: Open, open_page: Open, name: str) -> None:
    page = (open_report("usual", language="tr") if name == "report" else open_page(name, language="tr")).page
    page.evaluate(OPEN_ALL)
    page.evaluate("for (const one of document.querySelectorAll('body [lang=en], code')) one.style.display = 'none'")
    seen = page.inner_text("body")
    words = english_words() - NAMES.get(name, set())
    assert [one for one in words if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", seen)] == []


@pytest.mark.parametrize("table", ["results", "spread", "loads", "arrival", "tradeoff"])
@pytest.mark.parametrize("column", [-2, -1])
def test_turkish_numbers_sort_by_what_they_are(open_report: Open, table: str, column: int) -> None:
    page = open_report("usual", language="tr").page
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.locator(f"#table-{table} thead button").nth(column).click()
    # Thousands without their sign, a decimal point: a figure as the browser shows it, or the word that stands there.
    words = f"row.cells[row.cells.length + {column}].innerText"
    number = f"({words}.replaceAll('\\u202f', '').replace(',', '.').match(/\\d[\\d.]*/) || [{words}])[0]"
    bodies = f"[...document.getElementById('table-{table}').tBodies]"
    told = page.evaluate(f"{bodies}.map(body => [...body.rows].filter(row => row.cells[1]).map(row => {number}))")
    groups = [[float(one) if one.replace(".", "").isdigit() else one for one in group] for group in told]
    assert sum(map(len, groups)) >= 7
    assert groups == [sorted(group, key=lambda one: (one == "", one)) for group in groups]


def test_the_rows_left_are_told_in_turkish(open_report: Open) -> None:
    page = open_report("usual", language="tr").page
    page.evaluate("document.getElementById('view').open = true")
    page.get_by_role("checkbox", name="ort-genai").uncheck()
    assert page.get_by_role("status").inner_text() == "20 sonuçtan 11 tanesi gösteriliyor"


def test_a_point_tells_its_figures_in_turkish(open_report: Open) -> None:
    page = open_report("usual", language="tr").page
    page.locator("#charts g[data-point][tabindex='0']").first.focus()
    told = page.locator("#tip").inner_text()
    assert ("ilk belirtece kadar geçen süre" in told, "." not in told, "," in told) == (True, True, True)
