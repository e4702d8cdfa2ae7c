"""``nox -s fleet -- worker``: have this machine join a scheduler and measure what desks ask for."""

import asyncio
import json
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

from bench.cli import INTERRUPTED, Parser, add_folder, command
from bench.commands import say
from bench.commands.fleet import BENCH
from bench.commands.fleet_scheduler import port_number
from bench.errors import UsageError
from bench.fleet.certificates import NAME
from bench.fleet.connection import HERE, address_of, security_for
from bench.fleet.machine import Place, join
from bench.observe.machine import MACHINE_ID


@command
def main(arguments: Sequence[str]) -> int:
    """Serve until the process is ended; returns the exit status."""
    asked = _parser().parse_args(arguments)
    address = address_of(asked.scheduler)
    security = security_for(address, asked.certs)
    try:
        told = json.loads(os.environ[BENCH])
        bench, models = tuple(told["bench"]), tuple(told["models"])
    except (LookupError, ValueError, TypeError) as error:
        raise UsageError(f"{BENCH} does not say what measures: start this by `nox -s fleet -- worker`") from error
    place = Place(asked.name, tuple(asked.labels), asked.folder, asked.results_dir, bench, models)
    if asked.machine_id is not None:
        os.environ[MACHINE_ID] = asked.machine_id
    try:
        asyncio.run(join(address, security, place, asked.port, say))
    except KeyboardInterrupt:
        say(
            "stopped    a run that goes on ends after its generation, and is carried on with when it is asked for again"
        )
        return INTERRUPTED
    return 0


def _parser() -> Parser:
    own_name = re.sub(r"[^0-9A-Za-z_.-]+", "-", platform.node()).strip("-._").lower()[:63] or "machine"
    parser = Parser(
        prog="nox -s fleet -- worker",
        description="Join a scheduler, and measure what desks ask for, until Ctrl-C. A run that was cut off is carried "
        "on with.",
    )
    parser.add_argument(
        "--scheduler", default=HERE, metavar="ADDRESS", help=f"tls://HOST:PORT, or on this machine {HERE} (the default)"
    )
    parser.add_argument("--certs", type=Path, metavar="DIR", help="the folder of this machine's certificate")
    parser.add_argument(
        "--name", type=_name, default=own_name, metavar="NAME", help="what desks call it (default: %(default)s)"
    )
    parser.add_argument(
        "--labels",
        type=_labels,
        default=[],
        metavar="LABEL[,LABEL]",
        help="what desks group it by, e.g. lunar-lake,driver-beta",
    )
    parser.add_argument(
        "--port", type=port_number, default=0, metavar="N", help="where the scheduler reaches it (default: any)"
    )
    parser.add_argument(
        "--machine-id", metavar="TEXT", help="tells machines apart whose disks were copied, ids included"
    )
    add_folder(parser, "--folder", "where jobs of desks lie", "fleet")
    add_folder(parser, "--results-dir", "where runs lie", "results")
    return parser


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise UsageError(f"{text!r} cannot name a machine: take letters, digits, full stops and dashes")
    return text


def _labels(text: str) -> list[str]:
    labels = [label.strip() for label in text.split(",")]
    if not all(map(NAME.fullmatch, labels)):
        raise UsageError(f"--labels {text}: a label is not empty, and of letters, digits, full stops and dashes")
    return labels
