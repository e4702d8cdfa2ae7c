"""The process of a worker: how it is started, connected and ended, and what it printed.

A worker may hang, die, or be killed by the system; that costs no more than the cell it was working on.
"""

import contextlib
import json
import os
import secrets
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import IO, Any

from backends.speed_variables import speed_variables
from bench import processes
from bench.errors import WorkerCrashed, WorkerError, WorkerFailed, WorkerTimeout
from bench.last_words import last_words, without_module_lists
from bench.processes import TEMPORARY_REMEDY, child_environment, end_tree, process_group

_LAST_WORDS_S = 5.0
_GONE_S = 30.0
MESSAGE_S = 60
"""How long a message that has begun to come or go may take, in seconds."""
_TAIL_BYTES = 4000
_CRASH_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Launch:
    """Additions of a study to how a worker is started: a command before it, such as ``setarch -R``, and variables."""

    prefix: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def limited(connection: Any) -> Any:
    """``connection``, on which a message that is cut off is an error after :data:`MESSAGE_S`, and no wait without end.

    Pipes of Windows pass on whole messages alone, and have no time limit of their own.
    """
    if sys.platform == "win32":
        return PipeOfWindows(connection)
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            for limit in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                line.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", MESSAGE_S, 0))
        return connection


class PipeOfWindows:
    """A connection on which a message that nobody takes is an error after :data:`MESSAGE_S`.

    A pipe of Windows keeps 8 kB, and whoever sends more waits until it is read.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.recv_bytes, self.poll, self.close = connection.recv_bytes, connection.poll, connection.close

    def send_bytes(self, data: bytes) -> None:
        """Send one message.

        Raises:
            BlockingIOError: it was not taken in time; the caller has to end the other process.
        """
        ended: list[OSError | ValueError | None] = []

        def send() -> None:
            try:
                self._connection.send_bytes(data)
            except (OSError, ValueError) as error:
                ended.append(error)
            else:
                ended.append(None)

        # Where the other process ends, or the connection is closed, so does the wait.
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        thread.join(MESSAGE_S)
        if not ended:
            raise BlockingIOError("the message was not taken")
        if ended[0] is not None:
            raise ended[0]


class ChildProcess:
    """A process of ``python -m backends.worker`` that has connected within ``start_s``."""

    def __init__(
        self, python: str, scratch: Path, start_s: float, threads: int | None, launch: Launch, remedy: str
    ) -> None:
        self.scratch = scratch
        self.log = scratch / "worker.log"
        key = secrets.token_bytes(32)
        # On Linux a name without a file, since a socket's path has 107 bytes at most.
        address = f"\0aipc-bench-{secrets.token_hex(16)}" if sys.platform == "linux" else None
        with Listener(address, authkey=key) as listener, _opened(self.log) as log:
            try:
                self.process = _spawn(python, scratch, log, threads, launch)
            except OSError as error:
                raise WorkerFailed(f"cannot start {python}: {error.strerror}; {remedy}") from error
            # Text, which an address without a file is not.
            told = os.fsdecode(listener.address)
            try:
                self._greet(told, key)
                self.connection = limited(self._accept(listener, told, start_s))
            except BaseException:
                self.kill()
                raise

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stderr_tail(self) -> str | None:
        """The end of what the process printed; ``None`` if it printed nothing."""
        text = without_module_lists(self._printed()).encode()[-_TAIL_BYTES:]
        return text.decode("utf-8", "replace").strip() or None

    def _printed(self) -> str:
        try:
            data = self.log.read_bytes()[-_CRASH_BYTES:]
        except OSError:
            return ""
        return data.decode("utf-8", "replace")

    def kill(self) -> None:
        """End the process and all that it started; one that hangs in a driver is left."""
        end_tree(self.process.pid)
        # On Windows a wait without a timeout cannot be interrupted.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_GONE_S)
        if hasattr(self, "connection"):
            self.connection.close()
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def _greet(self, address: str, key: bytes) -> None:
        line = json.dumps({"address": address, "key": key.hex()}) + "\n"
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode("ascii"))
            # It stays open as long as somebody wants an answer.
            self.process.stdin.flush()
        except OSError as error:
            raise self._died() from error

    def _accept(self, listener: Listener, address: str, start_s: float) -> Any:
        accepted: list[Any] = []

        def accept() -> None:
            try:
                accepted.append(listener.accept())
            except (OSError, EOFError, AuthenticationError):
                return

        # accept() takes no timeout, so it runs in a thread; a connection of our own ends it.
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        deadline = time.monotonic() + start_s
        while thread.is_alive() and self.alive and time.monotonic() < deadline:
            thread.join(0.02)
        if accepted:
            return accepted[0]
        late = self.alive and time.monotonic() >= deadline
        with contextlib.suppress(OSError):
            Client(address).close()
        thread.join(1.0)
        if late:
            self.kill()
            raise self._late("come up", start_s)
        raise self._died()

    def _late(self, what: str, timeout_s: float) -> WorkerError:
        ended = "was stopped"
        if self.alive:
            ended = "cannot be ended, as where a driver hangs: restart the machine before measuring on"
        return WorkerTimeout(f"the worker did not {what} within {timeout_s:g} s and {ended}")

    def _died(self) -> WorkerError:
        try:
            code = self.process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return WorkerCrashed("the worker closed its channel without ending and was stopped")
        last = last_words(self._printed())
        words = f"; its last words: {last[:300]}" if last else ""
        return WorkerCrashed(f"the worker died ({processes.exit_in_words(code)}){words}", exit_code=code)


def _opened(log: Path) -> IO[bytes]:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("wb")
    except OSError as error:
        raise WorkerFailed(
            f"{log.parent} cannot be written ({error.strerror or error}): {TEMPORARY_REMEDY}", error_type="OSError"
        ) from error


def worker_variables(threads: int | None) -> dict[str, str]:
    """The :func:`backends.speed_variables.speed_variables` that a worker will get; it reports those that it did get."""
    return speed_variables(_environment(threads, {}))


def _environment(threads: int | None, more: Mapping[str, str]) -> dict[str, str]:
    for_threads = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    return child_environment({"PYTHONNOUSERSITE": "1", "PYTHONFAULTHANDLER": "1", **for_threads, **more})


def _spawn(python: str, scratch: Path, log: IO[bytes], threads: int | None, launch: Launch) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*launch.prefix, python, "-m", "backends.worker"],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=scratch,
        # What it leaves behind goes with its folder.
        env=_environment(threads, {**dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)), **launch.environment}),
        **process_group(),
    )
