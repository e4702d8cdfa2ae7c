"""Which process is which: the one that was started, and the one that does the work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.processes import working_process


def test_the_process_that_was_started_is_the_one_that_works() -> None:
    assert working_process(os.getpid(), os.getpid()) == os.getpid()


def test_a_child_that_says_so_is_the_one_that_works() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert working_process(os.getpid(), child.pid) == child.pid
        child.kill()


@pytest.mark.parametrize("told", [0, -1, 2**30])
def test_a_process_that_is_none_is_not_believed(told: int) -> None:
    assert working_process(os.getpid(), told) == os.getpid()


def test_a_process_that_comes_from_elsewhere_is_not_believed() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert working_process(child.pid, os.getpid()) == child.pid
        child.kill()
