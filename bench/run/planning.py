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
from bench.observe.machine import machine_id
from bench.plan import values as v
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.estimate import counted, format_duration, guess_seconds, memory_bytes, quality_seconds
from bench.plan.options import Options, resolve_options
from bench.plan.plan import Plan, Surroundings, make_plan
from bench.plan.resume import options_again
from bench.prepare.cache import cache_root
from bench.prepare.conversion_cost import disk_bytes, existing_parent
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
        results: where runs lie, or are to lie: their disk is told where nothing is made, which goes into the cache.
    """
    blocks = _from_to(options.blocks, options.most_blocks, "block")
    warmups = _from_to(options.warmups, options.max_warmups, "warm-up")
    timed = counted(options.repeats, "timed generation")
    what = f"{counted(len(plan.loads), 'load')}, {counted(len(plan.cells), 'cell')}"
    measure = f"measure    {what}, in {blocks} of {warmups} + {timed} each"
    if preparer is None:
        return [measure, "time       as the simulated latencies add up; no model is run"]
    expected = preparer.expected_facts
    parameters = ASSUMED_PARAMETERS if expected is None else expected.parameters
    pending = preparer.pending(wanted_artifacts(loads))
    making_s = sum(work.seconds for work in pending)
    labels = ", ".join(work.label for work in pending)
    what = f"{counted(len(pending), 'artifact')}, about {format_duration(making_s)}: {labels}"
    preparing = max((work.memory_bytes for work in pending), default=0)
    memory = f"{preparing / 1e9:.1f} GB needed to prepare, {memory_bytes(plan, parameters) / 1e9:.1f} GB to measure"
    # The cache may lie on another disk than the runs.
    folder = cache_root(options.cache_dir) if pending else results
    free_bytes = shutil.disk_usage(existing_parent(folder)).free
    guess = f"{_guess(plan, options, parameters, making_s)} (a guess; a measured figure follows after the first block)"
    return [
        measure,
        f"prepare    {what if pending else 'nothing: all artifacts are in the cache'}",
        f"disk       {disk_bytes(pending) / 1e9:.1f} GB needed, {free_bytes / 1e9:.1f} GB free",
        f"memory     {memory}, {usable_memory().available_bytes / 1e9:.1f} GB free",
        f"time       {guess}",
    ]


def _from_to(least: int, most: int, noun: str) -> str:
    return counted(most, noun) if least == most else f"{least} to {counted(most, noun)}"


def _guess(plan: Plan, options: Options, parameters: int, making_s: float) -> str:
    most_s = guess_seconds(plan, options, parameters)
    if options.interval_target is None:
        return f"about {_whole(most_s, options, making_s)}"
    least_s = most_s * options.blocks / options.most_blocks
    limit_s = min(most_s, options.max_time_s or most_s)
    least, most = (_whole(seconds, options, making_s) for seconds in (min(least_s, limit_s), limit_s))
    return f"about {least} to {most}, as the intervals narrow"


def _whole(measuring_s: float, options: Options, making_s: float) -> str:
    scoring_s = quality_seconds(options.blocks, measuring_s) if options.quality else 0.0
    return format_duration(measuring_s + scoring_s + making_s)


def _options_again(flags: Mapping[str, Any], root: Path) -> Options:
    given = flags.get("results_dir")
    run = find_resumable(flags["resume"], root / "results" if given is None else v.path(given, "--results-dir"))
    # Before anything is installed or started that the record of another machine names.
    if run.machine_id not in ("unknown", machine_id()):
        raise UsageError(f"--resume: {run.path} was measured on another machine: carry it on there")
    options = options_again(run.record, flags, root)
    if any(run.record["plan"].get(part) is None for part in ("loads", "cells")):
        raise UsageError("--resume: run.json of that run does not record its plan; measure anew without --resume")
    return replace(options, results_dir=run.path.parent, resume=run.path)
