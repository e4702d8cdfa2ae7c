from __future__ import annotations

import sys

import pytest

from bench.observe.awake import Awake

pytestmark = pytest.mark.process

ECHO = (
    sys.executable,
    "-c",
    "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read(1)); sys.stdout.flush(); sys.stdin.read()",
)
REFUSED = (sys.executable, "-c", "raise SystemExit(1)")

linux = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no systemd-inhibit")


@linux
def test_the_lock_is_held_once_its_holder_answers() -> None:
    awake = Awake(ECHO)
    refused = awake.begin()
    awake.end()
    assert refused is None


@linux
def test_the_holder_is_gone_afterwards() -> None:
    awake = Awake(ECHO)
    awake.begin()
    holder = awake._process
    awake.end()
    assert holder is not None
    assert holder.poll() is not None


@linux
def test_a_refusal_is_said() -> None:
    assert Awake(REFUSED).begin() == ("inhibitor-refused", sys.executable)


@linux
def test_a_system_without_it_says_so() -> None:
    assert Awake(("no-such-program",)).begin() == ("inhibitor-missing", "no-such-program")


def test_ending_what_never_began_is_no_error() -> None:
    Awake(("no-such-program",)).end()


class Kernel32:
    def __init__(self, answer: int) -> None:
        self.answer = answer
        self.asked: list[int] = []

    def SetThreadExecutionState(self, state: int) -> int:  # noqa: N802 - Windows' own name
        self.asked.append(state)
        return self.answer


def test_windows_is_asked_for_as_long_as_it_goes_on() -> None:
    kernel32 = Kernel32(1)
    awake = Awake(kernel32=kernel32)
    refused = awake.begin()
    awake.end()
    assert (refused, kernel32.asked) == (None, [0x80000003, 0x80000000])


def test_a_windows_that_refuses_is_told() -> None:
    assert Awake(kernel32=Kernel32(0)).begin() == ("windows-refused", "")
