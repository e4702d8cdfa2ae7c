"""Options that commands about stored runs share, --redact among them, and how much earlier runs of a machine vary."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

from bench.analyse.conditions import other_machine, recorded_at
from bench.analyse.results import RunAnalysis
from bench.analyse.run import analyse_run
from bench.analyse.variation import Variation, variation
from bench.cli import Parser, add_folder, no_access_refused, one_line
from bench.dataset.mirror import mirrored
from bench.errors import BenchError, StoreError, UsageError
from bench.plan.values import part_of_one
from bench.prepare.cache import cache_root
from bench.report.redact import HELP, Private, of_this_machine, shown_text
from bench.store.lookup import folders_in, readable
from bench.store.reader import StoredRun, open_run
from bench.store.remote import is_url

_MOST_EARLIER = 40
"""Runs that are read for their variation, the newest first; more would add little."""


def add_folders(parser: Parser) -> None:
    """The options that name folders, as every session has them."""
    what = "where runs lie: a folder, or a dataset by its folder or URL"
    add_folder(parser, "--results-dir", what, "results", results_folder)
    add_reports_folder(parser)


def add_reports_folder(parser: Parser) -> None:
    """The option that names the folder of reports."""
    add_folder(parser, "--reports-dir", "where it is written", "reports")


def add_runs(parser: Parser, which: str, nargs: str = "*") -> None:
    """The runs that a command is about, by name; ``which`` are meant is told in its help."""
    parser.add_argument("runs", nargs=nargs, type=run_name, metavar="RUN", help=which)


def add_share(parser: Parser, option: str, what: str, default: str | None = None) -> None:
    """An option that takes a share of one; ``what`` it is of is told in its help."""
    told = what if default is None else f"{what} (default: {default}%)"
    parser.add_argument(option, type=partial(share, option=option), default=default, metavar="SHARE", help=told)


def results_folder(text: str) -> Path:
    """The folder of runs or the dataset that is named on a command line; of a URL the mirror.

    Raises:
        BenchError: the URL leads to no dataset.
    """
    return mirrored(text, cache_root()) if is_url(text) else Path(text)


def run_name(text: str) -> str:
    """The name of a run on a command line; one in a dataset on an object store becomes a path in its mirror.

    Raises:
        BenchError: the URL leads to no dataset.
    """
    if not is_url(text):
        return text
    dataset, _, run = text.rstrip("/").rpartition("/")
    return str(mirrored(dataset, cache_root()) / run)


def share(text: str, option: str) -> float:
    """``3%`` or ``0.03``, of ``option``, as 0.03.

    Raises:
        UsageError: it is neither, or negative.
    """
    value = part_of_one(text)
    if value is None or not 0 <= value <= 100:
        raise UsageError(f"{option}: expected a share such as 3% or 0.03, got {text!r}")
    return value


class Analyses:
    """Analyses each run once: heads of one machine share their base and their history."""

    def __init__(self) -> None:
        self._made: dict[Path, RunAnalysis] = {}

    def of(self, run: StoredRun) -> RunAnalysis:
        """The analysis of ``run``."""
        path = run.path.resolve()
        if path not in self._made:
            self._made[path] = analyse_run(run)
        return self._made[path]


def known_variation(results: Path, head: RunAnalysis, analyses: Analyses) -> Variation:
    """How much runs of the machine of ``head`` vary, by the older ones in ``results``."""
    return variation(islice(readable(_earlier(results, head), analyses.of), _MOST_EARLIER))


def _earlier(results: Path, head: RunAnalysis) -> Iterator[StoredRun]:
    """The runs that may tell something, each once, the newest first."""
    seen = {str(head.record.get("run_id"))}
    wanted = {cell.load.backend for cell in head.cells}
    for run in readable(reversed(folders_in(results)), open_run):
        backends = {str(load.get("backend")) for load in recorded_at(run.record, "plan", "loads") or ()}
        if run.run_id not in seen and wanted & backends and _precedes(run, head):
            seen.add(run.run_id)
            yield run


def _precedes(run: StoredRun, head: RunAnalysis) -> bool:
    """Whether a run ended, on the machine of ``head``, with its model, and began no later."""
    earlier, later = run.record, head.record
    models = [[recorded_at(one, "model", name) for name in ("name", "digest")] for one in (earlier, later)]
    same = models[0] == models[1] and other_machine(earlier, later) is None
    return run.end is not None and same and str(earlier.get("created_at")) <= str(later.get("created_at"))


def add_redact(parser: Parser) -> None:
    """The option itself."""
    parser.add_argument("--redact", action="store_true", help=HELP)


@contextmanager
def asked_for(parser: Parser, arguments: Sequence[str]) -> Iterator[tuple[Namespace, Private | None]]:
    """What a command line asks for, and what is to be taken out of all that the command says; ``None`` for nothing.

    It is taken out of errors in the ``with`` block too, and out of those of the command line itself.

    Raises:
        UsageError: the command line is wrong.
    """
    with _redacting(of_this_machine() if "--redact" in arguments else None):
        asked = parser.parse_args(arguments)
    private = None
    if asked.redact:
        private = of_this_machine(asked.results_dir, getattr(asked, "reports_dir", None))
    with _redacting(private):
        yield asked, private


@contextmanager
def _redacting(private: Private | None) -> Iterator[None]:
    try:
        with no_access_refused():
            yield
    except BenchError as error:
        error.args = (shown_text(str(error), private),)
        raise


def print_error(error: BenchError, private: Private | None) -> int:
    """Print on stderr what went wrong, without what is private; returns the exit status of the command."""
    print(f"error: {one_line(shown_text(str(error), private))}", file=sys.stderr)
    return error.exit_status


def print_left_out(error: StoreError, private: Private | None = None) -> None:
    """Print on stderr why one of several runs is left out."""
    print(f"note: left out: {one_line(shown_text(str(error), private))}", file=sys.stderr)
