"""The separate, untimed pass in which a stack profiles itself, for the devices for which its table entry says so."""

from __future__ import annotations

from pathlib import Path

from bench.errors import WorkerError
from bench.measure.attempt import LoadPlan, RunFacts, start_worker
from bench.measure.verdict import Placement
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.prepare.prompts import Prompt

NEW_TOKENS = 4
"""A prefill and some decode steps; further steps have the same nodes."""


def profile_load(load: Load, load_plan: LoadPlan, facts: RunFacts, scratch: Path, prompt: Prompt) -> Placement | None:
    """Where the stack's own profile places ``load``; ``None`` where it has none, or nothing can be loaded.

    A failed pass does not fail the load: the placement then says why there is no profile.
    """
    plan, profiled = load_plan, BACKENDS[load.backend].profiled
    if load.device.partition(".")[0] not in profiled or plan.why_not is not None:
        return None
    model = (plan.path, load.device, load.precision, facts.threads, load.options)
    try:
        with start_worker(load, plan, facts, scratch) as worker:
            worker.open()
            return worker.profile(*model, prompt=prompt.ids, new_tokens=NEW_TOKENS)
    except WorkerError as error:
        return Placement("", {}, problem=str(error))
