"""The last lines that a crashed process printed, without those of ``faulthandler`` and other dumps of stacks."""

import re
from itertools import takewhile
from pathlib import PurePosixPath, PureWindowsPath

from backends.reasons import STACK, TRACEBACK, in_one_line, plain

_FATAL = ("Fatal Python error:", "Windows fatal exception:")
_ABORTED = "Fatal Python error: Aborted"
_MODULES = "Extension modules:"
_UNCAUGHT = re.compile(r"terminate called (after throwing an instance of '(?P<type>[^']+)'|\w+)")
"""How the C++ runtime begins to print an uncaught exception, over several lines."""

_DUMP = re.compile(
    r"(Current thread|Thread) .*\(most recent call first\):$"
    r"|Current thread's C stack trace"
    r"|  (File \".*\", line \d+ in |Binary file \"|<no Python frame>|Garbage-collecting$|\.\.\.$)"
    # A debugger that a library called, as ggml does
    r"|\[(New LWP|Inferior|Thread debugging|Detaching)|Using host libthread_db|warning: |\d+\t|0x[0-9a-f]+ in "
    # The C library's own frames, and what oneDNN notes of every operation
    r"|\S+\) ?\[0x[0-9a-f]+\]$|(onednn|dnnl)_verbose,"
)
"""Lines of a stack that ``faulthandler`` and debuggers print; those of a Python traceback end differently."""

_FRAME = re.compile(r'  File "(?P<file>.*)", line \d+ in (?P<function>\S+)')

_SAYS = re.compile(
    r"GGML_(ASSERT|ABORT)|\b[Cc](heck|HECK) fail(ed|ure)\b|Assertion .*failed|panicked at |^F\d{4} \d\d:"
)
"""Lines in which a library says why it stops the process, before it prints its stack."""


def without_module_lists(text: str) -> str:
    """``text`` without the long lists of loaded modules."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(_MODULES))


def last_words(text: str) -> str | None:
    """The reason of a crash, on one line, from the end of what the process printed; ``None`` if it printed nothing.

    Of an uncaught C++ exception its type and what it says. Of an abort what the library said of it. Of other fatal
    errors Python's name for them, with the function that it was in. Else the last line, or the last exception.
    """
    printed = without_module_lists(plain(text)).splitlines()
    lines = [line for line in printed if line.strip() and not _DUMP.match(line) and not STACK.match(line)]
    if not lines:
        return None
    fatal = lines[-1].startswith(_FATAL)
    before = lines[:-1] if fatal else lines
    uncaught = [number for number, line in enumerate(before) if _UNCAUGHT.match(line)]
    if fatal and uncaught:
        return _exception(before[uncaught[-1] :])
    if lines[-1].startswith(_ABORTED) and before:
        return _said(before)
    if fatal:
        return _with_place(lines[-1].strip(), printed)
    if TRACEBACK in lines:
        return in_one_line("\n".join(lines[len(lines) - 1 - lines[::-1].index(TRACEBACK) :]))
    return in_one_line(lines[-1])


def _exception(lines: list[str]) -> str:
    found = _UNCAUGHT.match(lines[0])
    kind = found["type"] if found else None
    words = in_one_line("\n".join(lines[1:]).strip().removeprefix("what():").strip())
    if kind is not None and "bad_alloc" in kind:
        return f"out of memory ({kind})"
    if kind is None:
        return in_one_line(lines[0])
    return f"{kind}: {words}" if words else kind


def _said(lines: list[str]) -> str:
    """What the library says of the abort that ends ``lines``."""
    telling = [number for number, line in enumerate(lines) if _SAYS.search(line)]
    if not telling:
        return in_one_line(lines[-1])
    line, after = lines[telling[-1]], lines[telling[-1] + 1 :]
    # Rust puts the message on a line of its own.
    return in_one_line(f"{line} {after[0]}" if line.rstrip().endswith(":") and after else line)


def _with_place(fatal: str, printed: list[str]) -> str:
    """A fatal error with the innermost Python function of the thread that it happened in."""
    current = [number for number, line in enumerate(printed) if line.startswith("Current thread 0x")]
    frames = takewhile(str.strip, printed[current[-1] + 1 :]) if current else iter(())
    frame = next(filter(None, map(_FRAME.match, frames)), None)
    if frame is None:
        return fatal
    file = PureWindowsPath(frame["file"]).name if "\\" in frame["file"] else PurePosixPath(frame["file"]).name
    return f"{fatal} in {frame['function']} ({file})"
