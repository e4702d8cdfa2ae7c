"""What the script of a fleet's page does: one request and metric at a time, filters, order, and the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.checks import violations
from tests.support.browsers import PHONE, Open, address

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

MATRIX = "#table-matrix-0-ttft"


def names(page: Page, table: str) -> list[str]:
    """The machines that a table shows, in their order."""
    shown = page.locator(f"{table} tbody tr:visible th[scope=row]").all_inner_texts()
    return [one.splitlines()[0].strip() for one in shown]


def heads(page: Page, table: str) -> list[str]:
    return page.locator(f"{table} thead th:visible").all_inner_texts()[1:]


def test_one_request_and_one_metric_are_shown_at_a_time(open_page: Open) -> None:
    page = open_page("fleet").page
    assert page.locator("#matrix table:visible").count() == 1
    page.get_by_role("radio", name="time per output token").check()
    page.get_by_role("radio", name="128 prompt tokens").check()
    assert page.locator("#matrix table:visible").get_attribute("id") == "table-matrix-1-tpot"
    assert page.locator("#answer table:visible").get_attribute("id") == "table-fastest-1"
    assert address(page) == "#&asked=1&metric=tpot"


def test_a_generation_leaves_out_its_machines(open_page: Open) -> None:
    page = open_page("fleet").page
    page.get_by_role("checkbox", name="Meteor Lake").uncheck()
    assert [names(page, one) for one in (MATRIX, "#table-machines")] == [["nuc-1", "3" * 16]] * 2
    assert page.locator("#devices .group:visible").count() == 1


def test_a_stack_and_a_device_leave_out_their_columns(open_page: Open) -> None:
    page = open_page("fleet").page
    page.get_by_role("checkbox", name="ort-genai").uncheck()
    page.get_by_role("checkbox", name="GPU").uncheck()
    assert heads(page, MATRIX) == ["openvino-genai CPU int4", "openvino-genai NPU int4"]
    row = page.locator(f"{MATRIX} tbody tr").first.locator("td:visible")
    assert row.count() == 2


def test_the_address_restores_what_is_chosen(open_page: Open) -> None:
    page = open_page("fleet", fragment="#matrix&device=CPU&asked=1&metric=tpot&sort=matrix-1-tpot.1.descending").page
    table = "#table-matrix-1-tpot"
    assert heads(page, table) == ["openvino-genai CPU int4", "ort-genai CPU int4"]
    assert page.locator(f"{table} [aria-sort=descending]").count() == 1
    page.get_by_role("button", name="Show everything").click()
    assert page.locator("#matrix table:visible").get_attribute("id") == "table-matrix-0-ttft"
    assert page.locator("[aria-sort]").count() == 0


def test_machines_sort_by_a_configuration_below_the_base(open_page: Open) -> None:
    page = open_page("large fleet").page
    button = page.locator(f"{MATRIX} thead button").nth(1)
    button.click()
    button.click()
    assert names(page, MATRIX)[:3] == ["machine-00", "machine-59", "machine-58"]


def test_everything_is_there_without_javascript(open_page: Open) -> None:
    page = open_page("fleet", java_script_enabled=False).page
    assert page.locator("#matrix table:visible").count() == 4
    assert not page.locator("#view").is_visible()


def test_the_csv_is_in_the_page(open_page: Open) -> None:
    page = open_page("fleet").page
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the data as CSV").click()
    assert saved.value.suggested_filename == "fleet.csv"
    assert saved.value.path().read_text("utf-8").startswith("machine,machine_name,")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(open_page: Open, scheme: str) -> None:
    assert violations(open_page("fleet", PHONE, color_scheme=scheme)) == []


def test_a_page_of_60_machines_stays_light(open_page: Open) -> None:
    page = open_page("large fleet").page
    assert len(page.content()) < 1_500_000
