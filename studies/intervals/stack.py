"""One load of a real stack (or of the simulated one), measured in fresh worker processes one at a time."""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from backends.spec import BackendSpec
from bench.errors import UsageError, WorkerFailed
from bench.measure.child_process import Launch
from bench.measure.worker import WorkerProcess
from bench.observe.limits import limits
from bench.observe.machine_conditions import ConditionReader, others_share
from bench.plan.backends import BACKENDS
from bench.plan.values import like
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.model_source import resolve_model
from bench.prepare.prompts import PromptBook, PromptKey
from bench.prepare.stage import Preparer

DEVICE = "CPU"


@dataclass(frozen=True, slots=True)
class Request:
    """What each process is asked.

    Args:
        prompt_tokens: ids of each prompt.
        new_tokens: tokens per answer, two at least.
        warmups: answers before those that count.
        repeats: answers that count.
    """

    prompt_tokens: int = 64
    new_tokens: int = 32
    warmups: int = 2
    repeats: int = 5


@dataclass(frozen=True, slots=True)
class Target:
    """What is loaded, and by which interpreter.

    Args:
        artifact: ``None`` for a backend without a model.
        threads: CPU threads to compute with.
        book: where prompts are cut from.
        options: load options.
    """

    spec: BackendSpec
    python: str
    artifact: Path | None
    precision: str
    threads: int
    book: PromptBook
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """How a process is started and treated.

    Args:
        launch: what it is started with.
        cpus: the logical CPUs that it may run on; ``None`` leaves that to the system.
        threads: in place of the target's.
        read_first: the artifact is read right before, so that its pages are in memory.
        kept: one process stays for the whole study and is asked again each time, so that only time goes by.
        urgent: the system serves it before all ordinary processes; Linux asks for the right to.
    """

    launch: Launch = field(default_factory=Launch)
    cpus: tuple[int, ...] | None = None
    threads: int | None = None
    read_first: bool = False
    kept: bool = False
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Medians:
    """Of one process: medians over its answers, in ms, and what else the CPUs did meanwhile.

    Args:
        ttft_ms: time to first token.
        tpot_ms: time per output token.
        others: share of the CPU time of all logical CPUs that went to other processes than the worker and this one.
        stolen: share that the hypervisor gave to other guests; both are ``None`` where they are not known.
    """

    ttft_ms: float
    tpot_ms: float
    others: float | None = None
    stolen: float | None = None


def find_target(
    backend: str, precision: str | None, model: str, options: Sequence[str], say: Callable[[str], None]
) -> Target:
    """Find the interpreter, and prepare the artifact and the prompts.

    Args:
        backend: its name.
        precision: the weight format; ``None`` for the first that it takes by default.
        model: as ``--model`` takes it.
        options: load options as ``BACKEND.KEY=VALUE``.
        say: is told what is being made.

    Raises:
        UsageError: the stack is not there.
    """
    spec = BACKENDS[backend]
    wanted = precision or spec.default_precisions[0]
    venvs = Venvs.from_environment({})
    venv = venvs.backend(spec, DEVICE)
    if venv.python is None:
        raise UsageError(f"{backend} cannot be measured: {venv.reason}")
    shape = {"prompt_tokens": Request().prompt_tokens, "new_tokens": Request().new_tokens}
    told = spec.load_options(DEVICE, wanted, shape, _typed(spec, options))
    threads = limits().default_threads
    if spec.artifact_format == "none":
        return Target(spec, venv.python, None, wanted, threads, PromptBook.made_up(), told)
    conversion = venvs.conversion()
    if conversion.python is None:
        raise UsageError(f"{backend} needs a model: {conversion.reason}")
    preparer = Preparer(resolve_model(model), conversion_python=conversion.python, cache=cache_root(), say=say)
    artifact = preparer.artifact(spec.artifact_format, spec.stored_precision(wanted), DEVICE).path
    return Target(spec, venv.python, artifact, wanted, threads, preparer.prompts(), told)


def _typed(spec: BackendSpec, options: Sequence[str]) -> dict[str, Any]:
    typed = {}
    for given in options:
        name, _, value = given.removeprefix(f"{spec.name}.").partition("=")
        if name not in spec.options:
            has = ", ".join(spec.options) or "none"
            raise UsageError(f"--load-option {given}: expected {spec.name}.KEY=VALUE with a KEY of {has}")
        typed[name] = like(spec.options[name].default, value, f"--load-option {given}")
    return typed


def measure_process(target: Target, start: Start, request: Request, number: int) -> Medians:
    """Start a process, load, warm up, ask, and let it end.

    Args:
        target: what is loaded.
        start: how the process is started.
        request: what it is asked.
        number: of the process; chooses its prompts.

    Raises:
        WorkerError: it could not be done.
    """
    with started(target, start) as worker:
        return ask(worker, target, request, number)


@contextlib.contextmanager
def started(target: Target, start: Start) -> Iterator[WorkerProcess]:
    """A process that has loaded its model.

    Raises:
        WorkerError: it could not be done.
    """
    threads = start.threads or target.threads
    if start.read_first and target.artifact is not None:
        _read(target.artifact)
    with (
        tempfile.TemporaryDirectory(prefix="aipc-study-", ignore_cleanup_errors=True) as scratch,
        WorkerProcess(target.python, target.spec.target, Path(scratch), threads=threads, launch=start.launch) as worker,
    ):
        # Before the stack is imported, so that all of its threads inherit it.
        if start.cpus is not None:
            _pin(worker.pid, start.cpus)
        if start.urgent:
            _hurry(worker.pid)
        worker.open()
        worker.load(target.artifact, DEVICE, target.precision, threads, target.options)
        yield worker


def ask(worker: WorkerProcess, target: Target, request: Request, number: int) -> Medians:
    """Warm up and ask.

    Raises:
        WorkerError: it could not be done.
    """
    keys = [PromptKey(request.prompt_tokens, ordinal, 0) for ordinal in range(-request.warmups, request.repeats)]
    prompts = target.book.prompts_for_visit(number, keys)
    conditions = ConditionReader()
    before = conditions.read(worker.pid)
    answers = [worker.generate([prompts[key].ids], request.new_tokens) for key in keys][request.warmups :]
    after = conditions.read(worker.pid)
    cpu = after.cpu.since(before.cpu)
    ttft = statistics.median(answer.ttft_ns for answer in answers)
    tpot = statistics.median(statistics.fmean(answer.itl_ns) for answer in answers)
    others = others_share(before, after)
    stolen = cpu.stolen_s / cpu.capacity_s if others is not None and cpu.stolen_s is not None else None
    return Medians(ttft / 1e6, tpot / 1e6, others, stolen)


def _pin(pid: int, cpus: tuple[int, ...]) -> None:
    process = psutil.Process(pid)
    try:
        # A system without such a call has no such method.
        process.cpu_affinity(list(cpus))
    except (AttributeError, OSError, ValueError, psutil.Error) as error:
        raise WorkerFailed(f"cannot be kept to the CPUs {', '.join(map(str, cpus))}: {error}") from error


def _hurry(pid: int) -> None:
    first = -20
    if sys.platform == "win32":
        first = psutil.HIGH_PRIORITY_CLASS
    try:
        psutil.Process(pid).nice(first)
    except (OSError, psutil.Error) as error:
        raise WorkerFailed(f"cannot be put before other processes: {error}") from error


def _read(artifact: Path) -> None:
    files = [artifact] if artifact.is_file() else [path for path in artifact.rglob("*") if path.is_file()]
    for path in files:
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
