"""``python -m bench.compare BASE HEAD …``: each HEAD compared with BASE; or the two variants of one run."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace

from bench.analyse.compare import Comparison, compare, compare_variants, has_variants
from bench.analyse.conditions import prompts_differ
from bench.analyse.run import analyse_run
from bench.arguments import Parser
from bench.compare.finish import finish
from bench.compare.render import heading
from bench.compare.runs import add_folders, find_runs, known_variation, share
from bench.errors import BenchError, StoreError, UsageError
from bench.store.reader import StoredRun


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, say it, write it; returns the exit status."""
    try:
        asked = _parser().parse_args(arguments)
        threshold = share(asked.threshold)
        base, *heads = find_runs(asked.runs, asked.results_dir)
        if not heads:
            _variants(base, threshold, asked)
        for head in heads:
            comparison = _compared(base, head, threshold, asked)
            _refuse(comparison, force=asked.force)
            _say(finish(comparison, asked.reports_dir / f"compare-{base.path.name}-{head.path.name}"))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4 if isinstance(error, UsageError) else 1
    return 0


def _variants(run: StoredRun, threshold: float, asked: Namespace) -> None:
    analysis = analyse_run(run)
    if not has_variants(analysis):
        raise UsageError("a run cannot be compared with itself: name two different runs, the base first")
    comparison = compare_variants(analysis, threshold)
    _refuse(comparison, force=True)
    _say(finish(comparison, asked.reports_dir / run.path.name))


def _compared(base: StoredRun, head: StoredRun, threshold: float, asked: Namespace) -> Comparison:
    there, here = analyse_run(base), analyse_run(head)
    known = None if asked.no_history else known_variation(asked.results_dir, here)
    comparison = compare(there, here, threshold, known)
    if (prompts := prompts_differ(base, head)) is None:
        return comparison
    return replace(comparison, mismatches=(prompts, *comparison.mismatches))


def _say(lines: Sequence[str]) -> None:
    print("\n".join(lines))


def _refuse(comparison: Comparison, *, force: bool) -> None:
    fatal = [one for one in comparison.mismatches if one.fatal]
    if fatal and not force:
        said = "; ".join(f"{one.what} ({one.base} there, {one.head} here)" for one in fatal)
        raise UsageError(
            f"{heading(comparison)} would mean nothing, they differ in {said}; --force does it all the same"
        )
    if not comparison.cells and not comparison.only_base and not comparison.only_head:
        neither = "neither variant" if comparison.paired else "neither run"
        raise StoreError(f"{heading(comparison)}: {neither} measured anything")


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s compare --",
        description="Compare stored runs cell by cell, or the two variants of one run of `nox -s ab`.",
        allow_abbrev=False,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="ids, folders or globs; the first is the base")
    parser.add_argument(
        "--threshold", default="3%", metavar="SHARE", help="differences within it count as the same (default: 3%%)"
    )
    parser.add_argument("--force", action="store_true", help="compare what cannot be compared, and say so")
    parser.add_argument(
        "--no-history",
        action="store_true",
        help="leave out what earlier runs of this machine tell about its variation from run to run",
    )
    add_folders(parser)
    return parser


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
