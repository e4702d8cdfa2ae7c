"""The data of a page that came alone, by mail: its links save them without a request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.browsers import Open, Stored

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without"])
@pytest.mark.parametrize("name", ["usual", "hostile", "failures only"])
@pytest.mark.parametrize(("link", "suffix"), [("as CSV", "csv"), ("as a spreadsheet", "xlsx")])
def test_a_link_saves_the_bytes_of_its_file(
    open_report: Open,
    stored: Callable[[str], Stored],
    tmp_path: Path,
    name: str,
    link: str,
    suffix: str,
    javascript: bool,
) -> None:
    opened = open_report(name, java_script_enabled=javascript)
    with opened.page.expect_download() as download:
        opened.page.get_by_role("link", name=f"Save the data {link}").click()
    saved = tmp_path / f"saved.{suffix}"
    download.value.save_as(saved)
    assert saved.read_bytes() == stored(name).index.with_name(f"summary.{suffix}").read_bytes()
    assert download.value.suggested_filename == f"{stored(name).run.name}-summary.{suffix}"
    assert opened.problems == []


def test_the_link_is_reached_by_keyboard(open_report: Open) -> None:
    page = open_report("usual").page
    link = page.get_by_role("link", name="Save the data as CSV")
    link.focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.failure() is None
