"""The harness's side of a worker: start it, ask it, watch it, stop it.

A worker may hang, die, or be killed by the system; that costs no more than the cell it was working on.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import IO, Any, Self

from backends.channel import PROTOCOL_VERSION, ChannelClosed, Message, ProtocolError, receive, send
from backends.environment import speed_variables
from bench import processes
from bench.errors import WorkerCrashed, WorkerError, WorkerFailed, WorkerTimeout, WorkerUnsupported
from bench.measure.last_words import last_words, without_module_lists
from bench.measure.verdict import Placement
from bench.observe.memory import starving
from bench.plan.venvs import REMEDY, missing_runtime
from bench.processes import child_environment, end_tree, process_group, working_process

_POLL_S = 0.5
_LAST_WORDS_S = 5.0
_GONE_S = 30.0
_TAIL_BYTES = 4000
_CRASH_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a worker may take before it is stopped, in seconds."""

    start_s: float = 60.0
    open_s: float = 300.0
    load_s: float = 1800.0
    generation_s: float = 1800.0
    close_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Opened:
    """The stack was imported. ``devices`` are :class:`backends.contract.Device` as mappings."""

    import_s: float
    devices: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model was loaded. ``evidence`` is a :class:`backends.contract.Evidence` as a mapping."""

    load_s: float
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Generated:
    """One generation as the worker stamped it; see :class:`backends.worker.Recording`."""

    submitted_ns: int
    stamps_ns: Sequence[int]
    token_ids: Sequence[Sequence[int]]
    cpu_time_ns: int
    details: Mapping[str, Any]

    @property
    def ttft_ns(self) -> int:
        """Step 0 - submitted."""
        return self.stamps_ns[0] - self.submitted_ns

    @property
    def itl_ns(self) -> list[int]:
        """Step k - step k-1, for every k ≥ 1."""
        return [after - before for before, after in zip(self.stamps_ns, self.stamps_ns[1:], strict=False)]

    @property
    def total_ns(self) -> int:
        """Last step - submitted."""
        return self.stamps_ns[-1] - self.submitted_ns


@dataclass(frozen=True, slots=True)
class Region:
    """Called around the timed region: ``begin`` when the worker is ready, ``end`` right after it has finished."""

    begin: Callable[[], None]
    end: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Launch:
    """Additions of a study to how a worker is started: a command before it, such as ``setarch -R``, and variables."""

    prefix: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class WorkerProcess:
    """One worker process. Use as a context manager: whatever happens, the process is gone afterwards.

    Args:
        python: the interpreter of the backend's venv.
        target: ``module:Class`` of the backend.
        scratch: this worker's own folder: its working directory, with its output.
        timeouts: how long each step may take.
        threads: the thread count for numeric libraries, in the environment; ``None`` leaves it.
        launch: what else the process is started with.
        remedy: what to do where the interpreter cannot be started or lacks the stack.

    Its ``pid`` is that of the working interpreter, which is not always the process that was started.

    Raises:
        WorkerError: the process cannot be started, died, or did not come up in time.
    """

    def __init__(
        self,
        python: str,
        target: str,
        scratch: Path,
        *,
        timeouts: Timeouts | None = None,
        threads: int | None = None,
        launch: Launch | None = None,
        remedy: str = REMEDY,
    ) -> None:
        self.target = target
        self.remedy = remedy
        self.timeouts = timeouts or Timeouts()
        self.scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self.log = scratch / "worker.log"
        self._owes_answer = True
        started = time.perf_counter()
        key = secrets.token_bytes(32)
        with Listener(authkey=key) as listener, self.log.open("wb") as log:
            try:
                self.process = _spawn(python, scratch, log, threads, launch or Launch())
            except OSError as error:
                raise WorkerFailed(f"cannot start {python}: {error.strerror}; {remedy}") from error
            try:
                self._greet(listener.address, key)
                self.connection = self._accept(listener)
                hello = self._await("hello", self.timeouts.start_s)
            except BaseException:
                self.kill()
                raise
        self.process_start_s = time.perf_counter() - started
        self.affinity: list[int] | None = hello["affinity"]
        self.environment: dict[str, str] | None = hello.get("environment")
        self.pid = working_process(self.process.pid, hello["pid"])
        if hello["protocol"] != PROTOCOL_VERSION:
            self.kill()
            raise WorkerFailed(f"the worker speaks protocol {hello['protocol']}, the harness {PROTOCOL_VERSION}")

    def open(self) -> Opened:
        """Import the stack."""
        self._ask("open", target=self.target)
        try:
            answer = self._await("opened", self.timeouts.open_s)
        except WorkerFailed as error:
            remedy = missing_runtime(str(error)) or (self.remedy if error.error_type == "ImportError" else None)
            if remedy is None:
                raise
            raise WorkerFailed(f"{error}; {remedy}", error_type=error.error_type) from error
        return Opened(answer["import_s"], answer["devices"])

    def load(
        self, artifact: Path | None, device: str, precision: str, threads: int | None, extra: Mapping[str, Any]
    ) -> Loaded:
        """Load a model."""
        self._ask("load", **self._model(artifact, device, precision, threads, extra))
        answer = self._await("loaded", self.timeouts.load_s)
        return Loaded(answer["load_s"], answer["evidence"])

    def profile(
        self,
        artifact: Path | None,
        device: str,
        precision: str,
        threads: int | None,
        extra: Mapping[str, Any],
        prompt: Sequence[int],
        new_tokens: int,
    ) -> Placement:
        """Have the stack profile one generation of a model that it loads for that alone."""
        model = self._model(artifact, device, precision, threads, extra)
        self._ask("profile", **model, prompt=list(prompt), new_tokens=new_tokens)
        answer = self._await("profiled", self.timeouts.load_s)
        return Placement(answer["provider"], answer["placement"])

    def _model(
        self, artifact: Path | None, device: str, precision: str, threads: int | None, extra: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "artifact": str(artifact or self.scratch),
            "device": device,
            "precision": precision,
            "threads": threads,
            "extra": dict(extra),
        }

    def generate(self, prompts: Sequence[Sequence[int]], new_tokens: int, region: Region | None = None) -> Generated:
        """Run one timed generation."""
        self._ask("generate", prompts=[list(prompt) for prompt in prompts], new_tokens=new_tokens)
        self._await("ready", self.timeouts.generation_s)
        if region is not None:
            region.begin()
        self._ask("go")
        self._await("finished", self.timeouts.generation_s)
        if region is not None:
            region.end()
        answer = self._await("generation", self.timeouts.generation_s)
        return Generated(*(answer[field.name] for field in fields(Generated)))

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def stderr_tail(self) -> str | None:
        """The end of what the process printed; ``None`` if it printed nothing."""
        text = without_module_lists(self._printed()).encode()[-_TAIL_BYTES:]
        return text.decode("utf-8", "replace").strip() or None

    def _printed(self) -> str:
        try:
            data = self.log.read_bytes()[-_CRASH_BYTES:]
        except OSError:
            return ""
        return data.decode("utf-8", "replace")

    def close(self) -> None:
        """Ask the process to end, and make sure that it is gone."""
        # While it still owes an answer it does not read the request.
        if self.alive and not self._owes_answer:
            with contextlib.suppress(ChannelClosed, subprocess.TimeoutExpired):
                send(self.connection, "bye")
                self.process.wait(self.timeouts.close_s)
        self.kill()

    def kill(self) -> None:
        """End the process and all that it started; one that hangs in a driver is left."""
        end_tree(self.process.pid)
        # On Windows a wait without a timeout cannot be interrupted.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_GONE_S)
        if hasattr(self, "connection"):
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _greet(self, address: Any, key: bytes) -> None:
        line = json.dumps({"address": address, "key": key.hex()}) + "\n"
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode("ascii"))
            self.process.stdin.close()
        except OSError as error:
            raise self._died() from error

    def _accept(self, listener: Listener) -> Any:
        accepted: list[Any] = []

        def accept() -> None:
            try:
                accepted.append(listener.accept())
            except (OSError, EOFError, AuthenticationError):
                return

        # accept() takes no timeout, so it runs in a thread; a connection of our own ends it.
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        deadline = time.monotonic() + self.timeouts.start_s
        while thread.is_alive() and self.alive and time.monotonic() < deadline:
            thread.join(0.02)
        if accepted:
            return accepted[0]
        late = self.alive and time.monotonic() >= deadline
        with contextlib.suppress(OSError):
            Client(listener.address).close()
        thread.join(1.0)
        if late:
            self.kill()
            raise self._late("come up", self.timeouts.start_s)
        raise self._died()

    def _ask(self, kind: str, **body: Any) -> None:
        try:
            send(self.connection, kind, **body)
        except ChannelClosed as error:
            raise self._died() from error
        except ProtocolError as error:
            raise WorkerFailed(str(error), error_type="ProtocolError") from error

    def _await(self, kind: str, timeout_s: float) -> Message:
        self._owes_answer = True
        deadline = time.monotonic() + timeout_s
        try:
            while not self.connection.poll(max(0.0, min(_POLL_S, deadline - time.monotonic()))):
                if time.monotonic() >= deadline:
                    self.kill()
                    raise self._late(f"answer with '{kind}'", timeout_s)
                shortage = starving()
                if shortage is not None:
                    self.kill()
                    raise WorkerFailed(
                        f"stopped before the machine ran out of memory: {shortage}", error_type="OutOfMemory"
                    )
            message = receive(self.connection)
            self._owes_answer = False
        except (ChannelClosed, BrokenPipeError) as error:
            raise self._died() from error
        except ProtocolError as error:
            self.kill()
            raise WorkerFailed(f"the worker broke the protocol: {error}") from error
        if message["kind"] == "error":
            refusal = WorkerUnsupported if message.get("unsupported") else WorkerFailed
            raise refusal(str(message["message"]), error_type=str(message["error_type"]))
        if message["kind"] != kind:
            self.kill()
            raise WorkerFailed(f"the worker answered '{message['kind']}' where '{kind}' was due")
        return message

    def _late(self, what: str, timeout_s: float) -> WorkerError:
        ended = "was stopped"
        if self.alive:
            ended = "cannot be ended, as where a driver hangs: restart the machine before measuring on"
        return WorkerTimeout(f"the worker did not {what} within {timeout_s:g} s and {ended}")

    def _died(self) -> WorkerError:
        try:
            code = self.process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return WorkerCrashed("the worker closed its channel without ending and was stopped")
        last = last_words(self._printed())
        words = f"; its last words: {last[:300]}" if last else ""
        return WorkerCrashed(f"the worker died ({processes.exit_in_words(code)}){words}", exit_code=code)


def worker_variables(threads: int | None) -> dict[str, str]:
    """The :func:`backends.environment.speed_variables` that a worker will get; it reports those that it did get."""
    return speed_variables(_environment(threads, {}))


def _environment(threads: int | None, more: Mapping[str, str]) -> dict[str, str]:
    for_threads = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    return child_environment({"PYTHONNOUSERSITE": "1", "PYTHONFAULTHANDLER": "1", **for_threads, **more})


def _spawn(python: str, scratch: Path, log: IO[bytes], threads: int | None, launch: Launch) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*launch.prefix, python, "-m", "backends.worker"],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=scratch,
        env=_environment(threads, launch.environment),
        **process_group(),
    )
