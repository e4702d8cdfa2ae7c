"""``python -m bench.commands sql "select …"``: ask stored runs in SQL; without a query, a shell."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from bench.cli import Parser, add_folder, command
from bench.commands.stored_runs import asked_for, print_error, results_folder
from bench.dataset.queries import FORMATS
from bench.dataset.views import Views
from bench.errors import BenchError, MachineError
from bench.report.redact import Private, redacted
from bench.store.files import replacing

_PROMPT, _MORE = "sql> ", "...> "
_LEAVE = {".exit", ".quit", "exit", "quit", "exit;", "quit;"}


@command
def main(arguments: Sequence[str]) -> int:
    """Answer; returns the exit status."""
    with (
        asked_for(_parser(), arguments) as (asked, private),
        Views(asked.results_dir, lambda line: print(line, file=sys.stderr), named=private is None) as views,
    ):
        if asked.query is None and sys.stdin.isatty():
            return _shell(views, asked, private)
        query = asked.query or sys.stdin.read()
        if asked.output is None:
            _answer(views, query, asked, private, sys.stdout)
            return 0
        try:
            # The file is there whole or not at all.
            with replacing(asked.output) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
                _answer(views, query, asked, private, stream)
        except OSError as error:
            raise MachineError(
                f"cannot write {asked.output}: {error.strerror or error}; name another file with --output"
            ) from error
    return 0


def _answer(views: Views, query: str, asked: Namespace, private: Private | None, to: IO[str]) -> None:
    for answer in views.answers(query):
        found = answer if private is None else answer.changed(lambda rows: redacted(rows, private))
        FORMATS[asked.format](found, to)


def _shell(views: Views, asked: Namespace, private: Private | None) -> int:
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 - lines can be edited where it is there
    print("Views: runs, machines, loads, generations, tokens, latencies, cells, findings, quality.")
    print("A query ends with a semicolon; `DESCRIBE cells;` lists columns, .exit leaves.")
    query = ""
    while True:
        try:
            line = input(_MORE if query else _PROMPT)
        except EOFError:
            print()
            return 0
        except KeyboardInterrupt:
            print()
            query = ""
            continue
        if not query and line.strip().casefold() in _LEAVE:
            return 0
        query = f"{query}\n{line}".strip()
        if query.endswith(";"):
            try:
                _answer(views, query, asked, private, sys.stdout)
            except BenchError as error:
                print_error(error, private)
            except KeyboardInterrupt:
                print("interrupted")
            query = ""


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s sql --",
        description="Ask stored runs in SQL, by DuckDB. Without a query a shell opens, or stdin is read.",
    )
    parser.add_argument(
        "query", nargs="?", metavar="QUERY", help='such as "select * from cells"; docs/datasets.md has more'
    )
    what = "a folder of runs, or a dataset by its folder or URL"
    add_folder(parser, "--results-dir", what, "results", results_folder)
    parser.add_argument("--format", choices=FORMATS, default="table", help="of the answer (default: table)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where the answer is written (default: the terminal)"
    )
    parser.add_argument(
        "--redact",
        action="store_true",
        help="take names of users, hosts and machines, and paths, out of the answer",
    )
    return parser
