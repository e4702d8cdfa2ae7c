"""Child processes: starting them apart from Ctrl-C, ending them with all they started, exit codes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import psutil

from backends.speed_variables import changes_speed, home_folder, is_secret
from bench import PROJECT_ROOT

TEMPORARY_REMEDY = "free some space there, or set TMPDIR (Windows: TEMP) to another folder"
"""What to do where a temporary file cannot be written."""


def process_group() -> dict[str, Any]:
    """Arguments of ``Popen`` for a process group of its own, which the console's Ctrl-C does not reach."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        return {"start_new_session": True}


_SYSTEM = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("USERPROFILE", "USERNAME", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PUBLIC"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "OS", "NUMBER_OF_PROCESSORS", "COMPUTERNAME"),
        *("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "ALLUSERSPROFILE", "DRIVERDATA"),
        *("COMMONPROGRAMFILES", "COMMONPROGRAMFILES(X86)", "COMMONPROGRAMW6432"),
        # Of compilers, which PyTorch and NNCF may call.
        *("CC", "CXX", "CPATH", "LIBRARY_PATH", "INCLUDE", "LIB", "LIBPATH", "VCINSTALLDIR", "VCTOOLSINSTALLDIR"),
        *("WINDOWSSDKDIR", "WINDOWSSDKVERSION", "TBBROOT", "MKLROOT"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONPYCACHEPREFIX", "PYTHONWARNINGS"),
    )
)
_SYSTEM_FAMILIES = ("LC_", "XDG_", "PROCESSOR_", "ROCM_", "INTEL_", "LIBVA_", "MESA_", "DRI_")
_HUB = ("HF_", "HUGGING_FACE_", "HUGGINGFACE_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_IMPLICIT_TOKEN")
_NO_TELEMETRY = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    # openvino-telemetry and NNCF have no switch of their own but stay silent in a CI.
    "CI": "true",
    "NNCF_CI": "1",
}
"""Each keeps a library from reporting its use to its maker: ONNX Runtime and GenAI do so on every system."""
_PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"))


def _passed_on(name: str, *, online: bool) -> bool:
    """Whether a child gets the caller's variable ``name``.

    What finds programs, folders and drivers, and what changes how fast a stack runs; for the hub its own and the
    proxies. No keys and tokens of anything else.
    """
    if online and (name.startswith((*_HUB, "TRANSFORMERS_OFFLINE")) or name.upper() in _PROXIES):
        return True
    known = name.upper() in _SYSTEM or name.startswith(_SYSTEM_FAMILIES) or changes_speed(name)
    return known and not is_secret(name)


def child_environment(ours: Mapping[str, str], *, online: bool = False) -> dict[str, str]:
    """A child's environment: what it needs of the caller's, this project's modules, ``ours``.

    The model hub, with the user's token and proxies, only if ``online``. Where the user has no home folder, the child
    gets one within the checkout.
    """
    common = {
        "PYTHONPATH": str(PROJECT_ROOT),
        # The working folder is no place to import from.
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        **_NO_TELEMETRY,
    }
    # OpenVINO and nncf are not imported without a home folder.
    home = str(PROJECT_ROOT / ".nox" / "home")
    homes = {} if home_folder() else {"HOME": home, "USERPROFILE": home}
    offline = {} if online else dict.fromkeys(_OFFLINE, "1")
    callers = {name: value for name, value in os.environ.items() if _passed_on(name, online=online)}
    return {**callers, **common, **homes, **offline, **ours}


def working_process(started: int, told: int) -> int:
    """The process that works: ``told``, the pid that it reports, if that is ``started`` or a descendant.

    The ``python.exe`` of a venv on Windows only starts the interpreter, as its child, and waits for it.
    """
    try:
        process: psutil.Process | None = psutil.Process(told)
        # No further up: the system's own processes cannot be read.
        while process is not None and process.pid != started:
            process = process.parent()
    except (psutil.Error, ValueError):
        return started
    return started if process is None else told


def end_tree(pid: int) -> None:
    """Kill the process ``pid``, of a :func:`process_group`, and all that it started; the caller waits for ``pid``.

    Of one that has ended by itself, what it left behind in its group; Windows ends that by itself, see
    :func:`backends.process.end_children_too`.
    """
    try:
        root = psutil.Process(pid)
        children = root.children(recursive=True)
    except psutil.Error:
        _end_group(pid)
        return
    for process in (*children, root):
        # On Windows a process that is just dying cannot be killed.
        with contextlib.suppress(psutil.Error):
            process.kill()
    _end_group(pid)
    # Not the root: the caller waits for it, and needs its exit status.
    psutil.wait_procs(children, timeout=10)


def _end_group(leader: int) -> None:
    """Kill what is left of the group of ``leader``; as long as there is some, no other process gets its number."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            if not psutil.pid_exists(leader) or os.getpgid(leader) == leader:
                os.killpg(leader, signal.SIGKILL)


_SIGNALS = {
    4: "illegal instruction: a library was built for another CPU",
    6: "aborted: a library stopped the process",
    7: "bus error: a file that was mapped was cut off, or its disk failed",
    8: "division by zero: a library crashed",
    9: "as the system does when memory runs out",
    11: "segmentation fault: a library crashed",
    15: "asked to end by another program",
    24: "the limit on CPU time was reached (ulimit -t)",
    25: "the limit on the size of files was reached (ulimit -f)",
    31: "a system call was refused (seccomp)",
}
"""Signals of Linux on x86 and ARM."""

_WINDOWS = {
    0xC0000005: "access violation: a library crashed",
    0xC0000006: "a page could not be read from its file",
    0xC0000017: "out of memory",
    0xC000001D: "illegal instruction: a library was built for another CPU",
    0xC0000094: "integer division by zero: a library crashed",
    0xC00000FD: "stack overflow",
    0xC000012D: "out of memory: the page file is full",
    0xC0000135: "a DLL was not found",
    0xC0000139: "a DLL lacks an entry point: its version does not go with the others",
    0xC000013A: "ended by Ctrl-C, Ctrl-Break or the closing of the console",
    0xC0000142: "a DLL could not be initialized",
    0xC0000374: "heap corruption: a library crashed",
    0xC0000409: "a library stopped the process (abort, or a failed check)",
    0xE06D7363: "a C++ exception that nothing caught",
}
"""NTSTATUS values of ntstatus.h."""


def exit_in_words(code: int) -> str:
    """How a process ended, e.g. ``exit code 3``, ``killed by signal 11`` or ``exit code 0xC0000005, access …``.

    ``code`` is that of :class:`subprocess.Popen`: negative for a signal, unsigned on Windows.
    """
    if -255 <= code < 0:
        meaning = _SIGNALS.get(-code)
        return f"killed by signal {-code}" + (f", {meaning}" if meaning else "")
    meaning = _WINDOWS.get(code & 0xFFFFFFFF)
    return f"exit code {format_exit_code(code)}" + (f", {meaning}" if meaning else "")


def format_exit_code(code: int) -> str:
    """A code in decimal, or a status of Windows in hexadecimal."""
    return str(code) if -255 <= code <= 255 else f"0x{code & 0xFFFFFFFF:08X}"


def signed_exit_code(code: int | None) -> int | None:
    """A code as a signed number of 32 bits, as Windows shows its own."""
    return code if code is None or code < 2**31 else code - 2**32
