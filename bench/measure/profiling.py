"""The separate, untimed pass in which a stack profiles itself, for the devices for which its table entry says so."""

from __future__ import annotations

from pathlib import Path

from bench.errors import WorkerError
from bench.measure.attempt import LoadPlan, RunFacts
from bench.measure.verdict import Placement
from bench.measure.worker import WorkerProcess
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.prepare.prompts import Prompt

NEW_TOKENS = 4
"""A prefill and some decode steps; further steps have the same nodes."""


def profile_load(load: Load, load_plan: LoadPlan, facts: RunFacts, scratch: Path, prompt: Prompt) -> Placement | None:
    """Where the stack's own profile places ``load``; ``None`` where it has none, or nothing can be loaded.

    A failed pass does not fail the load: the placement then says why there is no profile.
    """
    spec, venv = BACKENDS[load.backend], load_plan.venv
    if load.device.partition(".")[0] not in spec.profiled or venv.python is None:
        return None
    if load_plan.broken is not None or load_plan.unsupported is not None:
        return None
    model = (load_plan.path, load.device, load.precision, facts.threads, load.options)
    try:
        with WorkerProcess(
            venv.python, spec.target, scratch, timeouts=facts.timeouts, threads=facts.threads, remedy=venv.remedy
        ) as worker:
            worker.open()
            return worker.profile(*model, prompt.ids, NEW_TOKENS)
    except WorkerError as error:
        return Placement("", {}, problem=str(error))
