"""Settings of a worker's own process: CPUs, power throttling, error windows."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Any

if sys.platform != "win32":
    import resource

_NO_ERROR_WINDOWS = 0x0001 | 0x0002 | 0x8000
"""SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX and SEM_NOOPENFILEERRORBOX."""
_PR_SET_PDEATHSIG = 1
"""Of prctl: the signal that a process gets when the thread that started it ends."""


def usable_cpus() -> list[int] | None:
    """The logical CPUs that this process may run on; ``None`` where the system does not tell."""
    if sys.platform == "win32":
        return _windows_affinity()
    elif hasattr(os, "sched_getaffinity"):  # noqa: RET505 - the checker for types reads one platform at a time
        return sorted(os.sched_getaffinity(0))
    else:
        return None


def full_speed() -> bool | None:
    """Opt this process out of Windows' power throttling, so that it is not moved to slow cores as a background task.

    Whether that worked; ``None`` on systems that have no such throttling.
    """
    if sys.platform == "win32":
        return _windows_no_throttling()
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return None


def unattended(kernel32: Any = None, signals: Any = signal) -> None:
    """Leave no core dump; on Windows open no error windows, and ignore Ctrl-Break.

    A dump of a process that has loaded a model is as large as the model. A crash or a missing DLL would open a window
    on Windows, and the process would wait until it is closed. Ctrl-Break reaches every process of a console; the
    harness handles it, and ends a worker after its generation.
    """
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = kernel32 if kernel32 is not None else _library()
    if library is not None:
        library.SetErrorMode(_NO_ERROR_WINDOWS)
    if hasattr(signals, "SIGBREAK"):
        signals.signal(signals.SIGBREAK, signals.SIG_IGN)


def end_with_harness() -> None:
    """End this process, and what it has started, when the harness is gone: nobody wants its result then.

    The harness holds the other end of standard input and writes no more to it; the system closes that end when the
    harness ends, however it ends. On Linux the system ends this process besides, even where native code holds the
    interpreter.
    """
    threading.Thread(target=_wait_for_end_of, args=(_take_input(),), daemon=True).start()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _take_input() -> int:
    """Keep standard input for ourselves, and put nothing in its place.

    On Windows a process that inherits a pipe from which another one is reading hangs as it starts: the compilers and
    probes that converters call would.
    """
    pipe = os.dup(sys.stdin.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return pipe


def _wait_for_end_of(pipe: int) -> None:
    # Read without a buffer, whose lock would still be held when the interpreter ends.
    os.read(pipe, 1)
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(3)


def _library() -> Any:
    if sys.platform == "win32":
        return ctypes.WinDLL("kernel32")
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return None


if sys.platform == "win32":

    class _PowerThrottlingState(ctypes.Structure):
        _fields_ = (("version", ctypes.c_ulong), ("control_mask", ctypes.c_ulong), ("state_mask", ctypes.c_ulong))

    _PROCESS_POWER_THROTTLING = 4
    _EXECUTION_SPEED = 0x1

    def _kernel32() -> ctypes.WinDLL:
        library = ctypes.WinDLL("kernel32", use_last_error=True)
        library.GetCurrentProcess.restype = ctypes.c_void_p
        return library

    def _windows_no_throttling() -> bool:
        kernel32 = _kernel32()
        # Controlling execution speed with the state bit off means: never throttle.
        state = _PowerThrottlingState(version=1, control_mask=_EXECUTION_SPEED, state_mask=0)
        return bool(
            kernel32.SetProcessInformation(
                ctypes.c_void_p(kernel32.GetCurrentProcess()),
                _PROCESS_POWER_THROTTLING,
                ctypes.byref(state),
                ctypes.sizeof(state),
            )
        )

    def _windows_affinity() -> list[int] | None:
        kernel32 = _kernel32()
        process, system = ctypes.c_size_t(), ctypes.c_size_t()
        handle = ctypes.c_void_p(kernel32.GetCurrentProcess())
        if not kernel32.GetProcessAffinityMask(handle, ctypes.byref(process), ctypes.byref(system)):
            return None
        # A process whose threads run in several groups of processors has no mask.
        if not process.value:
            return None
        return [cpu for cpu in range(ctypes.sizeof(process) * 8) if process.value >> cpu & 1]
