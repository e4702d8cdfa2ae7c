"""What is known of a run, of a load and of a worker while it is being measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.errors import WorkerError
from bench.measure.worker import Loaded, Timeouts, WorkerProcess
from bench.observe.busy import Busy
from bench.observe.busy_counters import BusyCounters
from bench.observe.conditions import Conditions, Watched
from bench.observe.gauges import Gauged, Gauges, Instruments
from bench.observe.memory import MemoryUse
from bench.plan.cells import Cell
from bench.plan.venvs import Venv
from bench.prepare.cache import Artifact
from bench.prepare.prompts import PromptKey

Shapes = tuple[tuple[int, int], ...]
"""The (new tokens, batch size) pairs of a sweep, the same for every stack."""

_ORDINALS_PER_SHAPE = 1000


Unsettled = Callable[[str, str, int, int], None]
"""Takes the cell key, the load id, the block, and how many warm-ups were run."""


def prompt_key(shapes: Shapes, cell: Cell, ordinal: int, row: int) -> PromptKey:
    """Which prompt a generation of ``cell`` takes.

    Cells that differ in new tokens or batch size alone share a worker and a prompt length, but no prompt: each pair
    after the sweep's first has ordinals of its own. So a prompt is never asked twice of one process, and is the same
    for every stack.

    Args:
        shapes: of the sweep.
        cell: which cell.
        ordinal: 0, 1, … for timed iterations; -1, -2, … for warm-ups.
        row: index within the batch.
    """
    shape = (cell.new_tokens, cell.batch_size)
    offset = _ORDINALS_PER_SHAPE * shapes.index(shape) if shape in shapes else 0
    return PromptKey(cell.prompt_tokens, ordinal + offset if ordinal >= 0 else ordinal - offset, row)


def warmup_ordinals(warmups: int, max_warmups: int) -> list[int]:
    """The ordinals of a cell's warm-ups, in the order in which they are asked.

    Those that are always run come as they did when their number was fixed; further ones count on downwards.

    Args:
        warmups: at least.
        max_warmups: at most.
    """
    return [*range(-warmups, 0), *range(-warmups - 1, -max_warmups - 1, -1)]


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a visit needs to load: where the interpreter is, what to load, or why there is nothing.

    Args:
        venv: the backend's interpreter, or why there is none.
        artifact: ``None`` for a backend without a model.
        broken: why the artifact could not be made, or must not be used.
        unsupported: why this machine cannot run it, as far as that is known before the worker is asked.
    """

    venv: Venv
    artifact: Artifact | None = None
    broken: str | None = None
    unsupported: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a stack's own profile, of a pass that was not timed, places the work.

    Args:
        provider: the execution provider that stands for the requested device.
        shares: execution provider -> share of the executed nodes; empty if the pass failed.
        problem: why there is no profile.
    """

    provider: str
    shares: Mapping[str, float]
    problem: str | None = None

    @property
    def share(self) -> float:
        """The share of the nodes that the requested provider ran."""
        return self.shares.get(self.provider, 0.0)


@dataclass(slots=True)
class AdapterWork:
    """What one GPU or NPU did for a worker.

    Args:
        busy_ns: over those timed generations during which its counter is known.
        over_ns: how long these took.
        moved: whether its counter ever moved, warm-ups included; ``None`` while nothing is known of it.
    """

    busy_ns: int = 0
    over_ns: int = 0
    moved: bool | None = None


@dataclass(slots=True)
class Counters:
    """What the machine's counters moved by over the generations of one worker.

    Warm-ups are not part of the times: a stack may spend minutes of them on the CPU, compiling.

    Args:
        timed: how many generations that are no warm-ups were added.
        cpu_ns: CPU time of the worker process in those, all threads.
        over_ns: how long they took, between the readings before and after each.
        gpus: each GPU of the system by its adapter, see :class:`bench.observe.busy.Busy`.
        npus: each NPU.
    """

    timed: int = 0
    cpu_ns: int = 0
    over_ns: int = 0
    gpus: dict[str, AdapterWork] = field(default_factory=dict)
    npus: dict[str, AdapterWork] = field(default_factory=dict)

    def add(self, cpu_ns: int, busy: Busy, *, warmup: bool) -> None:
        """Add what moved during one generation."""
        if not warmup:
            self.timed += 1
            self.cpu_ns += cpu_ns
            self.over_ns += busy.elapsed_ns
        for work, adapters in ((self.gpus, busy.gpus), (self.npus, busy.npus)):
            for adapter, busy_ns in adapters.items():
                mine = work.setdefault(adapter, AdapterWork())
                if busy_ns is None:
                    continue
                mine.moved = bool(mine.moved or busy_ns)
                if not warmup:
                    mine.busy_ns += busy_ns
                    mine.over_ns += busy.elapsed_ns


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What every row of a run shares, and how its visits are made.

    Args:
        warmups: per cell and block, at least.
        max_warmups: at most, while the series has not settled.
        watched: is told how the machine was before and after each visit.
        unsettled: is told of each series that had not settled when its warm-ups were used up.
    """

    machine_id: str
    model: str
    model_digest: str | None
    threads: int | None
    repeats: int
    warmups: int
    max_warmups: int
    timeouts: Timeouts
    scratch: Path
    shapes: Shapes = ()
    allow_fallback: bool = False
    stopping: Callable[[], bool] = lambda: False
    instruments: Instruments = field(default_factory=Instruments)
    watched: Callable[[Watched], None] = lambda _: None
    unsettled: Unsettled = lambda *_: None


@dataclass(slots=True)
class Attempt:
    """One worker process and what is known of it so far.

    Args:
        load_id: of its row.
        number: 1 for the first process of a visit, 2 for the one after a crash, ….
        devices: :class:`backends.contract.Device` as mappings, of all that the stack lists.
        first_request: prompt tokens, new tokens and batch size of the first generation.
    """

    load_id: str
    number: int
    started_at: datetime
    worker: WorkerProcess | None = None
    import_s: float | None = None
    devices: Sequence[Mapping[str, Any]] = ()
    loaded: Loaded | None = None
    first_generation_s: float | None = None
    first_request: tuple[int, int, int] | None = None
    counters: Counters = field(default_factory=Counters)
    placement: Placement | None = None
    busy: BusyCounters | None = None
    gauges: Gauges | None = None
    gauged: Gauged = field(default_factory=Gauged)
    after: Conditions | None = None
    memory: MemoryUse = field(default_factory=lambda: MemoryUse(None, None))
    error: WorkerError | None = None
