"""What a process that crashed said last, told apart from what ``faulthandler`` prints around it."""

from __future__ import annotations

import re

_FATAL = ("Fatal Python error:", "Windows fatal exception:")
_ABORTED = "Fatal Python error: Aborted"
_MODULES = "Extension modules:"
_UNCAUGHT = "terminate called"
"""How the C++ runtime begins to say which exception nobody caught; what it is comes in the lines below."""

_DUMP = re.compile(
    r"(Current thread|Thread) .*\(most recent call first\):$"
    r"|Current thread's C stack trace"
    r"|  (File \".*\", line \d+ in |Binary file \"|<no Python frame>|Garbage-collecting$|\.\.\.$)"
)
"""Lines of a stack that ``faulthandler`` prints; those of a Python traceback end otherwise."""


def without_module_lists(text: str) -> str:
    """``text`` without the lists of loaded modules, which are longer than all the rest and name no reason."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(_MODULES))


def last_words(text: str) -> str | None:
    """The words of a crash that tell why, on one line; ``None`` where nothing was printed.

    Of an exception in C++ that nobody caught, all that its runtime says of it. Of an abort, the words before it: who
    aborts says why first. Of other fatal errors, which come unannounced, Python's name for them.

    Args:
        text: the end of what the process printed.
    """
    lines = [line for line in text.splitlines() if line.strip() and not _of_the_dump(line)]
    if not lines:
        return None
    fatal = lines[-1].startswith(_FATAL)
    before = lines[:-1] if fatal else lines
    uncaught = [number for number, line in enumerate(before) if line.startswith(_UNCAUGHT)]
    if fatal and uncaught:
        return " ".join(" ".join(before[uncaught[-1] :]).split())
    if lines[-1].startswith(_ABORTED) and before:
        return before[-1].strip()
    return lines[-1].strip()


def _of_the_dump(line: str) -> bool:
    return line.startswith(_MODULES) or _DUMP.match(line) is not None
