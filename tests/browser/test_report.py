"""A report as a browser shows it: nothing fails, nothing is fetched, nobody is shut out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studies.report_speed.__main__ import GOALS
from tests.browser.checks import beyond_paper, violations
from tests.browser.runs import RUNS
from tests.support.browsers import LAPTOP, PAPER, PHONE, WIDE, Open, See, Stored, drawn

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", RUNS)
def test_a_page_opens_without_an_error(see: See, stored: Callable[[str], Stored], name: str) -> None:
    assert see(stored(name).index).problems == []


@pytest.mark.parametrize("name", RUNS)
def test_a_page_asks_for_nothing_but_itself(see: See, stored: Callable[[str], Stored], name: str) -> None:
    path = stored(name).index
    assert [url for url in see(path).requests if url != "data:,"] == [path.as_uri()]


# 300 cells are the same elements once more, and axe takes minutes for them.
@pytest.mark.parametrize("name", [name for name in RUNS if name != "large"])
def test_axe_finds_nothing_in_light_and_dark(open_report: Open, name: str) -> None:
    assert violations(open_report(name), every=name == "usual") == []


def test_axe_finds_nothing_on_a_phone_in_light_and_dark(open_report: Open) -> None:
    assert violations(open_report("usual", PHONE)) == []


@pytest.mark.parametrize("size", [PHONE, LAPTOP, WIDE], ids=["phone", "laptop", "wide"])
@pytest.mark.parametrize("name", RUNS)
def test_a_page_is_no_wider_than_the_screen(
    see: See, stored: Callable[[str], Stored], name: str, size: tuple[int, int]
) -> None:
    assert see(stored(name).index, size).overflow == 0


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_results_are_whole_at_1280_pixels_where_notes_stand_beside_names(open_report: Open, language: str) -> None:
    page = open_report("noted", (1280, 800), language=language).page
    assert page.locator("#table-results a.mark").count() > 3 * 14
    beyond = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"
    assert page.locator(".scroll:has(#table-results), #table-results tbody th").evaluate_all(beyond) == []


@pytest.mark.parametrize("language", ["en", "tr"])
def test_the_results_are_whole_at_1280_pixels_where_quality_stands_beside_latency(
    open_report: Open, language: str
) -> None:
    page = open_report("valued", (1280, 800), language=language).page
    assert page.locator("#table-results s").count() > 3 * 8
    beyond = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"
    assert page.locator(".scroll:has(#table-results), .scroll:has(#table-quality)").evaluate_all(beyond) == []


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_a_name_in_a_ranking_has_few_lines_where_its_ratio_is_of_shared_blocks(
    open_report: Open, size: tuple[int, int]
) -> None:
    page = open_report("noted", size).page
    assert page.locator(".ranks .sides").count() > 0
    lines = "all => all.map(one => one.getBoundingClientRect().height / parseFloat(getComputedStyle(one).lineHeight))"
    assert max(page.locator(".ranks .what").evaluate_all(lines)) < 3.5


HOLES = """all => all.map(one => {
  const rows = {}, end = one.getBoundingClientRect().right
  for (const child of one.children) {
    const {top, right, width} = child.getBoundingClientRect()
    const row = rows[Math.round(top)] ??= {charts: 0, right: 0}
    if (width) row.charts += child.matches('.card'), row.right = Math.max(row.right, right)
  }
  return Object.values(rows).filter(row => row.charts && row.right < end - 1).length
})"""
"""How many rows with charts of each grid end before the grid does."""


@pytest.mark.parametrize("name", ["usual", "interrupted", "noted"])
def test_charts_leave_no_hole(open_report: Open, name: str) -> None:
    page = open_report(name).page
    charts = [len(one.locator("> .card:not(.off)").all()) for one in page.locator("#charts .pair").all()]
    assert any(count % 2 for count in charts)
    assert set(page.locator(".pair:has(> .card)").evaluate_all(HOLES)) == {0}


def test_lost_blocks_stand_beside_those_that_count(open_report: Open) -> None:
    counts = open_report("noted").page.locator("#table-results tbody td:last-child").all_inner_texts()
    assert sum("2 blocks\n1 lost" in count for count in counts) == 2


def test_light_and_dark_differ(open_report: Open) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = (open_report("usual", color_scheme=scheme).page.evaluate(background) for scheme in ("light", "dark"))
    assert light != dark


@pytest.mark.parametrize("name", RUNS)
def test_no_word_is_a_missing_number(see: See, stored: Callable[[str], Stored], name: str) -> None:
    assert {"nan", "inf", "undefined", "null"} & see(stored(name).index).words == set()


def test_a_name_with_markup_is_shown_and_not_run(open_report: Open) -> None:
    opened = open_report("hostile")
    assert "</title></style></script><script>alert(1)</script> $x$" in opened.page.inner_text("h1")
    assert opened.page.locator("b b, img, main script").count() == 0


def test_a_page_of_300_cells_stays_within_the_goal_for_its_size(stored: Callable[[str], Stored]) -> None:
    assert stored("large").index.stat().st_size < GOALS.page_bytes


def test_every_row_is_there_without_javascript(open_report: Open) -> None:
    opened = open_report("usual", java_script_enabled=False)
    rows = opened.page.locator("table.results tbody tr:not(.group)")
    assert [row.is_visible() for row in rows.all()] == [True] * 20


def test_no_page_of_the_print_is_wider_than_its_paper(open_report: Open) -> None:
    assert beyond_paper(open_report("usual", PAPER)) == []


def test_links_to_sections_are_not_printed(open_report: Open) -> None:
    opened = open_report("usual")
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("nav").is_visible()


def test_the_print_opens_what_the_screen_folds(open_report: Open) -> None:
    opened = open_report("usual")
    opened.page.emulate_media(media="print")
    assert opened.page.get_by_role("region", name="Loads as a table").is_visible()


def test_a_report_becomes_paper(open_report: Open) -> None:
    assert open_report("usual").page.pdf(format="A4").startswith(b"%PDF")


def test_nothing_of_a_large_page_moves_while_it_is_scrolled(open_report: Open) -> None:
    page = open_report("large").page
    page.evaluate(
        """moved = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (moved += entry.value)))
          .observe({ type: "layout-shift" })"""
    )
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, LAPTOP[1]):
        page.evaluate("(top) => scrollTo({ top, behavior: 'instant' })", top)
        drawn(page)
    assert (page.evaluate("document.documentElement.scrollHeight"), page.evaluate("moved")) == (height, 0)
