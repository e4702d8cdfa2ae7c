"""Which process works, and how its end is described."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from bench import PROJECT_ROOT, processes
from bench.processes import child_environment, working_process
from bench.store.schema import LOADS

ACCESS_VIOLATION = 0xC0000005


def test_the_process_that_was_started_is_the_one_that_works() -> None:
    assert working_process(os.getpid(), os.getpid()) == os.getpid()


@pytest.mark.process
def test_a_child_that_says_so_is_the_one_that_works() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert working_process(os.getpid(), child.pid) == child.pid
        child.kill()


@pytest.mark.usefixtures("no_home")
def test_a_child_of_a_user_without_a_home_folder_gets_one_in_the_checkout() -> None:
    assert child_environment({})["HOME"] == str(PROJECT_ROOT / ".nox" / "home")


def test_a_child_has_its_users_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert child_environment({})["HOME"] == str(tmp_path)


@pytest.mark.parametrize("told", [0, -1, 2**30])
def test_a_process_that_is_none_is_not_believed(told: int) -> None:
    assert working_process(os.getpid(), told) == os.getpid()


@pytest.mark.process
def test_a_process_that_comes_from_elsewhere_is_not_believed() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert working_process(child.pid, os.getpid()) == child.pid
        child.kill()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "exit code 3"),
        (-9, "killed by signal 9, as the system does when memory runs out"),
        (-11, "killed by signal 11, segmentation fault: a library crashed"),
        (-64, "killed by signal 64"),
        (ACCESS_VIOLATION, "exit code 0xC0000005, access violation: a library crashed"),
        (ACCESS_VIOLATION - 2**32, "exit code 0xC0000005, access violation: a library crashed"),
        (0xC0000135, "exit code 0xC0000135, a DLL was not found"),
        (0xC0DE0001, "exit code 0xC0DE0001"),
    ],
)
def test_an_end_is_said_in_words(code: int, words: str) -> None:
    assert processes.exit_in_words(code) == words


@pytest.mark.parametrize("code", [0, 70, -9, ACCESS_VIOLATION, 0xFFFFFFFF, None])
def test_every_code_fits_into_its_column(code: int | None) -> None:
    column = pa.array([processes.signed_exit_code(code)], LOADS.field("exit_code").type)
    assert column.to_pylist() == [processes.signed_exit_code(code)]


@pytest.mark.parametrize("code", [0, 70, -9])
def test_a_code_of_its_size_is_stored_as_it_is(code: int) -> None:
    assert processes.signed_exit_code(code) == code


def test_a_status_of_windows_is_stored_as_windows_shows_it() -> None:
    assert processes.signed_exit_code(ACCESS_VIOLATION) == -1073741819


def test_a_stored_status_is_shown_in_hexadecimal() -> None:
    assert processes.format_exit_code(-1073741819) == "0xC0000005"
