"""``python -m bench.commands quality [RUN]``: score texts with the loads of a stored run, and render it again.

``--needs`` prints one line of JSON for the noxfile instead: the venvs that it needs.
"""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from bench.cli import INTERRUPTED, Parser, add_language, command, print_lines
from bench.commands import say
from bench.commands.needs import environments_needed
from bench.commands.stored_runs import add_folders
from bench.errors import UsageError
from bench.plan import values as v
from bench.plan.environments import to_json
from bench.plan.flags import add_flags
from bench.plan.options import Options, resolve_options
from bench.plan.venvs import Venvs
from bench.report.language import speaking
from bench.run.score_stored import check, loads_of, score_stored
from bench.store.lookup import all_folders, find_folders
from bench.store.reader import StoredRun, open_run

_SHARED = ("worker", "cache_dir", "wait", "shared")
"""Flags of a sweep that are taken here too."""


@command
def main(arguments: Sequence[str]) -> int:
    """Score the run that is named, else the newest one; returns the exit status."""
    asked = _parser().parse_args([word for word in arguments if word not in ("--needs", "--")])
    run = _run(asked)
    # They say where the model and the stacks are.
    given = {name: getattr(asked, name) for name in _SHARED}
    options = resolve_options({**given, "model": (run.record.get("options") or {}).get("model")}, Path.cwd())
    if "--needs" in arguments:
        print(json.dumps([to_json(one) for one in environments_needed(loads_of(run), options)]))
        return 0
    return _score(run, asked, options)


def _score(run: StoredRun, asked: Namespace, options: Options) -> int:
    from bench.report.render import finish_run  # noqa: PLC0415 - draws charts

    seconds = None if asked.max_time is None else v.duration(asked.max_time, "--max-time")
    status = 0
    try:
        score_stored(run, options, Venvs.from_environment(options.workers), seconds, say)
    except KeyboardInterrupt:
        say("stopped; what was scored is kept")
        status = INTERRUPTED
    with speaking(asked.lang):
        print_lines(finish_run(run.path.resolve(), asked.reports_dir.resolve(), open_report=False))
    return status


def _run(asked: Namespace) -> StoredRun:
    folders = find_folders([asked.run], asked.results_dir) if asked.run else all_folders(asked.results_dir)[-1:]
    if len(folders) > 1:
        raise UsageError(f"{asked.run} matches {len(folders)} runs: name one")
    run = open_run(folders[0])
    check(run)
    return run


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s quality --",
        description="Score texts with the loads of a stored run, as at the end of a run, and render its report again. "
        "What it had of their quality is replaced.",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder or id of a run (default: the newest one)")
    parser.add_argument(
        "--max-time", metavar="TIME", help="how long it may take, e.g. 10m (default: as long as at the end of that run)"
    )
    add_flags(parser, _SHARED)
    add_folders(parser)
    add_language(parser)
    return parser
