"""How a process ended, in words, and as a number that the store can hold."""

from __future__ import annotations

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
"""Status of a process that Windows ended -> what it stands for (NTSTATUS values of ntstatus.h)."""


def in_words(code: int) -> str:
    """How a process ended, e.g. ``exit code 3``, ``killed by signal 11`` or ``exit code 0xC0000005, access …``.

    Args:
        code: as :class:`subprocess.Popen` has it: negative for a signal, and unsigned on Windows.
    """
    if code == -9:
        return "killed by signal 9, as the system does when memory runs out"
    if -255 <= code < 0:
        return f"killed by signal {-code}"
    meaning = _WINDOWS.get(code & 0xFFFFFFFF)
    return f"exit code {shown(code)}" + (f", {meaning}" if meaning else "")


def shown(code: int) -> str:
    """A code as people look it up: in hexadecimal where it is a status of Windows."""
    return str(code) if -255 <= code <= 255 else f"0x{code & 0xFFFFFFFF:08X}"


def stored(code: int | None) -> int | None:
    """A code as a signed number of 32 bits, as Windows itself shows its own."""
    return code if code is None or code < 2**31 else code - 2**32
