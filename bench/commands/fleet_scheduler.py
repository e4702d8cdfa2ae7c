"""``nox -s fleet -- scheduler``: keep the scheduler that the machines of a lab join."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.commands import say
from bench.errors import UsageError
from bench.fleet.connection import PORT, address_of, is_loopback, security_for
from bench.fleet.scheduler import serve

DASHBOARD = "127.0.0.1:8787"


@command
def main(arguments: Sequence[str]) -> int:
    """Serve until the process is ended; returns the exit status."""
    asked = _parser().parse_args(arguments)
    encrypted = asked.certs is not None
    host = asked.host or ("0.0.0.0" if encrypted else "127.0.0.1")  # noqa: S104 - both sides show certificates
    address = address_of(f"{'tls' if encrypted else 'tcp'}://{host}:{asked.port}")
    if asked.dashboard is not None and not is_loopback(asked.dashboard.rpartition(":")[0]):
        say("note       the dashboard is not encrypted, and shows everybody who reaches it what is measured where")
    asyncio.run(serve(address, security_for(address, asked.certs), asked.dashboard, say))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s fleet -- scheduler",
        description="Keep the scheduler that machines join, until Ctrl-C. Without certificates this machine alone "
        "reaches it.",
    )
    parser.add_argument("--certs", type=Path, metavar="DIR", help="the folder of this machine's certificate")
    parser.add_argument(
        "--host", metavar="ADDRESS", help="where it listens (default: everywhere with --certs, else 127.0.0.1)"
    )
    parser.add_argument("--port", type=port_number, default=PORT, metavar="N", help=f"(default: {PORT})")
    parser.add_argument(
        "--dashboard",
        type=_dashboard,
        default=DASHBOARD,
        metavar="HOST:PORT",
        help=f"where the engine's dashboard is shown, unencrypted, or off (default: {DASHBOARD})",
    )
    return parser


def port_number(text: str, option: str = "--port") -> int:
    """The port that an option of the command line names.

    Raises:
        UsageError: it is none.
    """
    if not text.isdecimal() or int(text) > 65535:
        raise UsageError(f"{option}: expected a port, got {text!r}")
    return int(text)


def _dashboard(text: str) -> str | None:
    host, colon, port = text.rpartition(":")
    if text == "off":
        return None
    if not colon or not (is_loopback(host) or re.fullmatch(r"[\w.-]*", host)):
        raise UsageError(f"--dashboard: expected HOST:PORT, or off, got {text!r}")
    return f"{host}:{port_number(port, '--dashboard')}"
