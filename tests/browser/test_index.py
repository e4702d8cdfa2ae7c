"""The index of reports as a browser shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.report.index import update_index
from tests.browser.checks import overflow, violations
from tests.browser.pages import INDEXED
from tests.support.browsers import LAPTOP, PHONE, Open, Opened, drawn

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def index(written: Callable[..., Path]) -> Path:
    """Three reports, one of them with hostile texts, and a file that cannot be read."""
    return written("index")


@pytest.fixture
def opened(open_file: Open, index: Path) -> Open:
    """Opens the index; arguments are those of a browser context."""

    def at(size: tuple[int, int] = LAPTOP, path: Path = index, **options: Any) -> Opened:
        return open_file(path, size, **options)

    return at


def order(found: Opened) -> list[str]:
    names: list[str] = found.page.locator("#table-reports tbody th a").all_inner_texts()
    return names


def test_it_opens_without_an_error_and_asks_for_nothing(opened: Open, index: Path) -> None:
    found = opened()
    assert found.problems == []
    assert [url for url in found.requests if url != "data:,"] == [index.as_uri()]


def test_scrolling_and_escaping_are_no_errors(opened: Open) -> None:
    found = opened(PHONE)
    found.page.mouse.wheel(0, 400)
    found.page.wait_for_function("scrollY > 0")
    found.page.keyboard.press("Escape")
    drawn(found.page)
    assert found.problems == []


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_axe_finds_nothing_in_light_and_dark(opened: Open, size: tuple[int, int]) -> None:
    assert violations(opened(size), every=True) == []


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_it_is_no_wider_than_the_screen(opened: Open, size: tuple[int, int]) -> None:
    assert overflow(opened(size)) == 0


def test_the_newest_stands_first(opened: Open) -> None:
    assert order(opened()) == list(INDEXED)


def test_it_is_all_there_without_javascript(opened: Open) -> None:
    found = opened(java_script_enabled=False)
    assert order(found) == list(INDEXED)
    assert all(row.is_visible() for row in found.page.locator("#table-reports tbody tr").all())


@pytest.mark.parametrize(
    ("head", "expected"),
    [("measured, UTC", ["oldest", "middle", "newest"]), ("cells", ["middle", "oldest", "newest"])],
)
def test_a_head_sorts(opened: Open, head: str, expected: list[str]) -> None:
    found = opened()
    found.page.get_by_role("button", name=head).click()
    assert order(found) == expected


def test_a_link_leads_to_its_report(opened: Open) -> None:
    found = opened()
    with found.page.expect_navigation():
        found.page.get_by_role("link", name="newest").click()
    assert found.page.title() == "newest"


def test_what_is_simulated_unfinished_or_unreadable_is_said(opened: Open) -> None:
    found = opened()
    row = found.page.locator("tr", has_text="oldest")
    assert "simulated" in row.inner_text()
    assert "did not come to its end" in row.inner_text()
    assert "broken/summary.json" in found.page.inner_text("#unreadable")


def test_a_folder_without_reports_says_so(opened: Open, tmp_path: Path) -> None:
    found = opened(path=update_index(tmp_path / "none"))
    assert "No report is here yet" in found.page.inner_text("main")
    assert found.problems == []
    assert violations(found) == []
