"""What is known of a run, of a load and of a worker while it is being measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.spec import hardware_of
from bench.errors import WorkerError
from bench.measure.verdict import Counters, Placement, Verdict, judge
from bench.measure.worker import Loaded, Timeouts, WorkerProcess
from bench.observe.clocks import Moment
from bench.observe.gauges import Gauged, Gauges, Instruments
from bench.observe.machine_conditions import Conditions, Watched
from bench.observe.memory import MemoryUse
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venv
from bench.prepare.cache import Artifact

Unsettled = Callable[[str, str, int, int], None]
"""Takes the cell key, the load id, the block, and how many warm-ups were run."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to start and load, or why it cannot be done.

    Args:
        venv: the backend's interpreter, or why there is none.
        artifact: ``None`` for a backend without a model.
        broken: why the artifact could not be made, or must not be used.
        unsupported: why this machine cannot run it, as far as that is known before the worker is asked.
        refused: why its stack takes no such model, as its converter says.
    """

    venv: Venv
    artifact: Artifact | None = None
    broken: str | None = None
    unsupported: str | None = None
    refused: str | None = None

    @property
    def why_not(self) -> str | None:
        """Why nothing can be loaded, as far as that is known; ``None`` where it may be."""
        known = self.broken or self.refused or self.unsupported
        return known or (self.venv.reason if self.venv.python is None else None)

    @property
    def path(self) -> Path | None:
        return self.artifact.path if self.artifact is not None else None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What every row of a run shares, and how its workers are started and watched.

    Args:
        memory_cap_bytes: the most memory that a worker may take, without its model's files; ``None`` for no cap.
        embedding_share: of the model's parameters, in its embedding and its output layer.
        watched: takes the conditions of the machine before and after each visit.
        unsettled: takes each series that had not settled when its warm-ups were used up.
    """

    machine_id: str
    model: str
    model_digest: str | None
    threads: int | None
    timeouts: Timeouts
    scratch: Path
    memory_cap_bytes: int | None = None
    embedding_share: float = 0.0
    stopping: Callable[[], bool] = lambda: False
    instruments: Instruments = field(default_factory=Instruments)
    watched: Callable[[Watched], None] = lambda _: None
    unsettled: Unsettled = lambda *_: None
    say: Callable[[str], None] = lambda _: None


def start_worker(load: Load, plan: LoadPlan, facts: RunFacts, scratch: Path) -> WorkerProcess:
    """A worker for ``load``, whose venv has to be there.

    On other devices than the CPU it has no cap on memory, since what their drivers reserve is no measure of what is
    used. Files of the model may be mapped beside what it takes, since the system can take these back.
    """
    assert plan.venv.python is not None
    cap = facts.memory_cap_bytes if hardware_of(load.device) == "CPU" else None
    if cap is not None and plan.artifact is not None:
        cap += plan.artifact.bytes
    return WorkerProcess(
        plan.venv.python,
        BACKENDS[load.backend].target,
        scratch,
        timeouts=facts.timeouts,
        threads=facts.threads,
        memory_cap=cap,
        remedy=plan.venv.remedy,
    )


@dataclass(slots=True)
class Attempt:
    """One worker process and what is known of it so far.

    Args:
        number: 1 for the first process of a visit, 2 for the one after a crash, ….
        devices: :class:`backends.contract.Device` as mappings, of all that the stack lists.
        first_request: prompt tokens, new tokens and batch size of the first generation.
    """

    load_id: str
    number: int
    started: Moment
    worker: WorkerProcess | None = None
    import_s: float | None = None
    devices: Sequence[Mapping[str, Any]] = ()
    loaded: Loaded | None = None
    first_generation_s: float | None = None
    first_request: tuple[int, int, int] | None = None
    counters: Counters = field(default_factory=Counters)
    placement: Placement | None = None
    gauges: Gauges | None = None
    gauged: Gauged = field(default_factory=Gauged)
    after: Conditions | None = None
    memory: MemoryUse = field(default_factory=lambda: MemoryUse(None, None))
    error: WorkerError | None = None

    @property
    def evidence(self) -> Mapping[str, Any]:
        """A :class:`backends.contract.Evidence` as a mapping; empty before the model is loaded."""
        return self.loaded.evidence if self.loaded else {}

    def verdict(self, requested: str) -> Verdict:
        """Judge the device by all that is known so far."""
        return judge(requested, self.evidence, self.counters, self.placement, self.devices)
