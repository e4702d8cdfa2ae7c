"""Settings of a worker's own process: CPUs, power throttling, error windows, network, memory."""

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import resource
if sys.platform == "linux":
    import fcntl

_JOB_MEMORY, _KILL_ON_JOB_CLOSE, _EXTENDED_LIMIT = 0x200, 0x2000, 9
_NO_ERROR_WINDOWS = 0x0001 | 0x0002 | 0x8000
"""SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX and SEM_NOOPENFILEERRORBOX."""
_PR_SET_PDEATHSIG = 1
"""Of prctl: the signal that a process gets when the thread that started it ends."""
_PR_SET_DUMPABLE = 4
"""Of prctl: whether others of the same user may look at a process below ``/proc``."""
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_FIRST_TO_END = "1000"
"""The ``oom_score_adj`` of what the system ends before all others when memory runs out."""


def usable_cpus() -> list[int] | None:
    """The logical CPUs that this process may run on; ``None`` where the system does not tell."""
    if sys.platform == "win32":
        kernel32 = _kernel32()
        process, system = ctypes.c_size_t(), ctypes.c_size_t()
        handle = ctypes.c_void_p(kernel32.GetCurrentProcess())
        known = kernel32.GetProcessAffinityMask(handle, ctypes.byref(process), ctypes.byref(system))
        cpus = [cpu for cpu in range(ctypes.sizeof(process) * 8) if process.value >> cpu & 1]
        # A process whose threads run in several groups of processors has no mask.
        return cpus if known and cpus else None
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return sorted(os.sched_getaffinity(0))


def full_speed() -> bool | None:
    """Opt this process out of Windows' power throttling, so that it is not moved to slow cores as a background task.

    Whether that worked; ``None`` on systems that have no such throttling.
    """
    if sys.platform == "win32":
        kernel32 = _kernel32()
        # Controlling execution speed with the state bit off means: never throttle.
        state = _PowerThrottlingState(version=1, control_mask=_EXECUTION_SPEED, state_mask=0)
        process = ctypes.c_void_p(kernel32.GetCurrentProcess())
        told = (_PROCESS_POWER_THROTTLING, ctypes.byref(state), ctypes.sizeof(state))
        return bool(kernel32.SetProcessInformation(process, *told))
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
    if sys.platform == "win32" and kernel32 is None:
        kernel32 = _kernel32()
    if kernel32 is not None:
        kernel32.SetErrorMode(_NO_ERROR_WINDOWS)
    if hasattr(signals, "SIGBREAK"):
        signals.signal(signals.SIGBREAK, signals.SIG_IGN)


def end_with_harness() -> None:
    """End this process, and what it has started, when the harness is gone: nobody wants its result then.

    The harness holds the other end of standard input and writes no more to it; the system closes that end when the
    harness ends, however it ends. On Linux the system ends this process besides, even where native code holds the
    interpreter.
    """
    _end_with_input()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_and_end_with_input(command: Sequence[str]) -> int:
    """Run somebody else's program; it ends, with all that it has started, when this process's standard input ends.

    So the process at the other end ends it by closing its end, and by its own end, whatever that is. This process
    leaves the console's group: on Linux Ctrl-C does not reach it.

    Returns:
        the exit status as a shell has it.
    """
    if sys.platform != "win32":
        os.setsid()
    end_children_too()
    _end_with_input()
    status = subprocess.call(command)
    return status if status >= 0 else 128 - status


def leave_network() -> str | None:
    """Give this process a network of its own, in which it reaches nobody but itself; it must have no threads yet.

    On Linux, by a network namespace. Connections that are open stay. Without root it takes a user namespace, in which
    the user is who it is outside, files and devices are reached as before, and the harness may still look at it.

    Returns:
        ``None``, or why the process still has the network of the machine.
    """
    if sys.platform == "linux":
        if len([*Path("/proc/self/task").iterdir()]) > 1:
            return "it has threads already"
        # Root would lose its rights over other users' files in a user namespace.
        namespaces = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET
        error = _tried(namespaces) or _unshare(namespaces)
        return os.strerror(error) if error else None
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return "this system has no network namespaces"


def cap_memory(most_bytes: int) -> None:
    """Let this process take at most ``most_bytes`` of memory more than it has; what it asks for beyond that fails.

    On Linux private memory counts, each process for itself, with files that are mapped such that changes stay private.
    On Windows what is committed counts, by this process and all that it starts from now on.
    """
    if sys.platform == "win32":
        enter_job(_kernel32(), most_bytes)
    else:
        held = 0
        # Where the system does not tell what counts against the limit so far, the cap is lower by that.
        with suppress(OSError, ValueError, IndexError):
            held = int(Path("/proc/self/statm").read_text("utf-8").split()[5]) * resource.getpagesize()
        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        cap = held + most_bytes if most == resource.RLIM_INFINITY else min(held + most_bytes, most)
        resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))


class ExtendedLimit(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION of Windows: the limits of a job, which is a group of processes."""

    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_working_set", ctypes.c_size_t),
        ("most_working_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
        ("io_counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process_memory", ctypes.c_size_t),
        ("peak_job_memory", ctypes.c_size_t),
    )


def enter_job(kernel32: Any, most_bytes: int | None = None) -> bool:
    """Put this process into a job of Windows, which may commit ``most_bytes``; whether that worked.

    Its handle is left open: when it closes, as this process ends, the system ends what else is in the job.
    """
    job = ctypes.c_void_p(kernel32.CreateJobObjectW(None, None))
    limit = ExtendedLimit(flags=_KILL_ON_JOB_CLOSE)
    if most_bytes is not None:
        limit.flags, limit.job_memory = limit.flags | _JOB_MEMORY, most_bytes
    limited = kernel32.SetInformationJobObject(job, _EXTENDED_LIMIT, ctypes.byref(limit), ctypes.sizeof(limit))
    return bool(limited and kernel32.AssignProcessToJobObject(job, ctypes.c_void_p(kernel32.GetCurrentProcess())))


def first_to_end() -> None:
    """Have Linux end this process, and what it starts, before all others when memory runs out."""
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_END, "utf-8")


def end_children_too() -> None:
    """Have Windows end what this process starts when it ends; on Linux the harness ends its group."""
    if sys.platform == "win32":
        enter_job(_kernel32())


def _end_with_input() -> None:
    """End this process and its group as soon as its standard input ends.

    Nothing is put in its place: on Windows a process that inherits a pipe from which another one is reading hangs as it
    starts, and the compilers and probes that converters call would.
    """
    pipe = os.dup(sys.stdin.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)

    def wait() -> None:
        # Read without a buffer, whose lock would still be held when the interpreter ends.
        os.read(pipe, 1)
        if sys.platform != "win32" and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


if sys.platform == "linux":

    def _unshare(namespaces: int) -> int:
        """Enter new namespaces; 0, or the number of the error."""
        library = ctypes.CDLL(None, use_errno=True)
        user, group = os.geteuid(), os.getegid()
        if library.unshare(namespaces):
            return ctypes.get_errno()
        try:
            if namespaces & _CLONE_NEWUSER:
                # A change of rights may take this away.
                library.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
                maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
                for name, text in maps.items():
                    Path("/proc/self", name).write_text(text, "utf-8")
            # Programs that talk to a part of their own by this address go on to do so.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
                fcntl.ioctl(anything, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))
        except OSError as error:
            return error.errno or 1
        return 0

    def _tried(namespaces: int) -> int:
        """Enter them in a child; AppArmor lets a process enter a user namespace in which it then may do nothing."""
        child = os.fork()
        if not child:
            error = 1
            try:
                error = _unshare(namespaces)
            finally:
                os._exit(error)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if sys.platform == "win32":

    class _PowerThrottlingState(ctypes.Structure):
        _fields_ = (("version", ctypes.c_ulong), ("control_mask", ctypes.c_ulong), ("state_mask", ctypes.c_ulong))

    _PROCESS_POWER_THROTTLING = 4
    _EXECUTION_SPEED = 0x1

    def _kernel32() -> ctypes.WinDLL:
        library = ctypes.WinDLL("kernel32", use_last_error=True)
        library.GetCurrentProcess.restype = library.CreateJobObjectW.restype = ctypes.c_void_p
        return library
