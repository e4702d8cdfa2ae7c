"""``python -m studies faults``: kill the harness at random moments of simulated sweeps, and carry on with their runs.

After each kill every committed cell has to be readable, whole and there once, and no process may be left behind. Each
run is carried on to its end, where its tables have to be those of an uninterrupted run, but for times.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.errors import UsageError
from studies import say
from studies.faults.kills import kill_and_resume, uninterrupted
from studies.faults.sweeps import SWEEPS

_LINE = "{name:<14} {kills:>6} {before:>20} {runs:>12} {faults:>7}"


@command
def main(arguments: Sequence[str]) -> int:
    """Print a table of all kills, and each fault; returns 1 if there is one."""
    asked = _parser().parse_args(arguments)
    if asked.kills < len(SWEEPS):
        raise UsageError(f"--kills: at least {len(SWEEPS)}, one for each sweep")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="aipc-faults-", ignore_cleanup_errors=True) as folder:
        outcomes = {}
        for number, (name, options) in enumerate(SWEEPS.items()):
            home = Path(folder, str(number))
            own = asked.kills * (number + 1) // len(SWEEPS) - asked.kills * number // len(SWEEPS)
            expected = uninterrupted(home / "whole", options)
            outcomes[name] = one = kill_and_resume(home, options, expected, f"{asked.seed}/{name}", own)
            say(f"{name}: {one.kills} kills with seed {asked.seed}, {len(one.faults)} faults")
    say(_LINE.format(name="sweep", kills="kills", before="of them before rows", runs="runs ended", faults="faults"))
    for name, one in outcomes.items():
        say(_LINE.format(name=name, kills=one.kills, before=one.before, runs=one.runs, faults=len(one.faults)))
    faults = [f"{name}: {fault}" for name, one in outcomes.items() for fault in one.faults]
    kills = sum(one.kills for one in outcomes.values())
    say("\n".join([*faults, f"{kills} kills, {len(faults)} faults, {(time.monotonic() - began) / 60:.0f} minutes"]))
    return 1 if faults else 0


def _parser() -> Parser:
    parser = Parser(prog="nox -s studies -- faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="how often (default: 200)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments (default: 1)")
    return parser
