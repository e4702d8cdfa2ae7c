"""A parser of arguments that refuses as the rest of the project does: by an error, in one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from bench.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Raises :class:`bench.errors.UsageError` where argparse would end the process with a status of its own."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise UsageError(f"{message}; see --help")
