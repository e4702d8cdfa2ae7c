"""Child processes: how they are started so that Ctrl-C is ours, and how they end with all that they started."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import psutil

from bench.root import PROJECT_ROOT


def process_group() -> dict[str, Any]:
    """Arguments of ``Popen`` that put a child in a process group of its own.

    The console's Ctrl-C is for the harness, which ends the child, or lets it finish what it is doing.
    """
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return {"start_new_session": True}


def child_environment(ours: Mapping[str, str], *, online: bool = False) -> dict[str, str]:
    """What a child sees: this project's modules, the caller's environment, and no model hub unless ``online``.

    Args:
        ours: what this child needs beside that.
        online: whether it may ask the hub.
    """
    common = {
        "PYTHONPATH": str(PROJECT_ROOT),
        # The working folder is no place to import from.
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    offline = {} if online else {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return {**os.environ, **common, **offline, **ours}


def working_process(started: int, told: int) -> int:
    """The process that does the work, whose memory and devices are to be read.

    The ``python.exe`` of a venv on Windows only starts the interpreter, as a child of its own, and waits for it.

    Args:
        started: the process that was started.
        told: the process that says that it is the one; believed if it comes from ``started``.
    """
    try:
        process: psutil.Process | None = psutil.Process(told)
        # No further up than needed: what the system itself started may not be asked.
        while process is not None and process.pid != started:
            process = process.parent()
    except (psutil.Error, ValueError):
        return started
    return started if process is None else told


def interpreter(started: int) -> int:
    """The interpreter behind a process that was started from a venv; that process itself, but for Windows.

    Args:
        started: the process; its interpreter may not be there yet.
    """
    if sys.platform != "win32" or sys.prefix == sys.base_prefix:
        return started
    try:
        children = psutil.Process(started).children()
    except psutil.Error:
        return started
    return children[0].pid if children else started


def end_tree(pid: int) -> None:
    """Kill the process ``pid`` and all that it started; the caller waits for ``pid`` itself."""
    try:
        root = psutil.Process(pid)
        children = root.children(recursive=True)
    except psutil.Error:
        return
    for process in (*children, root):
        # On Windows a process that is just dying may not be killed any more.
        with contextlib.suppress(psutil.Error):
            process.kill()
    # Not the root: whoever started it waits for it, and gets its exit status by that.
    psutil.wait_procs(children, timeout=10)
