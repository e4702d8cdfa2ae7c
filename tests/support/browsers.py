"""Pages opened from disk in a browser that has no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LAPTOP, PHONE, WIDE = (1366, 768), (360, 740), (1920, 1080)
# A4 within its margins, in CSS pixels.
PAPER = (718, 1047)


LIMIT_MS = 300_000
"""How long anything in a browser may take: only what would never end is to reach it, on a busy machine too."""


def new_page(browser: Browser, size: tuple[int, int], **options: Any) -> Page:
    """A blank page in a context of its own, of a reader who wants no motion: where it scrolls to, it is at once."""
    screen = {"width": size[0], "height": size[1]}
    context = browser.new_context(**{"viewport": screen, "reduced_motion": "reduce", **options})
    context.set_default_timeout(LIMIT_MS)
    return context.new_page()


def address(page: Page) -> str:
    """The fragment of the page's address now; ``page.url`` learns of it later."""
    found: str = page.evaluate("location.hash")
    return found


def drawn(page: Page) -> None:
    """Wait until all events of what was done so far, such as those of scrolling, have come."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


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
    found = Opened(new_page(browser, size, offline=True, **options))
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
