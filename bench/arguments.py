"""A parser of arguments that refuses as the rest of the project does: by an error, in one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from bench.errors import UsageError
from bench.language import ENGLISH, LANGUAGES


class Parser(argparse.ArgumentParser):
    """Raises :class:`bench.errors.UsageError` where argparse would end the process with a status of its own."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise UsageError(f"{message}; see --help")


def add_language(parser: Parser) -> None:
    """The option that chooses the language of what is rendered."""
    parser.add_argument(
        "--lang",
        choices=tuple(LANGUAGES),
        default=ENGLISH.code,
        help=f"language of the report (default: {ENGLISH.code})",
    )
