"""What the terminal shows while venvs are made: on a terminal a line for each that changes in place."""

import logging
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

_NOX = logging.getLogger("nox")
_OUTPUT = logging.DEBUG - 1
"""nox's level for what programs print, which ``nox -v`` shows."""
_DRAWN_EVERY_S = 1.0

_NAME = r"[A-Za-z][\w.]*(?:-[A-Za-z][\w.]*)*"
"""A package, without the version that comes after it in a requirement or in the name of a wheel."""
_STEPS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(rf"(?:Collecting|Processing|Downloading) (?:[^(]*[/\\])?({_NAME})"),
        lambda found: f"fetching {found[1]}",
    ),
    (re.compile(r"Resolved (\d+) packages?"), lambda found: f"fetching {found[1]} packages"),
    (re.compile(r"Building wheel for (\S+)"), lambda found: f"compiling {found[1]}"),
    (
        re.compile(r"Installing collected packages: (.*)"),
        lambda found: f"unpacking {_counted(len(found[1].split()))}",
    ),
    (re.compile(r"Prepared (\d+) packages?"), lambda found: f"unpacking {_counted(int(found[1]))}"),
    (re.compile(r"Installed (\d+) packages?"), lambda found: f"{_counted(int(found[1]))} unpacked"),
)
"""How lines of pip and uv begin -> what is being done."""


class Session(Protocol):
    """What an installation needs of a nox session."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Say what happens."""

    def warn(self, *args: Any, **kwargs: Any) -> None:
        """Say what went wrong."""

    def error(self, *args: Any) -> Any:
        """Say why the session cannot go on, and end it."""


@dataclass(slots=True)
class _Line:
    since: float
    step: str = "making the venv"


class Lines:
    """Says in lines of the session what happens, above those that change; of all threads.

    Where nothing can change in place, as in a file or with ``nox -v``, the lines of the session are all there is.
    """

    def __init__(self, session: Session, terminal: TextIO | None = None) -> None:
        self._session = session
        # nox's own lines go there too.
        self._terminal = sys.stderr if terminal is None else terminal
        self._changing: dict[str, _Line] = {}
        self._drawn = 0
        self._lock = threading.RLock()
        self._live = _can_change(self._terminal) and not _NOX.isEnabledFor(_OUTPUT)
        self._over = threading.Event()
        self._drawing = threading.Thread(target=self._draw_again, daemon=True) if self._live else None
        if self._drawing is not None:
            self._drawing.start()

    def log(self, line: str) -> None:
        with self._above():
            self._session.log(line)

    def warn(self, line: str) -> None:
        with self._above():
            self._session.warn(line)

    def error(self, line: str) -> None:
        self._session.error(line)

    def show(self, line: str) -> None:
        """Show what somebody else says."""
        # A console that lacks a character, as those of Windows do, loses that and not the session.
        encoding = sys.stdout.encoding
        with self._above():
            print(line.encode(encoding, "replace").decode(encoding), flush=True)

    def begin(self, name: str) -> None:
        """Have a line for the venv ``name``."""
        with self._above():
            self._changing[name] = _Line(time.monotonic())

    def tell(self, name: str, line: str) -> None:
        _NOX.log(_OUTPUT, "%s: %s", name, line)
        for begins, words in _STEPS:
            if found := begins.match(line.strip()):
                with suppress(KeyError):
                    self._changing[name].step = words(found)

    def end(self, name: str) -> None:
        """Have no line for the venv ``name`` any more."""
        with self._above():
            self._changing.pop(name, None)

    def close(self) -> None:
        """Leave the terminal to others."""
        self._over.set()
        if self._drawing is not None:
            self._drawing.join()
        with self._lock:
            self._erase()

    @contextmanager
    def _above(self) -> Iterator[None]:
        with self._lock:
            self._erase()
            yield
            self._draw()

    def _draw_again(self) -> None:
        while not self._over.wait(_DRAWN_EVERY_S):
            with self._above():
                pass

    def _erase(self) -> None:
        if self._drawn:
            self._terminal.write(f"\x1b[{self._drawn}F\x1b[J")
            self._terminal.flush()
            self._drawn = 0

    def _draw(self) -> None:
        if not self._live or self._over.is_set():
            return
        # A line that is as wide as the terminal would make two.
        width = shutil.get_terminal_size().columns - 1
        for name, line in self._changing.items():
            self._terminal.write(f"  {name}: {line.step}, {time.monotonic() - line.since:.0f} s"[:width] + "\n")
        self._terminal.flush()
        self._drawn = len(self._changing)


def _counted(packages: int) -> str:
    return f"{packages} package{'s' if packages != 1 else ''}"


def _can_change(terminal: TextIO) -> bool:
    """Whether what is on the terminal can be changed: an older console of Windows shows the codes for it."""
    if not terminal.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return sys.platform != "win32" or "WT_SESSION" in os.environ
