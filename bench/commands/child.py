"""Runs the harness as a child of the noxfile, on nox's own Python, so it imports only what nox brings."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from bench import PROJECT_ROOT
from bench.cli import INTERRUPTED
from bench.prepare.installers import FOREIGN

CONTROL_C_EXIT = 0xC000013A
"""Windows' status of a process that Ctrl-C, Ctrl-Break or the end of its console ended."""


def run(command: Sequence[str], variables: Mapping[str, str], beside: Iterable[Sequence[str]] = ()) -> int:
    """Run a command with additional environment variables, and others ``beside`` it; returns the first status but 0.

    What those beside it write is shown, one after the other, when all have ended. nox's ``session.run`` returns at the
    second Ctrl-C, while the command still writes to the console.
    """
    break_as_interrupt()
    environment = {**surroundings(), **variables}
    children: list[subprocess.Popen[bytes]] = []
    outputs = []
    asked = False

    def end_all(*_: object) -> None:
        nonlocal asked
        asked = True
        for child in children:
            child.terminate()

    with ExitStack() as stack:
        # SIGTERM to nox is for its children too, started or about to be: a fleet's scheduler would run for ever.
        stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, end_all))
        for number, one in enumerate([command, *beside]):
            output = stack.enter_context(tempfile.TemporaryFile()) if number else None
            errors = subprocess.STDOUT if number else None
            child = stack.enter_context(subprocess.Popen(one, env=environment, stdout=output, stderr=errors))
            children.append(child)
            if asked:
                child.terminate()
            if output:
                outputs.append(output)
        statuses = [wait(child) for child in children]
        sys.stdout.flush()
        for output in outputs:
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return next(filter(None, statuses), 0)


def run_quietly(command: Sequence[str], variables: Mapping[str, str], show: Callable[[str], None]) -> int:
    """Run a command as :func:`run` does; ``show`` gets the lines that it prints, and nobody its errors.

    Nothing is written to its standard input, whose end tells it that this process is gone.
    """
    break_as_interrupt()
    environment = {**surroundings(), **variables}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                show(line.rstrip())
        except KeyboardInterrupt:
            # It gets Ctrl-C from the console too, and ends by itself.
            wait(child)
            return INTERRUPTED
        return wait(child)


def surroundings() -> dict[str, str]:
    """The caller's variables, with one encoding, and such that Python finds our modules and the venv's alone.

    The working folder is the caller's, so nothing is imported from it. pytest gets options on its command line alone.
    """
    theirs = {
        name: value for name, value in os.environ.items() if name not in FOREIGN and not name.startswith("PYTEST_")
    }
    return {**theirs, "PYTHONPATH": str(PROJECT_ROOT), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}


def wait(child: subprocess.Popen[Any]) -> int:
    """The exit status of ``child``, which gets Ctrl-C from the console too and ends by itself."""
    while True:
        try:
            return exit_status(child.wait())
        except KeyboardInterrupt:
            continue


def exit_status(return_code: int) -> int:
    """A child's return code as a shell has it: 128 + the signal's number if a signal ended it.

    On Windows Ctrl-C and Ctrl-Break count as SIGINT, and every other status of the system is 1.
    """
    if return_code == CONTROL_C_EXIT:
        return INTERRUPTED
    if return_code > 255:
        return 1
    return return_code if return_code >= 0 else 128 - return_code


def break_as_interrupt() -> None:
    """Handle Ctrl-Break of a Windows console as Ctrl-C.

    Otherwise it ends nox and leaves the command running, or ends the command without a word.
    """
    if (number := getattr(signal, "SIGBREAK", None)) is not None:
        signal.signal(number, signal.default_int_handler)
