"""Keeps the machine awake during a run. Where that fails, the run goes on."""

import select
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bench.observe.windows import library
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
    program dies, the lock is released. On Windows the request ends with the thread that made it; it keeps the screen
    on too, because laptops with Modern Standby begin to sleep when the screen goes dark.
    """

    def __init__(self, command: Sequence[str] = _INHIBIT, kernel32: Any = None) -> None:
        self._command = command
        self._kernel32 = kernel32 if kernel32 is not None else library("kernel32")
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> tuple[str, str] | None:
        """Ask; returns why the machine may sleep all the same, ``None`` if it will not.

        That is a key of :data:`bench.findings.MESSAGES`, and the program that was asked.
        """
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
        """Whether the lock is held: only then ``cat`` runs and returns what it is sent."""
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
            # The other end may be gone already.
            with suppress(OSError):
                stream.close()
        try:
            process.wait(_ANSWER_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
