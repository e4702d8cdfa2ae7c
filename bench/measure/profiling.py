"""The separate, untimed pass in which a stack profiles itself, where the table says that it can."""

from __future__ import annotations

from pathlib import Path

from bench.errors import WorkerError
from bench.measure.facts import LoadPlan, Placement, RunFacts
from bench.measure.worker import WorkerProcess
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.prepare.prompts import Prompt

NEW_TOKENS = 4
"""Enough for a prefill and some decode steps; every further step has the same nodes."""


def profile_load(load: Load, load_plan: LoadPlan, facts: RunFacts, scratch: Path, prompt: Prompt) -> Placement | None:
    """Where ``load`` runs by its stack's own account; ``None`` where the stack has none, or nothing can be loaded.

    A pass that fails is no failure of the load: the placement then says why there is no profile.
    """
    spec = BACKENDS[load.backend]
    if load.device.partition(".")[0] not in spec.profiled or load_plan.venv.python is None:
        return None
    if load_plan.broken is not None or load_plan.unsupported is not None:
        return None
    path = load_plan.artifact.path if load_plan.artifact is not None else None
    try:
        with WorkerProcess(
            load_plan.venv.python,
            spec.target,
            scratch,
            timeouts=facts.timeouts,
            threads=facts.threads,
            remedy=load_plan.venv.remedy,
        ) as worker:
            worker.open()
            done = worker.profile(
                path, load.device, load.precision, facts.threads, load.options, prompt.ids, NEW_TOKENS
            )
    except WorkerError as error:
        return Placement("", {}, problem=str(error))
    return Placement(done.provider, done.placement)
