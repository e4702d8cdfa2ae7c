"""From raw flags to a plan for this machine, by what is known of it without starting anything."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.observe.accelerators import gpus, hardware, npus
from bench.plan.backends import BACKENDS
from bench.plan.options import Options, resolve_options
from bench.plan.plan import Plan, Surroundings, make_plan
from bench.prepare.model_source import resolve_model


def plan_for(flags: Mapping[str, Any], root: Path) -> tuple[Options, Plan]:
    """The plan for a command line on this machine.

    Args:
        flags: see :func:`bench.plan.flags.raw_values`.
        root: the folder that holds ``results/`` and ``reports/``.

    Raises:
        UsageError: the request is invalid.
    """
    options = resolve_options(flags, root)
    listed = hardware(gpus(), npus(), windows=sys.platform == "win32")
    if all(BACKENDS[name].artifact_format == "none" for name in options.backends):
        return options, make_plan(options, Surroundings(listed))
    source = resolve_model(options.model)
    around = Surroundings(listed, source.ready_made, source.has_original, source.quantized)
    return options, make_plan(options, around)
