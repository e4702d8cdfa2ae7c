"""``python -m bench.commands collect SOURCE …``: bring runs together into a dataset."""

import sys
from collections.abc import Sequence

from bench.cli import INTERRUPTED, Parser, command
from bench.dataset.collect import collect
from bench.prepare.cache import cache_root


@command
def main(arguments: Sequence[str]) -> int:
    """Take what can be taken; returns 1 where a source was refused."""
    asked = _parser().parse_args(arguments)
    try:
        outcome = collect(asked.sources, asked.into, _say, cache_root(), again=asked.replace)
    except KeyboardInterrupt:
        print(f"interrupted: {asked.into} is as it was before", file=sys.stderr)
        return INTERRUPTED
    counts = {
        "taken": outcome.taken,
        "known already": outcome.known,
        "for later": outcome.later,
        "refused": outcome.refused,
    }
    print(f"runs       {', '.join(f'{count} {what}' for what, count in counts.items() if count) or 'nothing'}")
    if outcome.unproven:
        print(f"note       {outcome.unproven} of these have no digests.json: nothing tells whether they were changed")
    runs, files = outcome.manifest.runs.values(), outcome.manifest.files.values()
    print(
        f"dataset    {asked.into}: runs: {len(runs)}, machines: {len({run.machine for run in runs})}, "
        f"files: {len(files)} with {sum(file.bytes for file in files) / 1e6:.1f} MB"
    )
    return 1 if outcome.refused else 0


def _say(what: str, line: str) -> None:
    print(f"{what:<10} {line}", file=sys.stderr if what == "refused" else sys.stdout)


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s collect --",
        description="Bring runs together into a dataset; a run is taken once, and only as it was at its end.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="folders of runs, results folders, datasets, zips of these, or globs; here or by URL (s3://, gs://, …)",
    )
    parser.add_argument(
        "--into", default="dataset", metavar="DATASET", help="the dataset, a folder or a URL (default: dataset)"
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="a run that is known with other files, as after --resume or `nox -s quality`, takes the place of that one",
    )
    return parser
