from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from bench.run.stopping import Stopper


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Ctrl-C as Python has it, which a shell that starts this in the background takes away."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def stopper(usual: None, said: list[str]) -> Iterator[Stopper]:
    made = Stopper(said.append)
    made.install()
    yield made
    made.remove()


def test_nothing_is_requested_at_first(stopper: Stopper) -> None:
    assert not stopper.requested


def test_once_is_a_request(stopper: Stopper) -> None:
    signal.raise_signal(signal.SIGINT)
    assert stopper.requested


def test_once_is_answered_with_what_twice_would_do(stopper: Stopper, said: list[str]) -> None:
    signal.raise_signal(signal.SIGINT)
    assert said == ["stopping after this generation; Ctrl-C again stops at once"]


def test_twice_stops_at_once(stopper: Stopper) -> None:
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_after_removal_ctrl_c_means_what_it_meant_before(stopper: Stopper) -> None:
    before = signal.getsignal(signal.SIGINT)
    stopper.remove()
    assert (before == signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGINT)) == (
        False,
        signal.default_int_handler,
    )


def test_removing_twice_is_no_fault(stopper: Stopper) -> None:
    stopper.remove()
    stopper.remove()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_line_that_cannot_be_written_just_now_does_not_end_the_run() -> None:
    def say(_: str) -> None:
        raise RuntimeError("reentrant call inside <_io.BufferedWriter name='<stdout>'>")

    stopper = Stopper(say)
    stopper.install()
    signal.raise_signal(signal.SIGINT)
    stopper.remove()
    assert stopper.requested
