from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from studies.overhead.collecting import interpreter


@pytest.mark.process
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
