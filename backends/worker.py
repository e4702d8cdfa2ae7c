"""The worker: one process, one backend, one load; it stamps every step and reports what it stamped.

Started as ``python -m backends.worker`` in the backend's own venv, with one line of JSON on standard input that names
the harness's address and key. The order of messages, harness on the left::

                                       hello        protocol, pid, python, affinity, environment
    open      target                   opened       import_s, devices       imports the stack
    load      artifact, device, …      loaded       load_s, evidence
    generate  prompts, new_tokens      ready                                everything is in memory
    go                                 finished                             the timed region lies between these two
                                       generation   stamps, ids, …
    profile   artifact, device, …      profiled     placement, provider     in place of load, never beside a timing
    score     artifact, device, …      scored       texts                   likewise
    bye

Any request may be answered by ``error`` instead. All stamps come from ``time.perf_counter_ns``.
"""

import gc
import importlib
import json
import locale
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any, cast

from backends.channel import PROTOCOL_VERSION, ChannelClosed, Line, Message, receive, send
from backends.contract import (
    Backend,
    BackendError,
    GenerationDetails,
    LoadOptions,
    ProfilingBackend,
    ScoringBackend,
    ScoringSession,
    Session,
    StepCountError,
    Text,
    UnsupportedError,
    one_line,
)
from backends.process import (
    cap_memory,
    end_children_too,
    end_with_harness,
    first_to_end,
    full_speed,
    leave_network,
    unattended,
    usable_cpus,
)
from backends.reasons import in_one_line
from backends.speed_variables import speed_variables

_SPARE_STEPS = 64
"""Room for a stack that answers with more steps than asked, so that it is told apart from a fault of ours."""

_BARE = (LookupError, AttributeError, AssertionError, NameError, TypeError, MemoryError, OverflowError)
"""Errors whose text alone, such as ``'vocab_size'``, does not say what is wrong."""

_LONGEST_MESSAGE = 4000
"""In bytes; what is longer is not an error message but a file that cannot be decoded."""


@dataclass(slots=True)
class Recording:
    """What one generation left behind.

    Args:
        submitted_ns: stamped just before the request was handed over.
        stamps_ns: one stamp per step, as the first action when its ids were on the host.
        token_ids: per step, one id per sequence of the batch.
        cpu_time_ns: CPU time of this process, all threads, over the timed region.
    """

    submitted_ns: int
    stamps_ns: list[int]
    token_ids: list[list[int]]
    cpu_time_ns: int
    details: GenerationDetails = field(default_factory=GenerationDetails)


def timed_generation(
    session: Session, prompts: Sequence[Sequence[int]], new_tokens: int, ready: Any = None
) -> Recording:
    """Run one generation and stamp each step; ``ready`` is called just before the timed region.

    Raises:
        StepCountError: the stack took more or fewer steps.
    """
    clock = time.perf_counter_ns
    stamps = [0] * (new_tokens + _SPARE_STEPS)
    ids: list[Sequence[int]] = [()] * (new_tokens + _SPARE_STEPS)
    step = 0

    def on_step(token_ids: Sequence[int]) -> None:
        nonlocal step
        stamps[step] = clock()
        ids[step] = token_ids
        step += 1

    gc.collect()
    if ready is not None:
        ready()
    cpu_before = time.process_time_ns()
    submitted = clock()
    try:
        details = session.generate(prompts, new_tokens, on_step)
    except IndexError as error:
        if step < len(stamps):
            raise
        raise StepCountError(f"asked for {new_tokens} steps, the stack did not stop after {step}") from error
    cpu_time = time.process_time_ns() - cpu_before
    if step != new_tokens:
        raise StepCountError(f"asked for {new_tokens} steps, the stack answered with {step}")
    token_ids = [[int(token) for token in row] for row in ids[:step]]
    if any(len(row) != len(prompts) for row in token_ids):
        raise StepCountError(f"asked for {len(prompts)} ids per step, the stack answered with another number")
    return Recording(submitted, stamps[:step], token_ids, cpu_time, details)


class Worker:
    """Answers the harness's requests, one after the other."""

    def __init__(self, connection: Line) -> None:
        self.connection = connection
        self.backend: Backend | None = None
        self.session: Session | None = None

    def greet(self) -> None:
        send(
            self.connection,
            "hello",
            protocol=PROTOCOL_VERSION,
            pid=os.getpid(),
            python=sys.version.split()[0],
            affinity=usable_cpus(),
            environment=speed_variables(os.environ),
        )

    def serve(self) -> None:
        while True:
            request = receive(self.connection)
            if request["kind"] == "bye":
                break
            try:
                self.answer(request)
            except ChannelClosed:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a stack raises is a row, not the end of the worker
                self.refuse(error)
        if self.session is not None:
            self.session.close()

    def answer(self, request: Message) -> None:
        match request["kind"]:
            case "open":
                self.open(request["target"])
            case "load":
                self.load(request)
            case "generate":
                self.generate(request["prompts"], request["new_tokens"])
            case "profile":
                self.profile(request)
            case "score":
                self.score(request)
            case other:
                raise ValueError(f"no such request: {other}")

    def refuse(self, error: Exception) -> None:
        """Say what went wrong; the traceback goes to standard error, where the harness keeps its tail."""
        traceback.print_exception(error)
        send(
            self.connection,
            "error",
            error_type=type(error).__name__,
            message=_message(error),
            unsupported=isinstance(error, UnsupportedError),
        )

    def open(self, target: str) -> None:
        module_name, _, class_name = target.partition(":")
        before = time.perf_counter_ns()
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            # What to do about it depends on who chose the interpreter, which the harness knows.
            raise ImportError(f"cannot import {module_name} with {sys.executable}: {error}") from error
        self.backend = getattr(module, class_name)()
        import_ns = time.perf_counter_ns() - before
        send(self.connection, "opened", import_s=import_ns / 1e9, devices=[asdict(d) for d in self.backend.devices()])

    def load(self, request: Message) -> None:
        stack, options = self._opened(request), _load_options(request)
        before = time.perf_counter_ns()
        self.session = stack.load(Path(request["artifact"]), request["device"], options)
        load_ns = time.perf_counter_ns() - before
        send(self.connection, "loaded", load_s=load_ns / 1e9, evidence=asdict(self.session.evidence()))

    def profile(self, request: Message) -> None:
        stack, options = cast("ProfilingBackend", self._opened(request)), _load_options(request)
        provider, placement = stack.profile(
            Path(request["artifact"]), request["device"], options, request["prompt"], request["new_tokens"]
        )
        send(self.connection, "profiled", placement=dict(placement), provider=provider)

    def score(self, request: Message) -> None:
        """Have the stack score texts, and compare what it thinks of them with a reference."""
        from backends.scoring import Reference, score_texts  # noqa: PLC0415 - a worker that is timed does without numpy

        stack, options = self._opened(request), _load_options(request)
        artifact, device = Path(request["artifact"]), request["device"]
        texts = [Text(**text) for text in request["texts"]]
        reference = None if request["reference"] is None else Reference.read(Path(request["reference"]))
        if hasattr(stack, "score"):
            scores = cast("ScoringBackend", stack).score(artifact, device, options, texts)
        else:
            self.session = stack.load(artifact, device, options)
            scores = cast("ScoringSession", self.session).score(texts)
        scored = score_texts(scores, texts, reference, request["seconds"])
        send(self.connection, "scored", texts=[asdict(one) for one in scored])

    def _opened(self, request: Message) -> Backend:
        """The backend that is to load a model, from here on under the cap on memory."""
        if self.backend is None:
            raise RuntimeError(f"{request['kind']} came before open")
        if request.get("memory_cap") is not None:
            cap_memory(request["memory_cap"])
        return self.backend

    def generate(self, prompts: list[list[int]], new_tokens: int) -> None:
        """Run one timed generation, with a handshake around the timed region."""
        if self.session is None:
            raise RuntimeError("generate came before load")

        def wait_for_go() -> None:
            # All is in memory: the observer now reads its counters.
            send(self.connection, "ready")
            if receive(self.connection)["kind"] != "go":
                raise RuntimeError("the harness did not say go")

        recording = timed_generation(self.session, prompts, new_tokens, wait_for_go)
        send(self.connection, "finished")
        send(self.connection, "generation", **asdict(recording))


def _load_options(request: Message) -> LoadOptions:
    return LoadOptions(request["precision"], request["threads"], request["extra"])


def _message(error: Exception) -> str:
    """The text of an error in one line, with its type where that is half of what it says.

    A library's message may hold one of the system's in the user's language, which is not UTF-8 on Windows: what is
    raised then is that it cannot be decoded.
    """
    if isinstance(error, BackendError):
        return str(error)
    if isinstance(error, UnicodeDecodeError) and len(error.object) <= _LONGEST_MESSAGE:
        return in_one_line(error.object.decode(locale.getencoding(), "replace"))
    words = one_line(error)
    return f"{type(error).__name__}: {words}" if isinstance(error, _BARE) and str(error) else words


def main() -> None:
    """Connect to the harness and serve it."""
    unattended()
    first_to_end()
    end_children_too()
    greeting = json.loads(sys.stdin.readline())
    full_speed()
    with Client(greeting["address"], authkey=bytes.fromhex(greeting["key"])) as connection:
        worker = Worker(connection)
        try:
            # Its start is timed until here. From another network the harness cannot be reached any more.
            worker.greet()
            leave_network()
            end_with_harness()
            worker.serve()
        except ChannelClosed:
            sys.exit("the harness is gone")


if __name__ == "__main__":
    main()
