"""Pages are rendered once and opened from disk, as a reader opens them, in a browser that has no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.report.language import speaking
from bench.report.render import render
from tests.browser.checks import overflow
from tests.browser.chromium import FLAGS, REMEDY, find_chromium, in_ci
from tests.browser.pages import PAGES, index_of_reports
from tests.browser.runs import RUNS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LAPTOP, PHONE, WIDE = (1366, 768), (360, 740), (1920, 1080)
# A4 within its margins, in CSS pixels.
PAPER = (718, 1047)


@dataclass
class Opened:
    """A page, what went wrong in it, and what it asked for."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what the page reports from now on."""
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", lambda message: self.problems.append(f"{message.type}: {message.text}"))
        self.page.on("request", lambda request: self.requests.append(request.url))


def open_in(browser: Browser, path: Path, size: tuple[int, int] = LAPTOP, fragment: str = "", **options: Any) -> Opened:
    """Opens a page on disk in a context of its own; further arguments are those of that context."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=True, **options)
    found = Opened(context.new_page())
    found.listen()
    found.page.goto(path.as_uri() + fragment)
    return found


Open = Callable[..., Opened]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows when it is opened: its words, and by how many pixels it is too wide with all folded open."""

    problems: list[str]
    requests: list[str]
    words: set[str]
    overflow: int


See = Callable[..., Seen]


@dataclass
class Stored:
    """A run on disk, and its report."""

    run: Path
    index: Path


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
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
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
