"""A converter hears by its standard input that the harness is gone, and hands that to none of its own children."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.processes import child_environment

pytestmark = pytest.mark.process

CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(repr(sys.stdin.read()))'])"
CONVERTER = """
import threading, time
from backends.convert.__main__ import _end_with_harness, _take_input
threading.Thread(target=_end_with_harness, args=(_take_input(),), daemon=True).start()
{then}
"""

Process = subprocess.Popen[str]


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        with process:
            process.kill()


def start(started: list[Process], then: str) -> Process:
    command = [sys.executable, "-c", CONVERTER.format(then=then)]
    process = subprocess.Popen(
        command,
        env=child_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    started.append(process)
    return process


def test_a_child_of_a_converter_has_an_input_that_has_ended(started: list[Process]) -> None:
    process = start(started, CHILD)
    assert process.stdout is not None
    assert process.stdout.readline() == "''\n"


def test_a_converter_ends_when_the_harness_is_gone(started: list[Process]) -> None:
    process = start(started, "print('ready', flush=True); time.sleep(600)")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(60) == 3
