"""Sweeps forked from a process that has loaded the harness: to load it takes longer than a small sweep itself."""

from __future__ import annotations

import atexit
import gc
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path

from bench import PROJECT_ROOT
from tests.support import fork_server

LOADED = (
    *("pandas", "pytest", "scipy.special"),
    *("bench.analyse.adaptive", "bench.analyse.samples", "bench.run.changes", "bench.run.guard.after"),
    *("bench.run.planning", "bench.run.resume", "bench.run.session"),
    *("bench.report.compare.comparison_exports", "bench.report.render", "bench.report.run_page"),
    "tests.support.charts",
)
"""What sweeps import. Not what pytest loads as plugins: it would warn that these are loaded already."""
_SECONDS = 600


def run_forked(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``python -m pytest ARGUMENTS`` in the project's folder to its end; killed after ten minutes."""
    if sys.platform == "win32":
        raise NotImplementedError
    with Path(os.devnull).open("rb") as nothing, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        files = [file.fileno() for file in (nothing, out, err)]
        status = fork_server.ask(_server(), arguments, PROJECT_ROOT, environment, files)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode("utf-8"))
    return subprocess.CompletedProcess(["pytest", *arguments], status, *said)


@cache
def _server() -> str:
    stack = ExitStack()
    atexit.register(stack.close)
    # Or numpy starts threads, which do not survive a fork.
    environment = {**os.environ, "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}
    return stack.enter_context(fork_server.serving(sys.executable, __name__, PROJECT_ROOT, environment))


def run_pytest(arguments: Sequence[str]) -> None:
    """End as ``python -m pytest ARGUMENTS`` does."""
    if sys.platform != "win32":
        signal.alarm(_SECONDS)
    sys.argv[1:] = arguments
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__" and sys.platform != "win32":
    for name in LOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    fork_server.serve(sys.argv[1], run_pytest)
