"""The runs of one machine as its history and a fleet keep them, read one at a time or in several processes."""

import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing import get_context
from typing import Any, TypeVar

from backends.process import usable_cpus
from bench.analyse.conditions import Fact, Interruption, interruptions, recorded_at, surroundings
from bench.analyse.results import LoadResult, RunAnalysis
from bench.analyse.run import analyse_run
from bench.errors import MachineError, StoreError
from bench.store.reader import StoredRun

_RUNS_PER_PROCESS = 100
"""Fewer are read sooner than another process has started."""
_CHUNKS_PER_PROCESS = 4
_MOST_PROCESSES = 61
"""Windows can wait for no more."""
_Read = TypeVar("_Read")

CellName = tuple[str, str, str]
"""Name and digest of a model, and the key of a cell."""


@dataclass(frozen=True, slots=True)
class MachineRun:
    """One run of a machine.

    Args:
        analysis: its estimates and costs, without the cells of variants, texts of answers, and the plan's cells.
        variants: how many cells were left out because they are a variant of an A/B run.
        prompt_sets: prompt tokens -> number of the prompt set, from 1 in the order of time; filled in by
            :func:`bench.analyse.build_history.build_history`.
    """

    run_id: str
    created_at: datetime
    analysis: RunAnalysis
    variants: int = 0
    prompt_sets: Mapping[int, int] = field(default_factory=dict)

    @property
    def day(self) -> str:
        """The date on which it began."""
        return f"{self.created_at:%Y-%m-%d}"

    @property
    def ended(self) -> bool:
        """Or else it is still being written or was killed."""
        return self.analysis.end is not None

    @property
    def model(self) -> str:
        return str(recorded_at(self.analysis.record, "model", "name"))

    @property
    def model_digest(self) -> str:
        """Blank for a model that has none."""
        return str(recorded_at(self.analysis.record, "model", "digest") or "")

    def name_of(self, cell_key: str) -> CellName:
        """What figures of one cell have in common wherever they were measured."""
        return self.model, self.model_digest, cell_key

    @property
    def facts(self) -> dict[Fact, str]:
        """What its latencies may hang on."""
        return surroundings(self.analysis)

    @property
    def interruptions(self) -> tuple[Interruption, ...]:
        return interruptions(self.analysis.record)


def read_machine_run(run: StoredRun, *, scores: bool) -> MachineRun:
    """Analyse ``run`` and keep what its history and a fleet need of it.

    ``scores``: keeps what loads were scored on given texts, too, by which the perplexities of two runs are compared.

    Raises:
        StoreError: a file of the run cannot be read, or holds what no run writes; or it says not when it was measured.
    """
    if run.created_at is None:
        raise StoreError(f"{run.path} does not say when it was measured")
    return machine_run(run.run_id, run.created_at, analyse_run(run, levels_only=True), scores=scores)


def machine_run(run_id: str, created_at: datetime, analysis: RunAnalysis, *, scores: bool) -> MachineRun:
    """Keep of an analysis what :class:`MachineRun` says; ``scores`` as of :func:`read_machine_run`."""

    def packed(load: LoadResult) -> LoadResult:
        if load.quality is None:
            return load
        # Those of all runs are kept, and lists would take four times as much.
        log_probs = {text: array("d", own) for text, own in load.quality.log_probs.items()} if scores else {}
        return replace(load, quality=replace(load.quality, log_probs=log_probs))

    loads = {load.load_key: packed(load) for load in analysis.loads}
    # A load that neither the plan nor a row knows is that of its cells alone.
    cells = tuple(
        replace(cell, load=loads.get(cell.load.load_key, cell.load)) for cell in analysis.cells if not cell.load.variant
    )
    # Cells and loads of a plan take most of the memory of a record.
    plan = {name: one for name, one in (analysis.record.get("plan") or {}).items() if name not in ("cells", "loads")}
    kept = replace(
        analysis, record={**analysis.record, "plan": plan}, cells=cells, loads=tuple(loads.values()), samples=()
    )
    return MachineRun(run_id, created_at, kept, len(analysis.cells) - len(cells))


def in_processes(read: Callable[..., _Read], runs: int, first: Sequence[Any], *others: Sequence[Any]) -> list[_Read]:
    """``read`` of each of ``first`` with its ``others``, in as many processes as there are processors.

    In this one where the ``runs`` that are read in all are too few for that.

    Raises:
        MachineError: one of the processes was ended.
    """
    processors = len(usable_cpus() or ()) or os.cpu_count() or 1
    processes = min(processors, runs // _RUNS_PER_PROCESS, _MOST_PROCESSES)
    if processes < 2:
        return list(map(read, first, *others))
    chunk = -(-len(first) // (processes * _CHUNKS_PER_PROCESS))
    try:
        # A child that is forked while pyarrow's threads run may wait for ever. Neighbours share files of a dataset.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            return list(pool.map(read, first, *others, chunksize=chunk))
    except BrokenProcessPool as error:
        raise MachineError(
            f"one of {processes} processes that read runs was ended, most likely as memory ran out: name fewer runs, "
            "or end other programs"
        ) from error
