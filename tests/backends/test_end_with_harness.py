"""A worker or converter ends with its harness, and hands its standard input to none of its own children."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from bench.processes import child_environment, process_group

pytestmark = pytest.mark.process

READING = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(repr(sys.stdin.read()))'])"
SLEEPING = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{sleep}']).pid, flush=True); {sleep}"
SLEEP = "import time; time.sleep(600)"
CHILD = """
from backends.process import end_with_harness
end_with_harness()
{then}
"""
HARNESS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, start_new_session=True)
time.sleep(600)
"""

Process = subprocess.Popen[str]


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        with process:
            process.kill()


def start(started: list[Process], *arguments: str) -> Process:
    process = subprocess.Popen(
        [sys.executable, "-c", *arguments],
        env=child_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        **process_group(),
    )
    started.append(process)
    return process


def first_line(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_its_own_child_has_an_input_that_has_ended(started: list[Process]) -> None:
    assert first_line(start(started, CHILD.format(then=READING))) == "''\n"


@pytest.mark.fault("worker-children")
def test_it_ends_with_its_children_when_the_harness_is_gone(started: list[Process]) -> None:
    process = start(started, CHILD.format(then=SLEEPING.format(sleep=SLEEP)))
    child = psutil.Process(int(first_line(process)))
    assert process.stdin is not None
    process.stdin.close()
    if sys.platform == "win32":
        child.kill()
        assert process.wait(300) == 3
    else:
        psutil.wait_procs([child], timeout=300)
        assert (process.wait(300), child.is_running()) == (-signal.SIGKILL, False)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends a process whose parent has died")
@pytest.mark.fault("worker-children")
def test_it_ends_even_where_native_code_holds_the_interpreter(started: list[Process]) -> None:
    held = CHILD.format(then="import ctypes, os; print(os.getpid(), flush=True); ctypes.PyDLL(None).sleep(600)")
    harness = start(started, HARNESS, held)
    child = psutil.Process(int(first_line(harness)))
    harness.kill()
    gone, alive = psutil.wait_procs([child], timeout=300)
    assert (len(gone), alive) == (1, [])


PROGRAM = """
import sys
from backends.process import run_and_end_with_input
sys.exit(run_and_end_with_input([sys.executable, "-c", {code!r}]))
"""


def start_program(started: list[Process], code: str) -> Process:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(code=code)],
        env=child_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    started.append(process)
    return process


@pytest.mark.parametrize("status", [0, 3])
def test_somebody_elses_program_has_no_input_and_its_own_status(started: list[Process], status: int) -> None:
    process = start_program(started, f"import sys; print(repr(sys.stdin.read())); sys.exit({status})")
    assert (first_line(process), process.wait(300)) == ("''\n", status)


def test_somebody_elses_program_ends_with_all_that_it_started_when_the_input_ends(started: list[Process]) -> None:
    process = start_program(started, SLEEPING.format(sleep=SLEEP))
    child = psutil.Process(int(first_line(process)))
    assert process.stdin is not None
    process.stdin.close()
    psutil.wait_procs([child], timeout=300)
    assert (process.wait(300) != 0, child.is_running()) == (True, False)
