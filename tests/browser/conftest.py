"""Pages are rendered once and opened from disk, as a reader opens them, in a browser that has no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.report.language import speaking
from tests.browser.checks import overflow
from tests.browser.chromium import FLAGS, REMEDY, find_chromium, in_ci
from tests.browser.pages import PAGES, index_of_reports
from tests.browser.runs import RUNS
from tests.support.browsers import LAPTOP, LIMIT_MS, Open, Opened, See, Seen, Stored, open_in
from tests.support.reports import render

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stored]:
    """Writes and renders a run of :data:`RUNS`, in a language, when it is first asked for."""
    made: dict[tuple[str, str], Stored] = {}

    def make(name: str, language: str = "en") -> Stored:
        if (name, language) not in made:
            folder = tmp_path_factory.mktemp("browser")
            run = RUNS[name]().write(folder / "results")
            with speaking(language):
                made[name, language] = Stored(run, render(run, folder / "reports").index)
        return made[name, language]

    return make


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a page of :data:`PAGES`, or the index of reports, in a language, when it is first asked for."""
    made: dict[tuple[str, str], Path] = {}

    def make(name: str, language: str = "en") -> Path:
        if (name, language) not in made:
            write = index_of_reports if name == "index" else PAGES[name]
            with speaking(language):
                made[name, language] = write(tmp_path_factory.mktemp("page"))
        return made[name, language]

    return make


# Not for the session: while playwright is there, no other test could run an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser of this system."""
    executable = find_chromium()
    if executable is None:
        pytest.fail(REMEDY) if in_ci() else pytest.skip(REMEDY)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - its driver is started by the tests that use it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS), timeout=LIMIT_MS)
        yield browser
        browser.close()


@pytest.fixture
def open_file(browser: Browser) -> Iterator[Open]:
    """Opens a page on disk; further arguments are those of a browser context."""
    made: list[Opened] = []

    def opened(path: Path, *arguments: Any, **options: Any) -> Opened:
        made.append(open_in(browser, path, *arguments, **options))
        return made[-1]

    yield opened
    for one in made:
        one.page.context.close()


@pytest.fixture(scope="module")
def see(browser: Browser) -> See:
    """Looks at a page on disk, once on each size of screen."""

    @cache
    def seen(path: Path, size: tuple[int, int] = LAPTOP) -> Seen:
        opened = open_in(browser, path, size)
        words = set(opened.page.inner_text("body").lower().split())
        found = Seen(opened.problems, opened.requests, words, overflow(opened))
        opened.page.context.close()
        return found

    return seen


@pytest.fixture
def open_report(open_file: Open, stored: Callable[..., Stored]) -> Open:
    """Opens the report of a run by its name; further arguments are those of ``open_file``."""

    def opened(name: str, *arguments: Any, language: str = "en", **options: Any) -> Opened:
        return open_file(stored(name, language).index, *arguments, **options)

    return opened


@pytest.fixture
def open_page(open_file: Open, written: Callable[..., Path]) -> Open:
    """Opens a comparison, a history or the index by its name; further arguments are those of ``open_file``."""

    def opened(name: str, *arguments: Any, language: str = "en", **options: Any) -> Opened:
        return open_file(written(name, language), *arguments, **options)

    return opened
