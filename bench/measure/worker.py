"""The harness's side of the protocol: the questions to a worker, and its answers."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from backends.channel import PROTOCOL_VERSION, ChannelClosed, Message, ProtocolError, receive, send
from bench.errors import WorkerError, WorkerFailed, WorkerUnsupported
from bench.measure.child_process import MESSAGE_S, ChildProcess, Launch
from bench.measure.verdict import Placement
from bench.observe.memory import refused_by_cap, starving
from bench.plan.venvs import REMEDY, missing_runtime
from bench.processes import working_process

_POLL_S = 0.5


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


class WorkerProcess(ChildProcess):
    """One worker process. Use as a context manager: whatever happens, the process is gone afterwards.

    Args:
        target: ``module:Class`` of the backend.
        scratch: this worker's own folder: its working directory, with its output.
        threads: the thread count for numeric libraries, in the environment; ``None`` leaves it.
        memory_cap: the most memory that it may take for a model, in bytes; ``None`` for no cap.
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
        memory_cap: int | None = None,
        launch: Launch | None = None,
        remedy: str = REMEDY,
    ) -> None:
        self.target = target
        self.remedy = remedy
        self.memory_cap = memory_cap
        self.timeouts = timeouts or Timeouts()
        self._owes_answer = True
        started = time.perf_counter()
        super().__init__(python, scratch, self.timeouts.start_s, threads, launch or Launch(), remedy)
        try:
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
        self._ask("load", **self._model(artifact, device, precision, threads, extra))
        answer = self._await("loaded", self.timeouts.load_s)
        return Loaded(answer["load_s"], answer["evidence"])

    def profile(self, *model: Any, prompt: Sequence[int], new_tokens: int) -> Placement:
        """Have the stack profile one generation of a model, given as for :meth:`load`, that it loads for that alone."""
        self._ask("profile", **self._model(*model), prompt=list(prompt), new_tokens=new_tokens)
        answer = self._await("profiled", self.timeouts.load_s)
        return Placement(answer["provider"], answer["placement"])

    def score(
        self, *model: Any, texts: Sequence[Mapping[str, Any]], reference: Path | None, seconds: float
    ) -> Sequence[Mapping[str, Any]]:
        """Have the stack score texts with a model, given as for :meth:`load`, that it loads for that alone.

        Args:
            texts: :class:`backends.contract.Text` as mappings.
            reference: the file of a reference to compare with.
            seconds: after which the worker asks the stack for no more.

        Returns:
            :class:`backends.scoring.Scored` as mappings, of the texts that were reached.
        """
        where = None if reference is None else str(reference)
        self._ask("score", **self._model(*model), texts=list(texts), reference=where, seconds=seconds)
        answer = self._await("scored", self.timeouts.load_s + self.timeouts.generation_s)
        found: Sequence[Mapping[str, Any]] = answer["texts"]
        return found

    def _model(
        self, artifact: Path | None, device: str, precision: str, threads: int | None, extra: Mapping[str, Any]
    ) -> dict[str, Any]:
        model = {"artifact": str(artifact or self.scratch), "device": device, "precision": precision}
        return {**model, "threads": threads, "extra": dict(extra), "memory_cap": self.memory_cap}

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        new_tokens: int,
        begin: Callable[[], object] | None = None,
        end: Callable[[], object] | None = None,
    ) -> Generated:
        """Run one timed generation; ``begin`` is called when the worker is ready, ``end`` when it has finished."""
        self._ask("generate", prompts=[list(prompt) for prompt in prompts], new_tokens=new_tokens)
        self._await("ready", self.timeouts.generation_s)
        if begin is not None:
            begin()
        self._ask("go")
        self._await("finished", self.timeouts.generation_s)
        if end is not None:
            end()
        answer = self._await("generation", self.timeouts.generation_s)
        return Generated(*(answer[field.name] for field in fields(Generated)))

    def close(self) -> None:
        # While it still owes an answer it does not read the request.
        if self.alive and not self._owes_answer:
            with contextlib.suppress(ChannelClosed, subprocess.TimeoutExpired):
                send(self.connection, "bye")
                self.process.wait(self.timeouts.close_s)
        self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, kind: str, **body: Any) -> None:
        try:
            send(self.connection, kind, **body)
        except ChannelClosed as error:
            if isinstance(error.__cause__, BlockingIOError):
                self.kill()
                raise self._late(f"take the request '{kind}'", MESSAGE_S) from error
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
            raise self._with_cap(self._died()) from error
        except ProtocolError as error:
            self.kill()
            raise WorkerFailed(f"the worker broke the protocol: {error}") from error
        if message["kind"] == "error":
            refusal = WorkerUnsupported if message.get("unsupported") else WorkerFailed
            raise self._with_cap(refusal(str(message["message"]), error_type=str(message["error_type"])))
        if message["kind"] != kind:
            self.kill()
            raise WorkerFailed(f"the worker answered '{message['kind']}' where '{kind}' was due")
        return message

    def _with_cap(self, error: WorkerError) -> WorkerError:
        """``error``; where memory was refused to a worker that has a cap, with how large that is."""
        why = None if self.memory_cap is None else refused_by_cap(str(error), self.memory_cap)
        if why is None:
            return error
        return type(error)(f"{error}; {why}", error_type="OutOfMemory", exit_code=error.exit_code)
