"""The details of each cell: a link opens them, filters hide them, paper has those that are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.base import AXE_FILE_PATH

from tests.support.browsers import PHONE, Open

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def first_link(page: Page) -> str:
    """The first name in the table of results, which is clicked; returns where it leads, once that is shown."""
    link = page.locator("table.results .line a").first
    target: str | None = link.get_attribute("href")
    assert target
    link.click()
    page.locator(target).wait_for()
    return target


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
@pytest.mark.parametrize("name", ["usual", "large"])
def test_a_name_leads_to_the_open_details(open_report: Open, name: str, script: bool) -> None:
    page = open_report(name, java_script_enabled=script).page
    target = first_link(page)
    assert page.locator("details.cell[open]").count() == 1
    assert page.locator(f"{target} figure:visible").count() == 2


def test_a_second_click_opens_what_was_closed_again(open_report: Open) -> None:
    page = open_report("usual").page
    target = first_link(page)
    page.locator("details.cell[open] > summary").click()
    page.locator(target).wait_for(state="hidden")
    first_link(page)


@pytest.mark.parametrize("view", ["", "&backend=openvino-genai"])
def test_an_address_opens_the_details_that_it_names(open_report: Open, view: str) -> None:
    target = open_report("usual").page.locator("#cells .about").last.get_attribute("id")
    page = open_report("usual", fragment=f"#{target}{view}").page
    assert page.locator("details.cell[open] > .about").get_attribute("id") == target


def test_a_link_to_a_cell_keeps_the_view(open_report: Open) -> None:
    page = open_report("usual", fragment="#results&precision=int4,int8").page
    target = first_link(page)
    page.wait_for_function(f"location.hash === '{target}&precision=int4,int8'")


def test_a_filter_hides_the_details_too(open_report: Open) -> None:
    page = open_report("usual", fragment="#&backend=ort-genai").page
    backends = page.locator("details.cell:visible").evaluate_all("all => all.map(one => one.dataset.backend)")
    assert (len(backends), set(backends)) == (9, {"ort-genai"})


@pytest.mark.parametrize("name", ["usual", "large"])
def test_a_shape_without_a_cell_that_is_shown_has_no_heading(open_report: Open, name: str) -> None:
    page = open_report(name, fragment="#&prompt=512").page
    assert [one.inner_text().partition(" ")[0] for one in page.locator(".shape-cells:visible").all()] == ["512"]


def test_axe_finds_nothing_in_300_cells_one_of_which_is_open(open_report: Open) -> None:
    page = open_report("large", PHONE).page
    first_link(page)
    page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    # The other cells are the same elements once more, and axe takes minutes for all.
    found = page.evaluate("axe.run({include: [['#answer'], ['.entries'], ['.cell[open]']]})")["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


def test_paper_has_the_cells_that_are_open(open_report: Open) -> None:
    page = open_report("usual").page
    target = first_link(page)
    page.emulate_media(media="print")
    assert [one.get_attribute("id") for one in page.locator(".about:visible").all()] == [target.removeprefix("#")]


def test_a_long_legend_is_folded_and_a_short_one_is_not(open_report: Open) -> None:
    folded = [open_report(name).page.locator("#charts details.entries").count() for name in ("usual", "large")]
    assert folded == [0, 1]


def test_the_legend_of_a_folded_one_still_takes_lines_out_of_the_charts(open_report: Open) -> None:
    page = open_report("large", fragment="#&backend=ort-genai&precision=int4&device=CPU").page
    assert page.locator("#charts figure:visible").first.locator("g[data-point]:not(.off)").count() == 5


def test_a_serious_finding_leads_to_its_note(open_report: Open) -> None:
    page = open_report("doubtful").page
    page.locator("#answer .banner a").click()
    page.wait_for_function("location.hash === '#note-1'")
    assert page.locator("#note-1").is_visible()
