"""Ctrl-C while measuring: once finishes the current generation, twice stops at once; while scoring, once does."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


class Stopper:
    """Counts requests to stop, from :meth:`install` to :meth:`remove`; ``say`` confirms the first.

    While ``at_once`` is set there is no generation to wait for, and the first one raises KeyboardInterrupt.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._previous: dict[int, object] = {}
        self.requested = False
        self.at_once = False

    def install(self) -> None:
        """Take over Ctrl-C (and Ctrl-Break on Windows)."""
        signals = [signal.SIGINT]
        if sys.platform == "win32":
            signals.append(signal.SIGBREAK)
        for number in signals:
            self._previous[number] = signal.signal(number, self._hear)

    def remove(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    def _hear(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        again, self.requested = self.requested, True
        if again or self.at_once:
            raise KeyboardInterrupt
        # Python refuses to write where the signal came while a line was written; what was to be said follows that line.
        with suppress(RuntimeError):
            self._say("stopping after this generation; Ctrl-C again stops at once")
