"""``python -m studies settings``: what settings that trade quality for speed cost and buy, a Markdown row each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import UsageError
from studies.intervals.tables import as_row
from studies.settings.measured import COLUMNS, SETTINGS, Sweep, row_of


@command
def main(arguments: Sequence[str]) -> int:
    """Print the table, each row as soon as it is known. A setting that fails does not change the exit status."""
    asked = _parser().parse_args(arguments)
    if asked.blocks < 1:
        raise UsageError("--blocks is a whole number from 1 on")
    sweep = Sweep(asked.model, asked.blocks, asked.results_dir.resolve())
    chosen = [one for one in SETTINGS if one.name in (asked.only or [one.name])]
    print(as_row(COLUMNS), "|---" * len(COLUMNS) + "|", sep="\n", flush=True)
    for number, setting in enumerate(chosen, start=1):
        print(f"{number} of {len(chosen)}: {setting.name}", file=sys.stderr, flush=True)
        print(as_row(row_of(setting, sweep)), flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- settings", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[one.name for one in SETTINGS], help="only this setting; repeatable"
    )
    parser.add_argument("--blocks", type=int, default=5, metavar="N", help="of each run (default: 5)")
    parser.add_argument("--model", default="default", help="as in `nox -s bench` (default: default)")
    parser.add_argument(
        "--results-dir",
        type=Path,
        default=Path("results") / "settings",
        metavar="DIR",
        help="where its runs are written (default: results/settings)",
    )
    return parser
