"""``python -m bench.commands.verify [RUN …]``: whether the files of stored runs are as they were recorded."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench.cli import Parser, print_refusal
from bench.commands.stored_runs import add_folders, run_name
from bench.errors import BenchError
from bench.store.digests import differences
from bench.store.lookup import all_folders, find_folders


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the runs that ``arguments`` name, else the newest one; returns 1 where one is not as it was recorded."""
    try:
        asked = _parser().parse_args(arguments)
        folders = find_folders(asked.runs, asked.results_dir) if asked.runs else all_folders(asked.results_dir)[-1:]
    except BenchError as error:
        return print_refusal(error)
    status = 0
    for folder in folders:
        try:
            found = differences(folder)
        except BenchError as error:
            status = print_refusal(error)
            continue
        for line in found:
            print(f"{folder.name}: {line}")
        if not found:
            print(f"{folder.name}: as it was recorded at its end")
        status = 1 if found else status
    return status


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s verify --",
        description="Whether the files of stored runs are as they were at the end of the run, by their digests.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "runs", nargs="*", type=run_name, metavar="RUN", help="folder or id of a run, or a glob (default: the newest)"
    )
    add_folders(parser)
    return parser


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
