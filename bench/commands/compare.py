"""``python -m bench.commands compare BASE HEAD …``: all HEADs compared with BASE; or the two variants of one run."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from bench.analyse.comparison import Comparison, compare, compare_variants, has_variants
from bench.analyse.quality_change import QUALITY_TOLERANCE
from bench.cli import Parser, add_language, command, one_line, print_lines
from bench.commands.stored_runs import (
    Analyses,
    add_folders,
    add_redact,
    add_runs,
    add_share,
    asked_for,
    known_variation,
    print_left_out,
)
from bench.errors import StoreError, UsageError
from bench.plan.cells import digest
from bench.report.compare.comparison_exports import THRESHOLD, write_comparison
from bench.report.compare.comparison_words import heading, refusal
from bench.report.language import speaking
from bench.report.redact import shown_text
from bench.store.lookup import find_runs, named_again
from bench.store.reader import StoredRun


@command
def main(arguments: Sequence[str]) -> int:
    """Compare, say it, write it; returns the exit status."""
    analyses = Analyses()
    with asked_for(_parser(), arguments) as (asked, private):
        base, *heads = find_runs(asked.runs, asked.results_dir, analyses.of, lambda why: print_left_out(why, private))
        comparison = _compared(base, heads, asked, analyses)
        if heads and not asked.force and (why := refusal(comparison)):
            raise UsageError(why)
        for run_id in named_again(asked.runs, asked.results_dir) if heads else ():
            note = f"note: {run_id} is named more than once and taken once"
            print(one_line(shown_text(note, private)), file=sys.stderr)
        _refuse_nothing(comparison)
        with speaking(asked.lang):
            print_lines(write_comparison(comparison, asked.reports_dir / _folder(base, heads), private))
    return 0


def _compared(base: StoredRun, heads: Sequence[StoredRun], asked: Namespace, analyses: Analyses) -> Comparison:
    """Runs with the first one; without others the variants of that."""
    there, here = analyses.of(base), [analyses.of(head) for head in heads]
    if here:
        histories = [None if asked.no_history else known_variation(asked.results_dir, one, analyses) for one in here]
        return compare(there, here, asked.threshold, histories, asked.quality_tolerance)
    if not has_variants(there):
        raise UsageError("a run cannot be compared with itself: name two different runs, the base first")
    return compare_variants(there, asked.threshold, asked.quality_tolerance)


def _refuse_nothing(comparison: Comparison) -> None:
    if any(head.cells or head.only_base or head.only_head for head in comparison.heads):
        return
    which = "neither variant" if comparison.paired else "neither run"
    raise StoreError(
        f"{heading(comparison)}: {'none of these runs' if comparison.several else which} measured anything"
    )


def _folder(base: StoredRun, heads: Sequence[StoredRun]) -> str:
    """Where the files go: beside the report of a run with variants, else a folder that these runs alone have."""
    if not heads:
        return base.path.name
    if len(heads) == 1:
        return f"compare-{base.path.name}-{heads[0].path.name}"
    # All names would be longer than Windows lets a path be.
    return f"compare-{base.path.name}-{len(heads)}-runs-{digest([head.path.name for head in heads], 8)}"


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s compare --",
        description=(
            "Compare stored runs cell by cell, each with the first one, on one page; "
            "or the two variants of one run of `nox -s ab`."
        ),
    )
    add_runs(parser, "ids, folders or globs; the first is the base, every other one a head", "+")
    add_share(parser, "--threshold", "differences within it count as the same", f"{THRESHOLD:.0%}")
    add_share(parser, "--quality-tolerance", "perplexities within it count as the same", f"{QUALITY_TOLERANCE:.0%}")
    parser.add_argument(
        "--force", action="store_true", help="also runs of another model, other prompts or another machine"
    )
    parser.add_argument(
        "--no-history",
        action="store_true",
        help="leave out what earlier runs of this machine tell about its variation from run to run",
    )
    add_language(parser)
    add_redact(parser)
    add_folders(parser)
    return parser
