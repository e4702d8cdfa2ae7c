"""What a worker asks of Windows, by stand-ins for it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backends.process import unattended

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_process_that_dies_leaves_no_core_dump() -> None:
    program = (
        "import resource; from backends.process import unattended; unattended(); "
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "(0, 0)"


def test_ctrl_break_is_left_to_the_harness() -> None:
    asked = signals(SIGBREAK=SIGBREAK)
    unattended(Kernel32(), asked)
    assert asked.given == {SIGBREAK: signal.SIG_IGN}


def test_where_there_is_no_ctrl_break_no_signal_is_touched() -> None:
    asked = signals()
    unattended(Kernel32(), asked)
    assert asked.given == {}
