"""The last lines that a crashed process printed, without those of ``faulthandler``."""

from __future__ import annotations

import re

_FATAL = ("Fatal Python error:", "Windows fatal exception:")
_ABORTED = "Fatal Python error: Aborted"
_MODULES = "Extension modules:"
_UNCAUGHT = "terminate called"
"""How the C++ runtime begins to print an uncaught exception, over several lines."""

_DUMP = re.compile(
    r"(Current thread|Thread) .*\(most recent call first\):$"
    r"|Current thread's C stack trace"
    r"|  (File \".*\", line \d+ in |Binary file \"|<no Python frame>|Garbage-collecting$|\.\.\.$)"
)
"""Lines of a stack that ``faulthandler`` prints; those of a Python traceback end differently."""


def without_module_lists(text: str) -> str:
    """``text`` without the long lists of loaded modules."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(_MODULES))


def last_words(text: str) -> str | None:
    """The reason of a crash, on one line, from the end of what the process printed; ``None`` if it printed nothing.

    Of an uncaught C++ exception all that its runtime prints. Of an abort the line before it, which says why. Of other
    fatal errors Python's name for them.
    """
    lines = [line for line in without_module_lists(text).splitlines() if line.strip() and not _DUMP.match(line)]
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
