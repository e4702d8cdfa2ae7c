"""The option --redact, alike in every command that renders stored runs: its files, its lines and its errors."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from bench.cli import Parser
from bench.errors import BenchError, UsageError
from bench.report.redact import HELP, Private, of_this_machine, shown_text


def add_redact(parser: Parser) -> None:
    """The option itself."""
    parser.add_argument("--redact", action="store_true", help=HELP)


def parsed(parser: Parser, arguments: Sequence[str] | None) -> tuple[Namespace, Private | None]:
    """What a command line asks for, and what is to be taken out of all that the command says; ``None`` for nothing.

    Args:
        parser: has the options that name folders, and this one.
        arguments: the command line; ``None`` for that of the process.

    Raises:
        UsageError: the command line is wrong; it is redacted already where ``--redact`` stands in it.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        asked = parser.parse_args(words)
    except UsageError as error:
        private = of_this_machine() if "--redact" in words else None
        raise UsageError(shown_text(str(error), private)) from error
    return asked, of_this_machine(asked.results_dir, asked.reports_dir) if asked.redact else None


def print_error(error: object, private: Private | None = None) -> int:
    """Print on stderr what went wrong, without what is private; returns the exit status of the command."""
    print(f"error: {shown_text(str(error), private)}", file=sys.stderr)
    return error.exit_status if isinstance(error, BenchError) else BenchError.exit_status
