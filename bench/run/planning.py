"""From raw flags to a plan for this machine, by what is known of it without starting anything."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.observe.accelerators import gpus, hardware, npus
from bench.observe.limits import usable_memory
from bench.plan import values as v
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.options import Options, resolve_options
from bench.plan.plan import Plan, Surroundings, make_plan
from bench.plan.resume import options_again
from bench.prepare.conversion_cost import existing_parent, preflight_lines
from bench.prepare.model_source import resolve_model
from bench.prepare.preparation import ASSUMED_PARAMETERS, Preparation
from bench.prepare.stage import wanted_artifacts
from bench.run.resume import find_resumable


def plan_for(flags: Mapping[str, Any], root: Path) -> tuple[Options, Plan]:
    """The plan for a command line on this machine.

    Raises:
        UsageError: the request is invalid.
        StoreError: the run that is to be carried on cannot be read.
    """
    options = resolve_options(flags, root) if flags.get("resume") is None else _options_again(flags, root)
    listed = hardware(gpus(), npus(), windows=sys.platform == "win32")
    if all(BACKENDS[name].artifact_format == "none" for name in options.backends):
        return options, make_plan(options, Surroundings(listed))
    source = resolve_model(options.model)
    around = Surroundings(listed, source.ready_made, source.has_original, source.quantized)
    return options, make_plan(options, around)


def preflight(
    plan: Plan, options: Options, preparer: Preparation | None, loads: Sequence[Load], results: Path
) -> list[str]:
    """What ``plan`` makes first and about how long it takes, in lines for the terminal.

    Args:
        preparer: ``None`` where no model is needed.
        loads: those for which artifacts are made.
        results: where runs lie, or are to lie.
    """
    pending, parameters = [], None
    if preparer is not None:
        expected = preparer.expected_facts
        parameters = ASSUMED_PARAMETERS if expected is None else expected.parameters
        pending = preparer.pending(wanted_artifacts(loads))
    free_disk_bytes = shutil.disk_usage(existing_parent(results)).free
    return preflight_lines(plan, options, pending, parameters, free_disk_bytes, usable_memory().available_bytes)


def _options_again(flags: Mapping[str, Any], root: Path) -> Options:
    given = flags.get("results_dir")
    run = find_resumable(flags["resume"], root / "results" if given is None else v.path(given, "--results-dir"))
    options = options_again(run.record, flags, root)
    if any(run.record["plan"].get(part) is None for part in ("loads", "cells")):
        raise UsageError("--resume: run.json of that run does not record its plan; measure anew without --resume")
    return replace(options, results_dir=run.path.parent, resume=run.path)
