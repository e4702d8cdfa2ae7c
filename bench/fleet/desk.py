"""The desk: asks machines to measure, waits for each, and takes what comes back."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Future, Security
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.scheduler import KilledWorker

from backends.contract import one_line
from bench.errors import BenchError, MachineError, UsageError
from bench.fleet.artifacts import fetch, prepare
from bench.fleet.certificates import NAME
from bench.fleet.connection import connect, explained
from bench.fleet.machine import ALONE, describe, labels_in, measure, own_resource

Say = Callable[[str], None]
ALL = "all"
_POLL_S = 1.0
_AGAIN_S = 3.0
_FETCH_S = 60.0
"""How long a result may take from its machine to the desk; one whose machine goes meanwhile comes later, with it."""
_NO_SCHEDULER = (OSError, FutureCancelledError, ClosedClientError, RuntimeError)
"""What is raised where the scheduler is lost; what a machine's task raises comes as its ``exception()``."""


@dataclass(frozen=True, slots=True)
class Request:
    """What every machine is asked for; ``id``: by which machines find the run again that they have begun for it."""

    id: str
    arguments: tuple[str, ...]
    config: str | None


@dataclass(slots=True)
class Machine:
    """A machine that is asked.

    Args:
        described: whether it has said what it would do.
        away_since: since when it has not been there, by the monotonic clock; ``None`` where it is.
        silent_at: the address at which it does not answer the scheduler that lists it; ``None`` where it does.
        answer: what it gave back, see :func:`bench.fleet.machine.measure`; ``None`` until then.
        why_not: why it gives nothing; ``None`` where it does, or may.
    """

    name: str
    labels: tuple[str, ...] = ()
    described: bool = False
    away_since: float | None = None
    silent_at: str | None = None
    future: Future | None = None
    answer: Mapping[str, Any] | None = None
    why_not: str | None = None

    @property
    def open(self) -> bool:
        """Whether something of it is still to come."""
        return self.answer is None and self.why_not is None


Present = Mapping[str, tuple[str, tuple[str, ...]]]
"""Name of a machine -> its address and labels."""


def present(dask_scheduler: Any) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The machines that are there; runs at the scheduler."""
    workers = dask_scheduler.workers.values()
    return {str(one.name): (one.address, labels_in(one.resources)) for one in workers if ALONE in one.resources}


def chosen(wanted: Sequence[str], there: Present) -> list[Machine]:
    """The machines that are meant by names, labels and ``all``; one that is not there by its name alone.

    Raises:
        UsageError: none is.
    """
    names: list[str] = []
    for one in wanted:
        labelled = [name for name, (_, labels) in sorted(there.items()) if one == ALL or one in labels]
        names += labelled if labelled and one not in there else [one]
    names = [name for name in dict.fromkeys(names) if name != ALL]
    if not names:
        raise UsageError("--on all: no machine has joined; start `nox -s fleet -- worker` on each, or name them")
    if odd := [name for name in names if not NAME.fullmatch(name)]:
        raise UsageError(f"--on: {odd[0]!r} cannot name a machine")
    return [Machine(name, there[name][1] if name in there else ()) for name in names]


@dataclass(slots=True)
class Desk:
    """Sends one request to machines by a scheduler, follows their progress, and collects their answers.

    :meth:`choose` finds the machines, :meth:`prepare` copies artifacts to them, :meth:`measure` waits for all answers.
    The scheduler and the machines may go away and come back meanwhile.

    Args:
        wait_s: for how long a machine may be away before it is given up.
        take: is called with each machine when its answer is there, or it is known to give none.
    """

    address: str
    security: Security
    request: Request
    wait_s: float
    say: Say
    take: Callable[[Machine], None]
    machines: list[Machine] = field(default_factory=list)

    def choose(self, wanted: Sequence[str]) -> None:
        """Find the machines of ``wanted``.

        Raises:
            BenchError: there are none, or no scheduler.
        """
        with connect(self.address, self.security) as client, explained(self.address):
            there = client.run_on_scheduler(present)
        self.machines = chosen(wanted, there)
        for name in sorted({one.name for one in self.machines} - set(there)):
            here = ", ".join(sorted(there)) or "none"
            self.say(f"{name:<10} is away; it is waited for (machines that are there: {here})")

    def prepare(self, source: str) -> None:
        """Have ``source`` convert what the sweep needs, and the other machines that are there copy it.

        Raises:
            MachineError: it is away, goes for longer than ``wait_s``, or cannot convert anything, or the scheduler is
                lost. What another machine cannot copy it makes itself.
        """
        try:
            with connect(self.address, self.security) as client:
                client.subscribe_topic(self.request.id, self._progress)
                there = client.run_on_scheduler(present)
                if source not in there:
                    raise MachineError(f"--prepare-once: {source} is away")
                task = self._at(client, source, prepare, *self._asked(every_s=5.0))
                try:
                    told = self._outcome(client, source, task)
                except MachineError as error:
                    raise MachineError(f"--prepare-once: {source} {error}") from error
                if told["status"]:
                    self.say(f"{source:<10} could not prepare all: {told['error']}")
                self.say(f"{source:<10} has {len(told['artifacts'])} artifacts ready")
                others = [one.name for one in self.machines if one.name != source and one.name in there]
                copies = {
                    name: self._at(client, name, fetch, source, told["artifacts"], self.wait_s) for name in others
                }
                for name, copy in copies.items():
                    try:
                        got = self._outcome(client, name, copy)
                        said = f"has copied {got['artifacts']} artifacts, {got['bytes'] / 1e9:.2f} GB"
                    except MachineError as error:
                        said = f"copies nothing, and makes what it lacks itself: {error}"
                    self.say(f"{name:<10} {said}")
        except _NO_SCHEDULER as error:
            raise MachineError(f"--prepare-once: the scheduler was lost ({one_line(error)}): ask again") from error

    def _asked(self, every_s: float) -> tuple[object, ...]:
        """What :func:`prepare` and :func:`measure` are told."""
        return self.request.id, self.request.arguments, self.request.config, every_s

    @staticmethod
    def _at(client: Client, name: str, task: Callable[..., object], *arguments: object) -> Future:
        return client.submit(
            task,
            *arguments,
            key=f"{task.__name__}-{name}-{time.time_ns()}",
            resources={ALONE: 1, own_resource(name): 1},
            pure=False,
        )

    def _outcome(self, client: Client, name: str, task: Future) -> Any:
        """Wait for what a machine gives.

        Raises:
            MachineError: it gives nothing.
        """
        seen = time.monotonic()
        while True:
            if task.done():
                if (error := task.exception()) is not None:
                    raise MachineError(_in_words(error))
                with suppress(TimeoutError):
                    return task.result(timeout=_FETCH_S)
            now = time.monotonic()
            if name in client.run_on_scheduler(present):
                seen = now
            elif now - seen >= self.wait_s:
                task.cancel(force=True)
                raise MachineError(f"was away for {self.wait_s:g} s, and is given up")
            time.sleep(_POLL_S)

    def measure(self) -> None:
        """Have all machines measure, until each has answered or has been away for too long."""
        lost = False
        while any(one.open for one in self.machines):
            try:
                with connect(self.address, self.security) as client:
                    if lost:
                        self.say("the scheduler is back")
                    lost = False
                    client.subscribe_topic(self.request.id, self._progress)
                    self._follow(client)
            except (*_NO_SCHEDULER, MachineError) as error:
                # What machines measure meanwhile is there when they are reached again.
                if not lost:
                    self.say(f"the scheduler cannot be reached, and is waited for: {one_line(error)}")
                lost = True
                for one in self.machines:
                    one.future = None
                self._see({}, "was without a scheduler")
                time.sleep(_AGAIN_S)

    def _follow(self, client: Client) -> None:
        while open_ones := [one for one in self.machines if one.open]:
            there = client.run_on_scheduler(present)
            self._see(there, "was away")
            for one in open_ones:
                if one.open and one.future is None and one.name in there:
                    self._ask(client, one, *there[one.name])
                elif one.open and one.future is not None and one.future.done():
                    self._answered(one, one.future)
            time.sleep(_POLL_S)

    def _see(self, there: Present, missing: str) -> None:
        """Note which machines have gone or come back, and give up those that are away for longer than ``wait_s``.

        ``missing``: what is said of one that is not there.
        """
        now = time.monotonic()
        for one in (one for one in self.machines if one.open):
            if one.name not in there:
                one.silent_at = None
            elif one.silent_at is None:
                if one.away_since is not None and one.future is not None:
                    self.say(f"{one.name:<10} is back")
                one.away_since = None
                continue
            if one.away_since is None:
                one.away_since = now
                if one.future is not None:
                    self.say(f"{one.name:<10} is away, and is waited for")
            elif now - one.away_since >= self.wait_s:
                one.why_not = f"{missing} for {self.wait_s:g} s, and is given up"
                if one.silent_at is not None:
                    one.why_not = (
                        f"did not answer the scheduler at {one.silent_at} for {self.wait_s:g} s, and is given up: see "
                        "that no firewall keeps the port of its worker closed (`fleet -- worker --port`)"
                    )
                if one.future is not None:
                    one.future.cancel(force=True)
                self.say(f"{one.name:<10} {one.why_not}")

    def _ask(self, client: Client, one: Machine, address: str, labels: tuple[str, ...]) -> None:
        request = self.request
        if not one.described:
            # The scheduler calls the machine here: what it raises is of the machine, and not of the scheduler.
            answers = client.run(describe, request.arguments, request.config, workers=[address], on_error="return")
            told = answers[address]
            if isinstance(told, OSError):
                if one.silent_at != address:
                    self.say(f"{one.name:<10} does not answer the scheduler, and is waited for: {one_line(told)}")
                one.silent_at = address
                return
            one.described, one.labels, one.silent_at = True, labels, None
            for line in [f"cannot plan it: {one_line(told)}"] if isinstance(told, Exception) else told:
                self.say(f"{one.name:<10} {line}")
        one.future = self._at(client, one.name, measure, *self._asked(every_s=max(5.0, len(self.machines) / 2)))

    def _answered(self, one: Machine, future: Future) -> None:
        if future.cancelled():
            raise ConnectionError("the connection to the scheduler was lost")
        error = future.exception()
        if error is None:
            try:
                one.answer = future.result(timeout=_FETCH_S)
            except TimeoutError:
                return
        else:
            one.why_not = _in_words(error)
        # The scheduler and the machine need not keep it.
        future.release()
        if one.why_not is not None:
            self.say(f"{one.name:<10} {one.why_not}")
        self.take(one)

    def _progress(self, event: tuple[float, Mapping[str, str]]) -> None:
        told = event[1]
        self.say(f"{told['machine']:<10} {told['said']}")


def _in_words(error: BaseException) -> str:
    """Why what a machine was asked for failed."""
    if isinstance(error, KilledWorker):
        return "vanished again and again: see whether it crashes"
    return str(error) if isinstance(error, BenchError) else f"failed: {type(error).__name__}: {error}"
