"""How machines reach each other: addresses, certificates, the engine's settings, and which version is here."""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLError

import dask
from distributed import Client, Security
from distributed.comm import CommClosedError

from backends.contract import one_line
from bench.errors import MachineError, UsageError, cause
from bench.fleet.certificates import CA, CERTIFICATE, KEY
from bench.run.record import git_commit, project_version

PORT = 8786
HERE = f"tcp://127.0.0.1:{PORT}"
METADATA = "aipc-bench"
"""Key under which a scheduler tells its version."""
CONNECT_S = 10.0
_ADDRESS = re.compile(r"(?P<protocol>tcp|tls)://(?P<host>\[[0-9a-fA-F:.]+\]|[^:/\s\[\]]+)(?::(?P<port>\d{1,5}))?")


def configure() -> None:
    """Set what the engine is to do on all sides: little beside a measurement, and nothing that anybody can reach."""
    for name in [*logging.root.manager.loggerDict]:
        # What a person needs to know is said by this project, in a line.
        if name.partition(".")[0] in ("distributed", "tornado", "bokeh", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set(
        {
            # A task that has lost its machine waits for it; one whose machine went so often is given up.
            "distributed.scheduler.allowed-failures": 10,
            "distributed.scheduler.work-stealing": False,
            "distributed.worker.profile.enabled": False,
            "distributed.admin.system-monitor.interval": "10s",
            "distributed.admin.system-monitor.gil.enabled": False,
            "distributed.admin.tick.interval": "1s",
            "distributed.admin.tick.limit": "60s",
            "distributed.comm.timeouts.connect": f"{CONNECT_S} s",
            "distributed.comm.timeouts.tcp": "30s",
            "distributed.comm.require-encryption": None,
        }
    )


def address_of(text: str) -> str:
    """The address of a scheduler, with its port.

    Raises:
        UsageError: it is none, or leads over a network without encryption.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no address of a scheduler: write tls://HOST:{PORT}, or {HERE}")
    if found["protocol"] == "tcp" and not is_loopback(found["host"]):
        raise UsageError(
            f"{text} is not encrypted, which is taken on this machine alone (127.0.0.1): make certificates by "
            "`nox -s fleet -- certs`, and name tls:// and --certs"
        )
    return f"{found['protocol']}://{found['host']}:{found['port'] or PORT}"


def is_loopback(host: str) -> bool:
    """Whether nothing but this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def security_for(address: str, certs: Path | None) -> Security:
    """What an address is reached with.

    ``certs``: a folder that ``fleet certs`` made; ``None`` where there is none.

    Raises:
        UsageError: the folder is missing or lacks a file.
    """
    if address.startswith("tcp://"):
        if certs is not None:
            raise UsageError(f"--certs goes with an address tls://…, and {address} has none")
        return Security(require_encryption=False)
    if certs is None:
        raise UsageError(f"{address} needs --certs DIR, a folder that `nox -s fleet -- certs` made for this machine")
    if missing := [name for name in (CA, CERTIFICATE, KEY) if not (certs / name).is_file()]:
        raise UsageError(f"{certs} holds no {missing[0]}: name the folder that `nox -s fleet -- certs` made")
    roles = {
        f"tls_{role}_{what}": str(certs / file)
        for role in ("client", "scheduler", "worker")
        for what, file in (("cert", CERTIFICATE), ("key", KEY))
    }
    return Security(require_encryption=True, tls_ca_file=str(certs / CA), **roles)


def version() -> dict[str, str | None]:
    """This project's version, and the commit where there is git."""
    return {"version": project_version(), "commit": git_commit()}


def refuse_other_version(theirs: Mapping[str, str | None] | None, address: str) -> None:
    """Machines of one fleet run the same code.

    ``theirs``: what :func:`version` gave at the scheduler; ``None`` where it is another project's.

    Raises:
        MachineError: they do not.
    """
    if theirs is None:
        raise MachineError(f"{address} is no scheduler of AIPC Bench: start one by `nox -s fleet -- scheduler`")
    ours = version()
    # A copy without git does not know its commit.
    if any(theirs[key] and ours[key] and theirs[key] != ours[key] for key in ours):
        raise MachineError(
            f"refused: the scheduler at {address} runs AIPC Bench {_shown(theirs)}, and this machine {_shown(ours)}: "
            "have the same checkout on all machines"
        )


def _shown(one: Mapping[str, str | None]) -> str:
    return f"{one['version']} ({one['commit']})" if one["commit"] else str(one["version"])


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn what the engine raises where no connection comes about into one line.

    Raises:
        MachineError: there is no connection.
    """
    try:
        yield
    except (OSError, CommClosedError) as error:
        if any(isinstance(one, SSLError) for one in _chain(error)):
            raise MachineError(
                f"refused: {address} and this machine do not know each other's certificates: both must be signed by "
                "the same authority (`nox -s fleet -- certs`) and must not have expired"
            ) from error
        encrypted = " (one with certificates is named by tls:// and --certs)" if address.startswith("tcp://") else ""
        raise MachineError(
            f"no scheduler answers at {address}{encrypted}: start one by `nox -s fleet -- scheduler`, and see that no "
            "firewall keeps its port closed"
        ) from error


def start_failure(error: Exception) -> str:
    """Why a part of the engine did not start, which it raises as the cause of an error that says nothing else."""
    why = error.__cause__ if isinstance(error, RuntimeError) else error
    return cause(why) if isinstance(why, OSError) else one_line(why or error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def told_at(address: str, security: Security) -> Mapping[str, str | None] | None:
    """What :func:`version` gave at the scheduler; ``None`` where it is another project's.

    Raises:
        MachineError: none answers.
    """
    with explained(address):
        client = Client(address, security=security, asynchronous=True, timeout=CONNECT_S, set_as_default=False)
        try:
            # The engine waits without end for the first word of what has the port and says nothing.
            async with asyncio.timeout(2 * CONNECT_S):
                await client
                told: Mapping[str, str | None] | None = await client.get_metadata([METADATA], None)
        finally:
            await client.close()
    return told


def connect(address: str, security: Security) -> Client:
    """A client of a scheduler that runs this version.

    Raises:
        MachineError: there is none.
    """
    refuse_other_version(asyncio.run(told_at(address, security)), address)
    with explained(address):
        return Client(address, security=security, timeout=CONNECT_S, set_as_default=False)
