"""``python -m bench.commands fleet COMMAND …``: what is done with many machines.

Each command has a module of its own, which is loaded when it is asked for: the report needs no package of the others.
"""

from collections.abc import Sequence
from importlib import import_module

from bench.cli import command
from bench.errors import UsageError

BENCH = "AIPC_BENCH_COMMANDS"
"""Variable with JSON: ``bench`` and ``models`` -> the beginning of that command on this machine, as nox tells it."""

COMMANDS = {
    "certs": "make the certificates by which a lab's machines know each other",
    "report": "the page about all machines of a dataset",
    "run": "measure on machines that have joined a scheduler, and collect what they measured",
    "scheduler": "keep a scheduler, which machines join",
    "worker": "have this machine join a scheduler and measure what it is asked",
}
"""Command -> what for. ``bench.commands.fleet_<command>`` has its ``main``."""


@command
def main(arguments: Sequence[str]) -> int:
    """Hand a command line on to its command; returns the exit status."""
    name, *others = arguments or [""]
    if name in ("-h", "--help"):
        print("usage: nox -s fleet -- COMMAND …; each command takes --help\n")
        print("\n".join(f"  {command:<10} {purpose}" for command, purpose in COMMANDS.items()))
        return 0
    if name not in COMMANDS:
        what = f"fleet knows no {name!r}" if name else "fleet needs a command"
        raise UsageError(f"{what}: name one of {', '.join(COMMANDS)}; see `nox -s fleet -- --help`")
    status: int = import_module(f"bench.commands.fleet_{name}").main(others)
    return status
