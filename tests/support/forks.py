"""Sweeps forked from a process that has loaded the harness: to load it takes longer than a small sweep itself.

Each is a process of its own, with its own environment and files. Where processes cannot be forked, it is started.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from bench import PROJECT_ROOT

CAN_FORK = sys.platform == "linux"
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
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder, name) for name in ("stdout", "stderr")]
        asked = {"arguments": list(arguments), "environment": dict(environment), "said": list(map(str, said))}
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        out, err = (path.read_text(encoding="utf-8") for path in said)
    return subprocess.CompletedProcess(["pytest", *arguments], status, out, err)


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forks"],
        cwd=PROJECT_ROOT,
        # Or numpy starts threads, which do not survive a fork.
        env={**os.environ, "PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    for name in LOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    while asked := sys.stdin.readline():
        # The only other thread is one of jemalloc's, which makes it anew.
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            child = os.fork()
        if not child:
            _become(**json.loads(asked))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(arguments: Sequence[str], environment: Mapping[str, str], said: Sequence[str]) -> None:
    """End as ``python -m pytest ARGUMENTS`` does."""
    if sys.platform == "win32":
        raise NotImplementedError
    signal.alarm(_SECONDS)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv[1:] = arguments
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
