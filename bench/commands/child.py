"""Runs the harness as a child of the noxfile, on nox's own Python: the standard library alone is imported here."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from bench import PROJECT_ROOT

CONTROL_C_EXIT = 0xC000013A
"""Status of a process of Windows that Ctrl-C, Ctrl-Break or the end of its console ended."""


def run(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command in the checkout to its end; returns its exit status.

    Not by ``session.run`` of nox: that leaves at the second Ctrl-C, with the command still writing to the console.

    Args:
        command: an interpreter and its arguments.
        variables: of the environment, over the caller's.
    """
    break_as_interrupt()
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env={**utf8(), **variables}) as child:
        return wait(child)


def utf8() -> dict[str, str]:
    """The environment of everything that the harness runs in: the caller's, with one encoding on every system."""
    return {**os.environ, "PYTHONUTF8": "1"}


def wait(child: subprocess.Popen[bytes]) -> int:
    """The exit status of ``child``. Ctrl-C reaches it from the console too; how to end is its own affair."""
    while True:
        try:
            return exit_status(child.wait())
        except KeyboardInterrupt:
            continue


def exit_status(return_code: int) -> int:
    """A child's return code as a shell tells it: one that a signal ended has 128 + the signal's number.

    On Windows Ctrl-C and Ctrl-Break count as such, and what else ended it is a failure.
    """
    if return_code == CONTROL_C_EXIT:
        return 128 + signal.SIGINT
    if return_code > 255:
        return 1
    return return_code if return_code >= 0 else 128 - return_code


def break_as_interrupt() -> None:
    """Have Ctrl-Break of a Windows console do what Ctrl-C does, or it would end nox and leave the command running."""
    if (number := getattr(signal, "SIGBREAK", None)) is not None:
        signal.signal(number, signal.default_int_handler)
