"""Processes that are forked from one which has imported what most of their time would go into.

Each is a process of its own, with the arguments, folder, environment and files that it is given; only where it comes
from differs. Not on Windows, which has no fork. Called as a program, ``NAME MODULE ARGUMENTS``, it stands for an
interpreter with these arguments, but that ``-m MODULE`` is forked by the server of that name; it imports little, since
it is called often, and nothing of the project, which is not on its path.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CAN_FORK = sys.platform == "linux"


@contextmanager
def serving(python: str, module: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The name of a server, which is ``module`` run by ``python`` and calls :func:`serve` with the name it is given."""
    name = f"aipc-bench-tests-{os.urandom(16).hex()}"
    with subprocess.Popen(
        [python, "-m", module, name],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        # It ends with its input, which is closed here.
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield name


if sys.platform != "win32":

    def serve(name: str, run: Callable[[Sequence[str]], object]) -> None:
        """Fork one process after the other, until standard input ends; in each ``run`` gets its arguments."""
        import select  # noqa: PLC0415 - the program that asks does without
        import warnings  # noqa: PLC0415 - likewise

        with _line() as listener:
            listener.bind(_address(name))
            listener.listen()
            print("ready", flush=True)
            while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
                line, _ = listener.accept()
                with line:
                    message, files, _, _ = socket.recv_fds(line, 1 << 20, 3)
                    # The only other thread is one of jemalloc's, which makes it anew.
                    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                        process = os.fork()
                    if not process:
                        _become(json.loads(message), files)
                        run(json.loads(message)["arguments"])
                        return
                    for file in files:
                        os.close(file)
                    line.send(str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode())

    def _become(asked: Mapping[str, Any], files: Sequence[int]) -> None:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        tempfile.tempdir = None

    def ask(
        name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], files: Sequence[int]
    ) -> int:
        """Have a process run to its end, with three files; its exit status, below 0 the signal that ended it."""
        asked = {"arguments": [*arguments], "folder": str(folder), "environment": dict(environment)}
        with _line() as line:
            line.connect(_address(name))
            socket.send_fds(line, [json.dumps(asked).encode()], files)
            return int(line.recv(16))

    def _line() -> socket.socket:
        return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def _address(name: str) -> str:
        # Without a file, since the path of one has 107 bytes at most.
        return f"\0{name}"

    if __name__ == "__main__":
        server_name, module_name, *its_arguments = sys.argv[1:]
        if its_arguments[:2] != ["-m", module_name]:
            os.execv(sys.executable, [sys.executable, *its_arguments])
        status = ask(server_name, its_arguments[2:], Path.cwd(), os.environ, [0, 1, 2])
        if status < 0:
            os.kill(os.getpid(), -status)
        sys.exit(status)
