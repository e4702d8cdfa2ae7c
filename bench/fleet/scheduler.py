"""The scheduler of a lab: the engine's own, with its dashboard, which machines join."""

from collections.abc import Callable
from typing import Any

from distributed import Scheduler, Security
from distributed.diagnostics.plugin import SchedulerPlugin

from bench.errors import MachineError
from bench.fleet.connection import METADATA, configure, start_failure, version

Say = Callable[[str], None]


class Members(SchedulerPlugin):  # type: ignore[misc]
    """Says which machines come and go."""

    name = "aipc-bench-members"

    def __init__(self, say: Say) -> None:
        self._say = say
        self._names: dict[str, str] = {}

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """A machine has joined."""
        self._names[worker] = str(scheduler.workers[worker].name)
        self._say(f"joined     {self._names[worker]}, from {worker}")

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:  # noqa: ARG002 - the engine's signature
        """A machine has gone."""
        self._say(f"left       {self._names.pop(worker, worker)}")


async def serve(address: str, security: Security, dashboard: str | None, say: Say) -> None:
    """Let machines and desks come until the process is ended.

    ``dashboard``: where its dashboard is shown, as ``HOST:PORT``; ``None`` for none.

    Raises:
        MachineError: it cannot listen there.
    """
    configure()
    try:
        scheduler = await Scheduler(
            host=address,
            security=security,
            dashboard=dashboard is not None,
            # Whether it is alive is served in any case, and without encryption.
            dashboard_address=dashboard or "127.0.0.1:0",
        )
    except (OSError, RuntimeError) as error:
        raise MachineError(f"no scheduler can listen at {address}: {start_failure(error)}") from error
    async with scheduler:
        scheduler.task_metadata[METADATA] = version()
        scheduler.add_plugin(Members(say))
        say(f"scheduler  {scheduler.address}")
        if dashboard is not None:
            say(f"dashboard  http://{scheduler.http_server.address}:{scheduler.http_server.port}/status")
        await scheduler.finished()
