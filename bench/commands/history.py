"""``python -m bench.commands history [RUN …]``: all runs of a machine over time, and where their level changed."""

import re
from collections.abc import Sequence

from bench.analyse.read_history import read_history
from bench.cli import Parser, add_language, command, print_lines
from bench.commands.stored_runs import add_folders, add_redact, add_runs, add_share, asked_for
from bench.metrics import COMPARED, METRICS
from bench.report.history.history_exports import as_json, lines, markdown
from bench.report.index import publish
from bench.report.language import speaking
from bench.report.redact import redacted, redacted_folder

_METRICS = {METRICS[key].name.replace("_", "-"): key for key in COMPARED}
"""As they are typed -> as they are called in the analysis."""


@command
def main(arguments: Sequence[str]) -> int:
    """Read, write and print; returns the exit status."""
    with asked_for(_parser(), arguments) as (asked, private):
        from bench.report.history.history_page import page  # noqa: PLC0415 - matplotlib and jinja2 take a second

        metrics = (_METRICS[asked.metric],) if asked.metric else COMPARED
        view = read_history(asked.runs, asked.results_dir, asked.machine, asked.threshold, metrics)
        # A record may hold anything as its machine's id.
        folder = asked.reports_dir / f"history-{re.sub(r'[^0-9A-Za-z_-]', '_', view.machine_id)[:64]}"
        if private is not None:
            view, folder = redacted(view, private), redacted_folder(folder, private)
        with speaking(asked.lang):
            files = {"history.json": as_json(view), "history.md": markdown(view), "history.html": page(view)}
            print_lines([*lines(view), "", *publish(folder, files, "history.html", private)])
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s history --",
        description="All stored runs of a machine over time: estimates, change points, and what changed there.",
    )
    add_runs(parser, "ids, folders or globs (default: all that lie in --results-dir)")
    parser.add_argument("--metric", choices=_METRICS, help="this latency alone (default: all of them)")
    add_share(parser, "--threshold", "half of it is the least change that is called", "3%")
    parser.add_argument(
        "--machine", metavar="ID", help="the beginning of a machine's id (default: the one of the newest run)"
    )
    add_language(parser)
    add_redact(parser)
    add_folders(parser)
    return parser
