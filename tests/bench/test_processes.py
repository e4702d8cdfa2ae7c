"""Which process is which: the one that was started, and the one that does the work."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from bench.processes import interpreter, working_process

pytestmark = pytest.mark.process


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


def test_the_interpreter_behind_a_venvs_python_of_windows_is_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    redirector = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    command = [sys.executable, "-c", redirector]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(sys, "base_prefix", "elsewhere")
        found = interpreter(started.pid)
        monkeypatch.undo()
        assert psutil.Process(found).ppid() == started.pid


def test_elsewhere_a_process_is_its_own_interpreter() -> None:
    if sys.platform != "win32":
        assert interpreter(os.getpid()) == os.getpid()
