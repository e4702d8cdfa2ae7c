"""``python -m bench.compare BASE HEAD …``: each HEAD compared with BASE."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.analyse.compare import Comparison, Mismatch, compare
from bench.analyse.run import analyse_run
from bench.arguments import Parser
from bench.compare.render import as_json, heading, lines, markdown
from bench.errors import BenchError, StoreError, UsageError
from bench.report.render import write_files
from bench.store.reader import StoredRun, open_run


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, say it, write it; returns the exit status."""
    try:
        asked = _parser().parse_args(arguments)
        threshold = share(asked.threshold)
        base, *heads = [open_run(path) for path in find_runs(asked.runs, asked.results_dir)]
        for head in heads:
            comparison = compare(analyse_run(base), analyse_run(head), threshold)
            if (prompts := prompts_differ(base, head)) is not None:
                comparison = replace(comparison, mismatches=(prompts, *comparison.mismatches))
            _refuse(comparison, force=asked.force)
            folder = asked.reports_dir / f"compare-{base.path.name}-{head.path.name}"
            files = {folder / "compare.md": markdown(comparison), folder / "compare.json": as_json(comparison)}
            write_files(folder, files)
            print("\n".join([*lines(comparison), "", f"written    {folder / 'compare.md'}"]))
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4 if isinstance(error, UsageError) else 1
    return 0


def share(text: str) -> float:
    """``3%`` or ``0.03`` as 0.03.

    Raises:
        UsageError: it is neither, or negative.
    """
    number = text.strip().removesuffix("%")
    try:
        value = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise UsageError(f"--threshold: expected a share such as 3% or 0.03, got {text!r}")
    return value


def find_runs(names: Sequence[str], results: Path) -> list[Path]:
    """The folders of runs that ``names`` mean, in their order: ids, folders, or globs of either.

    Raises:
        UsageError: one means no run, or they are fewer than two different ones.
    """
    found: list[Path] = []
    for name in names:
        patterns = (name, str(results / name))
        # Not Path.glob, which takes no absolute pattern.
        matches = [Path(path) for pattern in patterns for path in sorted(glob.glob(pattern))]  # noqa: PTH207
        runs = [path.resolve() for path in matches if (path / "run.json").is_file()]
        if not runs:
            raise UsageError(f"there is no run {name}, neither as a folder nor in {results}")
        found += runs
    runs = list(dict.fromkeys(found))
    if len(runs) < 2:
        raise UsageError("a run cannot be compared with itself: name two different runs, the base first")
    return runs


def prompts_differ(base: StoredRun, head: StoredRun) -> Mismatch | None:
    """Whether a prompt of the same name has other ids in the two runs."""
    there, here = (_prompts(run) for run in (base, head))
    changed = [name for name, digest in here.items() if there.get(name, digest) != digest]
    return (
        Mismatch("prompts", f"{len(there)} prompts", f"{len(changed)} of them with other ids", True)
        if changed
        else None
    )


def _prompts(run: StoredRun) -> dict[str, str]:
    table = run.table("generations", ["prompt_id", "prompt_digest"])
    pairs = zip(table["prompt_id"].to_pylist(), table["prompt_digest"].to_pylist(), strict=True)
    return {name: digest for name, digest in pairs if name is not None}


def _refuse(comparison: Comparison, *, force: bool) -> None:
    fatal = [one for one in comparison.mismatches if one.fatal]
    if fatal and not force:
        said = "; ".join(f"{one.what} ({one.base} there, {one.head} here)" for one in fatal)
        raise UsageError(
            f"{heading(comparison)} would mean nothing, they differ in {said}; --force does it all the same"
        )
    if not comparison.cells and not comparison.only_base and not comparison.only_head:
        raise StoreError(f"{heading(comparison)}: neither run measured anything")


def _parser() -> Parser:
    parser = Parser(prog="nox -s compare --", description="Compare stored runs, cell by cell.", allow_abbrev=False)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="ids, folders or globs; the first is the base")
    parser.add_argument(
        "--threshold", default="3%", metavar="SHARE", help="differences within it count as the same (default: 3%%)"
    )
    parser.add_argument("--force", action="store_true", help="compare what cannot be compared, and say so")
    parser.add_argument(
        "--results-dir", type=Path, default=Path("results"), metavar="DIR", help="where runs lie (default: results)"
    )
    parser.add_argument(
        "--reports-dir",
        type=Path,
        default=Path("reports"),
        metavar="DIR",
        help="where it is written (default: reports)",
    )
    return parser


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
