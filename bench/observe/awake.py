"""Keeps the machine awake while a run goes on; what cannot be is said and never stops a run."""

from __future__ import annotations

import ctypes
import select
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench.processes import process_group

_ANSWER_S = 5.0
_INHIBIT = (
    "systemd-inhibit",
    "--what=sleep:idle",
    "--who=AIPC Bench",
    "--why=a benchmark is running",
    "--mode=block",
    "cat",
)
_CONTINUOUS = 0x80000000
_SYSTEM_REQUIRED = 0x00000001
_DISPLAY_REQUIRED = 0x00000002


class Awake:
    """Asks the system not to sleep, from :meth:`begin` to :meth:`end`.

    On Linux ``systemd-inhibit`` holds its lock while ``cat`` runs, and that runs while its input is open: if this
    program dies, the lock goes with it. On Windows the request is this thread's and goes with the thread; it keeps the
    screen on too, because laptops with Modern Standby begin to sleep when that goes dark.

    Args:
        command: what holds the lock on Linux.
        kernel32: the library of Windows, or what answers like it.
    """

    def __init__(self, command: Sequence[str] = _INHIBIT, kernel32: Any = None) -> None:
        self._command = command
        self._kernel32 = kernel32 if kernel32 is not None else _library()
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> tuple[str, str] | None:
        """Ask; ``None`` if the machine stays awake, else a key of :data:`bench.findings.MESSAGES` and the program."""
        if self._kernel32 is not None:
            held = self._kernel32.SetThreadExecutionState(_CONTINUOUS | _SYSTEM_REQUIRED | _DISPLAY_REQUIRED)
            return None if held else ("windows-refused", "")
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                **process_group(),
            )
        except OSError:
            return "inhibitor-missing", self._command[0]
        if self._answers(self._process):
            return None
        self.end()
        return "inhibitor-refused", self._command[0]

    @staticmethod
    def _answers(process: subprocess.Popen[bytes]) -> bool:
        """Whether the lock is held: only then ``cat`` runs, and gives back what it is given."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], _ANSWER_S)
            return bool(ready) and process.stdout.read(1) == b"\n"
        except OSError:
            return False

    def end(self) -> None:
        """Let the machine sleep again."""
        if self._kernel32 is not None:
            self._kernel32.SetThreadExecutionState(_CONTINUOUS)
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            try:
                stream.close()
            except OSError:
                # Its other end is gone already.
                continue
        try:
            process.wait(_ANSWER_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _library() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("kernel32")
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return None
