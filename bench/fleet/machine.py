"""A machine of the fleet: the engine's worker, and what it does for a desk."""

import asyncio
import errno
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distributed import Security, Status, Worker, get_worker

from backends.contract import one_line
from bench.errors import MachineError
from bench.fleet.certificates import NAME
from bench.fleet.connection import configure, refuse_other_version, start_failure, told_at
from bench.fleet.job import Job
from bench.plan.environments import CONVERSION, environment
from bench.plan.flags import raw_values
from bench.plan.venvs import Venvs
from bench.prepare.install import as_they_are
from bench.prepare.stage import preparation_for
from bench.run.planning import plan_for, preflight

Say = Callable[[str], None]

ALONE = "MACHINE"
"""The resource of which each machine has one, so that it does one thing at a time."""
_OWN, _LABEL = "machine-", "label-"
_LEAVING = (Status.closing, Status.closing_gracefully, Status.closed, Status.failed)
_AGAIN_S = 5.0
_LONGEST = 160
"""Of a line of progress, in characters."""
_NO_CONVERTERS = Venvs(json.dumps({CONVERSION: {"python": sys.executable}}), {})
"""By which nothing is in the cache, as on a machine whose venvs are yet to be made."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a machine measures.

    Args:
        folder: where the jobs of desks lie.
        results: where its runs lie, as those that are started on it by hand.
        command: measures, given the options of ``nox -s bench``.
        models: prepares models, given the same.
    """

    name: str
    labels: tuple[str, ...]
    folder: Path
    results: Path
    command: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def resources(self) -> dict[str, float]:
        """What the scheduler binds tasks by; a worker's own name does not survive its restart."""
        return {ALONE: 1, own_resource(self.name): 1, **{f"{_LABEL}{label}": 1 for label in self.labels}}

    def job(self, request: str) -> Job:
        """What a desk asks for under an id."""
        if not NAME.fullmatch(request):
            raise MachineError(f"{request!r} is no id of a request")
        return Job(self.folder / self.name / request, self.results)


def own_resource(name: str) -> str:
    """The resource that the machine of this name alone has."""
    return f"{_OWN}{name}"


def labels_in(resources: Mapping[str, float]) -> tuple[str, ...]:
    """The labels of a machine, by its resources."""
    return tuple(sorted(name.removeprefix(_LABEL) for name in resources if name.startswith(_LABEL)))


class Member(Worker):  # type: ignore[misc]
    """A worker that knows its place."""

    place: Place


async def join(address: str, security: Security, place: Place, port: int, say: Say) -> None:
    """Be a machine of the fleet until the process is ended; joins again whenever the scheduler comes back.

    ``port``: where the scheduler reaches this machine; 0 for any.

    Raises:
        MachineError: the scheduler refuses this machine for good.
    """
    configure()
    said = ""
    while True:
        try:
            await _member(address, security, place, port, say)
            why = f"the scheduler at {address} has gone"
        except _Refused:
            raise
        except MachineError as error:
            why = str(error)
        except (OSError, RuntimeError, ValueError) as error:
            why = start_failure(error)
            if getattr(error.__cause__, "errno", None) == errno.EADDRINUSE:
                why = f"another program has port {port} of this machine: name another one by --port"
            elif "name taken" in why:
                why = f"another machine named {place.name} has joined: name this one by --name"
        if why != said:
            say(f"waiting    {why}")
            said = why
        await asyncio.sleep(_AGAIN_S)


class _Refused(MachineError):  # noqa: N818 - named for what happened
    """Waiting does not help."""


async def _member(address: str, security: Security, place: Place, port: int, say: Say) -> None:
    theirs = await told_at(address, security)
    try:
        refuse_other_version(theirs, address)
    except MachineError as error:
        raise _Refused(str(error)) from error
    member = Member(
        address,
        name=place.name,
        nthreads=1,
        resources=place.resources,
        memory_limit=0,
        security=security,
        host="127.0.0.1" if address.startswith("tcp://") else None,
        port=port,
        dashboard=False,
        # Whether it is alive is served in any case, and without encryption.
        dashboard_address="127.0.0.1:0",
    )
    member.place = place
    async with member:
        say(f"joined     {address} as {place.name}")
        await member.finished()


# -- what desks ask for -----------------------------------------------------------------------------------------------


async def describe(arguments: Sequence[str], config: str | None, dask_worker: Member) -> list[str]:
    """What the machine would do, and how long that would take, in lines; beside whatever it does now."""
    return await asyncio.to_thread(_described, dask_worker.place, arguments, config)


def _described(place: Place, arguments: Sequence[str], config: str | None) -> list[str]:
    try:
        # In a folder of its own: several desks may ask at once.
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            job = Job(Path(folder), place.results)
            job.write(place.command, arguments, config)
            return _plan([*arguments, *job.config], place.results)
    except Exception as error:  # noqa: BLE001 - the run itself says what is wrong, and where
        return [f"cannot plan it: {one_line(error)}"]


def _plan(arguments: Sequence[str], results: Path) -> list[str]:
    options, plan = plan_for(raw_values(arguments), Path.cwd())
    # What is in the cache is known by the versions of the converters that made it.
    venvs = Venvs(json.dumps(as_they_are([environment(CONVERSION)])), {})
    has_converters = venvs.conversion().python is not None
    found = preparation_for(options, venvs if has_converters else _NO_CONVERTERS, plan.loads, lambda _: None)
    return preflight(plan, options, found, plan.loads, results)


def measure(request: str, arguments: Sequence[str], config: str | None, every_s: float) -> dict[str, Any]:
    """Measure in a process of its own, and give back the run.

    Args:
        request: the id by which the run is found again.
        every_s: how often the desk is told what it says.
    """
    place = this_place()
    job = place.job(request)
    job.write(place.command, arguments, config)
    status, error = follow(job, request, every_s)
    return {"status": status, "error": error, "run_id": job.run_id, "run": job.packed()}


def this_place() -> Place:
    """That of the machine on which a task runs."""
    member: Member = get_worker()
    return member.place


def follow(job: Job, topic: str, every_s: float) -> tuple[int, str]:
    """Have a job done, and tell the desk what it says; returns its exit status and what went wrong."""
    worker: Member = get_worker()
    told, at, failure = "", 0.0, ""
    try:
        for said in job.wait():
            if worker.status in _LEAVING:
                # Its process goes on, and is found again by whoever asks for it next.
                failure = f"{worker.place.name} has left its scheduler"
                break
            if said != told and time.monotonic() >= at:
                worker.log_event(topic, {"machine": worker.place.name, "said": said[:_LONGEST]})
                told, at = said, time.monotonic() + every_s
    except MachineError as error:
        # What was measured until then is there.
        failure = str(error)
    return MachineError.exit_status if job.status is None else job.status, failure or job.error
