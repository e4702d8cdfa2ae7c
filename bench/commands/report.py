"""``python -m bench.commands report [RUN …]``: render stored runs again."""

from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, add_language, command, print_lines
from bench.commands.stored_runs import add_folders, add_redact, add_runs, asked_for, print_error
from bench.errors import BenchError, UsageError
from bench.report.index import update_index
from bench.report.language import speaking
from bench.report.redact import address
from bench.report.render import finish_run
from bench.store.lookup import all_folders, find_folders


@command
def main(arguments: Sequence[str]) -> int:
    """Render the runs that ``arguments`` name, else the newest one; returns the exit status."""
    status = 0
    with asked_for(_parser(), arguments) as (asked, private), speaking(asked.lang):
        if asked.index:
            if asked.runs:
                raise UsageError("--index renders no run: leave their names out, or leave --index out")
            print(f"reports    {address(update_index(asked.reports_dir), private)}")
            return 0
        named = [run for name in asked.runs for run in _find(name, asked.results_dir)]
        for run in named or all_folders(asked.results_dir)[-1:]:
            try:
                print_lines(
                    finish_run(run.resolve(), asked.reports_dir.resolve(), open_report=asked.open, redact=asked.redact)
                )
            except BenchError as error:
                status = print_error(error, private)
    return status


def _parser() -> Parser:
    parser = Parser(prog="nox -s report --", description="Render stored runs again.")
    add_runs(parser, "folder or id of a run (default: the newest one)")
    add_folders(parser)
    add_language(parser)
    parser.add_argument("--open", action="store_true", help="open each report in the browser")
    add_redact(parser)
    parser.add_argument(
        "--index", action="store_true", help="only write the page again that lists all reports; renders no run"
    )
    return parser


def _find(name: str, results: Path) -> list[Path]:
    for candidate in (Path(name), results / name):
        if candidate.is_dir():
            return [candidate]
    # A run of a dataset has no folder.
    return find_folders([name], results)
