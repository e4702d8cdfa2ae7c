"""What a worker asks of Windows, by stand-ins for it."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

from backends.process import unattended

SIGBREAK = 21


class Kernel32:
    def __init__(self) -> None:
        self.mode = 0

    def SetErrorMode(self, mode: int) -> int:  # noqa: N802
        self.mode = mode
        return 0


def signals(**more: Any) -> Any:
    given: dict[int, Any] = {}
    return SimpleNamespace(given=given, signal=given.__setitem__, SIG_IGN=signal.SIG_IGN, **more)


def test_a_worker_opens_no_window_when_it_crashes() -> None:
    library = Kernel32()
    unattended(library, signals())
    assert library.mode == 0x8003


def test_ctrl_break_is_left_to_the_harness() -> None:
    asked = signals(SIGBREAK=SIGBREAK)
    unattended(Kernel32(), asked)
    assert asked.given == {SIGBREAK: signal.SIG_IGN}


def test_where_there_is_no_ctrl_break_no_signal_is_touched() -> None:
    asked = signals()
    unattended(Kernel32(), asked)
    assert asked.given == {}
