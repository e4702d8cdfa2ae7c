"""``python -m bench.commands gate --baseline RUNS … --head RUN``: does the head show a regression?"""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bench.analyse.comparison import Caveat, has_variants, run_id
from bench.analyse.conditions import run_mismatches
from bench.analyse.gate_rule import LEAST_BASELINES, Gate, gate, gate_variants, usable
from bench.analyse.quality_change import QUALITY_TOLERANCE
from bench.analyse.results import RunAnalysis
from bench.cli import Parser, command, no_access_refused, print_lines
from bench.commands.stored_runs import (
    Analyses,
    add_folders,
    add_redact,
    add_share,
    asked_for,
    known_variation,
    print_left_out,
    run_name,
)
from bench.errors import BenchError, UsageError
from bench.report.compare.comparison_words import differ
from bench.report.compare.gate_exports import STATUS, gate_json, gate_lines, gate_markdown
from bench.report.index import index_lines
from bench.report.redact import Private, redacted, redacted_folder, shown_path
from bench.store.files import write_files
from bench.store.lookup import find_runs
from bench.store.reader import StoredRun


class CannotTellError(BenchError):
    """The gate could not look."""

    exit_status = 2


@command
def main(arguments: Sequence[str]) -> int:
    """Hold a run against others, say it, write it; returns the exit status."""
    # What goes wrong while the command line is read counts too, and nothing is known to be private by then.
    with _no_regression(), asked_for(parser(), arguments) as (asked, private), _no_regression():
        head = _one_head(asked)
        found = _gate(head, asked, private)
        folder = asked.reports_dir / f"gate-{head.path.name}"
        if private is not None:
            found, folder = redacted(found, private), redacted_folder(folder, private)
        write_files(folder, {folder / "gate.md": gate_markdown(found), folder / "gate.json": gate_json(found)})
        index = index_lines(asked.reports_dir, private)
        print_lines([*gate_lines(found), "", *index, f"written    {shown_path(folder / 'gate.md', private)}"])
        return STATUS[found.outcome]


@contextmanager
def _no_regression() -> Iterator[None]:
    """Have an error mean that the gate cannot tell: the status of others, Python's own too, is that of a regression."""
    try:
        with no_access_refused():
            yield
    except (UsageError, CannotTellError):
        raise
    except BenchError as error:
        raise CannotTellError(str(error)) from error
    except Exception as error:
        raise CannotTellError(f"the gate failed: {type(error).__name__}: {error}") from error


def _gate(head: StoredRun, asked: Namespace, private: Private | None) -> Gate:
    threshold, tolerance = asked.threshold, asked.quality_tolerance
    analyses = Analyses()
    analysis = analyses.of(head)
    if has_variants(analysis):
        if asked.baseline:
            raise UsageError(
                f"{head.run_id} holds two variants, which are compared with each other: leave --baseline out"
            )
        return gate_variants(analysis, threshold, strict=asked.strict, tolerance=tolerance)
    if not asked.baseline:
        raise UsageError(f"{head.run_id} holds no two variants: name its baselines with --baseline")
    analysed = [analyses.of(run) for run in _baselines(asked, head, analyses, private)]
    fitting, _ = usable(analysis, analysed)
    forced = _refuse(fitting, analysis, force=asked.force)
    known = known_variation(asked.results_dir, analysis, analyses) if len(fitting) < LEAST_BASELINES else None
    found = gate(analysis, analysed, threshold, known, strict=asked.strict, tolerance=tolerance)
    return replace(found, notes=(*forced, *found.notes))


def _one_head(asked: Namespace) -> StoredRun:
    if (asked.head is None) == (asked.run is None):
        raise UsageError("name the run in question: --head RUN, or --run RUN for one of `nox -s ab`")
    found = find_runs([asked.head or asked.run], asked.results_dir)
    if len(found) != 1:
        raise UsageError(f"--head: {asked.head or asked.run} means {len(found)} runs, and the gate takes one at a time")
    return found[0]


def _baselines(asked: Namespace, head: StoredRun, analyses: Analyses, private: Private | None) -> list[StoredRun]:
    found = find_runs(asked.baseline, asked.results_dir, analyses.of, lambda error: print_left_out(error, private))
    if any(run.run_id == head.run_id for run in found):
        raise UsageError(f"{head.run_id} cannot be its own baseline: take it out of what --baseline names")
    return found


def _refuse(baselines: Sequence[RunAnalysis], head: RunAnalysis, *, force: bool) -> list[Caveat]:
    """What has to be said of runs that are compared by force."""
    fatal = [(run_id(run), one) for run in baselines for one in run_mismatches(run, head) if one.fatal]
    differing = {one.what: (run, one) for run, one in fatal}
    if differing and not force:
        named = [(run, run_id(head), one) for run, one in differing.values()]
        raise UsageError(f"this gate would mean nothing, {differ(named)}")
    return [Caveat("forced", {"mismatch": one, "run": run}) for run, one in differing.values()]


def parser() -> Parser:
    """What the command takes."""
    found = Parser(
        prog="nox -s gate --",
        description="Say whether a run shows a regression: exit status 0 no, 1 yes, 2 cannot tell.",
    )
    found.add_argument(
        "--baseline",
        nargs="+",
        action="extend",
        type=run_name,
        default=[],
        metavar="RUN",
        help="ids, folders or globs of five or more earlier runs",
    )
    found.add_argument(
        "--head", type=run_name, metavar="RUN", help="the run in question; one of `nox -s ab` needs no baselines"
    )
    found.add_argument("--run", type=run_name, metavar="RUN", help="the same, for a run of `nox -s ab`")
    add_share(found, "--threshold", "differences within it count as the same", "5%")
    add_share(
        found,
        "--quality-tolerance",
        f"perplexities within it count as the same (default: {QUALITY_TOLERANCE:.0%}%); where it is given, the gate "
        "cannot tell without the quality of every load",
    )
    found.add_argument(
        "--strict",
        action="store_true",
        help="cannot tell either where a slowdown beyond the threshold, or a rise of perplexity, could hide",
    )
    found.add_argument("--force", action="store_true", help="also runs of another model or of other prompts")
    add_redact(found)
    add_folders(found)
    return found
