"""Converters that are forked from one process, which has imported what most of their time would go into.

Each conversion is still a process of its own, with the request, folder, environment and log that the product gives it;
only where it comes from differs. That it starts from nothing as well is shown by the main job. Not on Windows, which
has no fork: there every converter starts from nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

IMPORTED = ("to_openvino", "to_ort_genai", "to_gguf", "cast", "reference", "synthetic", "tokenize_corpus")
"""Converters whose imports are shared, in this order: the builder of ONNX Runtime GenAI puts its folder on the path."""

CONVERT = ["-m", "backends.convert"]


@contextmanager
def forking(python: str, folder: Path) -> Iterator[str]:
    """A program to be called in the place of the interpreter ``python`` of the conversion venv."""
    if sys.platform == "win32":
        yield python
        return
    from bench import PROJECT_ROOT  # noqa: PLC0415 - the conversion venv runs this file without the project
    from bench.prepare.converter import environment  # noqa: PLC0415

    address, program = folder / "line", folder / "python"
    asking = shlex.join([python, "-SI", __file__, str(address)])
    program.write_text(f'#!/bin/sh\nexec {asking} "$@"\n', "utf-8")
    program.chmod(0o755)
    with subprocess.Popen(
        [python, "-m", "tests.support.forked_converters", str(address)],
        cwd=PROJECT_ROOT,
        env=environment(folder, online=False),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        # It ends with its input, which is closed here.
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield str(program)


if sys.platform != "win32":

    def serve(address: str) -> None:
        """Import what converters import, then carry out one conversion after the other, until standard input ends."""
        import importlib  # noqa: PLC0415 - the program that asks does without
        import select  # noqa: PLC0415

        for name in IMPORTED:
            importlib.import_module(f"backends.convert.{name}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen()
            print("ready", flush=True)
            while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
                line, _ = listener.accept()
                with line:
                    message, files, _, _ = socket.recv_fds(line, 1 << 20, 3)
                    line.send(str(_forked(json.loads(message), files)).encode())

    def _forked(asked: Mapping[str, Any], files: Sequence[int]) -> int:
        """The exit status of a conversion; below 0 it is a signal."""
        process = os.fork()
        if not process:
            _convert(asked, files)
        for file in files:
            os.close(file)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    def _convert(asked: Mapping[str, Any], files: Sequence[int]) -> None:
        from backends.convert.__main__ import main  # noqa: PLC0415 - as in serve

        status = 1
        try:
            os.setsid()
            for number, file in enumerate(files):
                os.dup2(file, number)
            os.chdir(asked["folder"])
            os.environ.clear()
            os.environ.update(asked["environment"])
            tempfile.tempdir = None
            status = main(asked["arguments"])
        except BaseException:  # noqa: BLE001 - nothing of this process goes on in that of all others
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def ask(address: str, arguments: Sequence[str]) -> None:
        """Have a conversion carried out, and end as it does; any other program is run by the interpreter itself."""
        if arguments[:2] != CONVERT:
            os.execv(sys.executable, [sys.executable, *arguments])
        asked = {"arguments": arguments[2:], "folder": str(Path.cwd()), "environment": dict(os.environ)}
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.connect(address)
            socket.send_fds(line, [json.dumps(asked).encode()], [0, 1, 2])
            status = int(line.recv(16))
        if status < 0:
            os.kill(os.getpid(), -status)
        sys.exit(status)

    if __name__ == "__main__":
        if len(sys.argv) == 2:
            serve(sys.argv[1])
        else:
            ask(sys.argv[1], sys.argv[2:])
