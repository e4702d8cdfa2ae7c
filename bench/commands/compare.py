"""``python -m bench.commands.compare BASE HEAD …``: all HEADs compared with BASE; or the two variants of one run."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.analyse.compare import Comparison, compare, compare_variants, has_variants
from bench.analyse.conditions import prompts_differ
from bench.analyse.run import analyse_run
from bench.analyse.side_by_side import SideBySide, side_by_side
from bench.cli import Parser, add_language
from bench.commands.stored_runs import Analyses, add_folders, known_variation, share
from bench.errors import BenchError, StoreError, UsageError
from bench.plan.cells import digest
from bench.report.compare.finish import finish
from bench.report.compare.sentences import heading, refusal
from bench.report.language import speaking
from bench.report.redact import shown_text
from bench.report.redact_option import add_redact, parsed, print_error
from bench.store.lookup import find_runs, named_again
from bench.store.reader import StoredRun


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, say it, write it; returns the exit status."""
    private = None
    try:
        asked, private = parsed(_parser(), arguments)
        threshold = share(asked.threshold)
        base, *heads = find_runs(asked.runs, asked.results_dir)
        if heads:
            side = side_by_side(_compared(base, heads, threshold, asked))
            if not asked.force and (why := refusal(side)):
                raise UsageError(why)
            for run_id in named_again(asked.runs, asked.results_dir):
                print(shown_text(f"note: {run_id} is named more than once and taken once", private), file=sys.stderr)
        else:
            side = _variants(base, threshold)
        _refuse_nothing(side)
        with speaking(asked.lang):
            lines = finish(side, asked.reports_dir / _folder(base, heads), private)
        print("\n".join(lines))
    except BenchError as error:
        print_error(error, private)
        return 4 if isinstance(error, UsageError) else 1
    return 0


def _variants(run: StoredRun, threshold: float) -> SideBySide:
    analysis = analyse_run(run)
    if not has_variants(analysis):
        raise UsageError("a run cannot be compared with itself: name two different runs, the base first")
    return side_by_side([compare_variants(analysis, threshold)])


def _compared(base: StoredRun, heads: Sequence[StoredRun], threshold: float, asked: Namespace) -> list[Comparison]:
    analyses = Analyses()
    return [_one(base, head, threshold, analyses, None if asked.no_history else asked.results_dir) for head in heads]


def _one(base: StoredRun, head: StoredRun, threshold: float, analyses: Analyses, history: Path | None) -> Comparison:
    there, here = analyses.of(base), analyses.of(head)
    known = None if history is None else known_variation(history, here, analyses)
    comparison = compare(there, here, threshold, known)
    if (prompts := prompts_differ(base, head)) is None:
        return comparison
    return replace(comparison, mismatches=(prompts, *comparison.mismatches))


def _refuse_nothing(side: SideBySide) -> None:
    if any(head.cells or head.only_base or head.only_head for head in side.heads):
        return
    if side.several:
        raise StoreError(f"{heading(side)}: none of these runs measured anything")
    raise StoreError(f"{heading(side)}: {'neither variant' if side.first.paired else 'neither run'} measured anything")


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
        allow_abbrev=False,
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="ids, folders or globs; the first is the base, every other one a head"
    )
    parser.add_argument(
        "--threshold", default="3%", metavar="SHARE", help="differences within it count as the same (default: 3%%)"
    )
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


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
