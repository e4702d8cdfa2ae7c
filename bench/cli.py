"""Command lines: a parser and errors of one line, and commands quoted so that people can paste them."""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

from bench.errors import BenchError, MachineError, UsageError

LANGUAGES = ("en", "tr")
"""What ``--lang`` takes; the first one is the default."""
INTERRUPTED = 130
"""The exit status of what Ctrl-C ended."""
UNREAD = 141
"""The exit status of a command whose output pipe was closed: 128 + SIGPIPE, as a shell has it."""

# C0 and C1 controls but tab and newline, separators of lines, and the characters that reorder text: terminal escapes
# and disguises.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_TO_CI = re.compile(r"(?<!\S)::(?=\S)|##(?=\w*\[)")
"""GitHub reads commands at the beginning of a line, after spaces, and with Azure and TeamCity the others anywhere."""
_HERE = sys.platform == "win32"
_PLAIN = re.compile(r"(?!@)[\w@%+=:,./\\~-]+")


class Parser(argparse.ArgumentParser):
    """Raises :class:`bench.errors.UsageError` where argparse would end the process, and takes no shortened options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see --help")


def command(main: Callable[[Sequence[str]], int]) -> Callable[[Sequence[str]], int]:
    """A ``main`` that ends as every command does: with an error in one line, and at Ctrl-C without a traceback.

    It takes a command line and returns the exit status.
    """

    @wraps(main)
    def ended(arguments: Sequence[str]) -> int:
        try:
            with no_access_refused():
                status = main(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader, e.g. `head`, is gone. Python flushes stdout once more as it exits, which would fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return UNREAD
        except BenchError as error:
            return print_refusal(error)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        return status

    return ended


@contextmanager
def no_access_refused() -> Iterator[None]:
    """Refuse what the user may not read, or write, wherever that shows in the ``with`` block.

    Raises:
        MachineError: in place of the system's own error, with the path.
    """
    try:
        yield
    except PermissionError as error:
        raise MachineError(
            f"no access to {error.filename or 'a file'} ({error.strerror or error}): name another place, or have its "
            "owner allow it"
        ) from error


def clean(text: str) -> str:
    """``text`` without control characters, and such that it can be encoded."""
    return _UNPRINTABLE.sub("", text).encode("utf-8", "replace").decode("utf-8")


def one_line(text: object) -> str:
    """``text`` cleaned, in a line, and no command to what runs CI, as ``::error::`` and ``##[group]`` are."""
    line = " ".join(clean(str(text)).splitlines())
    return _TO_CI.sub(lambda found: " ".join(found.group()), line)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, each of which stays one."""
    print("\n".join(map(one_line, lines)))


def print_refusal(error: BenchError) -> int:
    """Print an error in one line; returns the exit status."""
    print(f"error: {one_line(error)}", file=sys.stderr)
    return error.exit_status


def add_folder(parser: Parser, option: str, what: str, default: str, read: Callable[[str], Path] = Path) -> None:
    """An option that names a folder; ``what`` it is for is told in its help."""
    parser.add_argument(option, type=read, default=Path(default), metavar="DIR", help=f"{what} (default: {default})")


def add_language(parser: Parser) -> None:
    """The option that chooses the language of what is rendered."""
    parser.add_argument(
        "--lang",
        choices=LANGUAGES,
        default=LANGUAGES[0],
        help=f"language of the report (default: {LANGUAGES[0]})",
    )


def command_line(parts: Iterable[str], *, windows: bool = _HERE) -> str:
    """``parts`` as one line.

    ``windows``: for PowerShell, and for ``cmd`` wherever that is possible; for a shell of Linux otherwise.
    """
    return " ".join(quoted(part, windows=windows) for part in parts)


def quoted(part: str, *, windows: bool = _HERE) -> str:
    """One argument, in quotation marks where it needs them."""
    if not windows:
        # A shell opens the home folder only where it is not quoted.
        return f"~/{shlex.quote(part[2:])}" if part.startswith("~/") else shlex.quote(part)
    # PowerShell takes a flag apart at its first full stop.
    if _PLAIN.fullmatch(part) and not (part.startswith("-") and "." in part):
        return part
    if "$" in part or "`" in part:
        # PowerShell would put a variable in its place.
        return "'" + part.replace("'", "''") + "'"
    # Backslashes stand for themselves but before a quotation mark, the last one among them.
    return '"' + re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + ('\\"' if found[2] else ""), part) + '"'
