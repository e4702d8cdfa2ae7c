"""``python -m bench.commands.needs``: what the noxfile asks before it installs anything.

``--help`` prints our flags, ``--help ab`` as that session has them. ``--needs -- FLAGS…`` prints one line of JSON: the
venvs that the sweep needs, by the names of their dependency groups, and what those are made from that are of no group.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.plan.backends import BACKENDS
from bench.plan.environments import Environment, environment
from bench.plan.flags import parser, raw_values
from bench.plan.options import Options
from bench.plan.plan import Plan
from bench.plan.venvs import CONVERSION
from bench.run.planning import plan_for

_NO_RUN = ("--version", "-V", "--markers", "--fixtures", "--collect-only", "--co")


def environments_needed(plan: Plan, options: Options) -> list[Environment]:
    """What the plan's backends run in, the conversion's first; a user's own interpreter needs none."""
    needs_model = any(BACKENDS[load.backend].artifact_format != "none" for load in plan.loads)
    found = [environment(CONVERSION)] if needs_model else []
    for load in plan.loads:
        group = BACKENDS[load.backend].group_for(load.device)
        variant = options.variants.get(load.variant)
        if group is None or load.backend in options.workers or (variant is not None and variant.python is not None):
            continue
        found.append(environment(group) if variant is None else variant.environment(group))
    return list({one.name: one for one in found}.values())


def requirements(environments: Sequence[Environment]) -> dict[str, list[str]]:
    """What the workers of third parties and of variants are made from; those of this project stand in its own file."""
    third_parties = {spec.group_for("") for spec in BACKENDS.values() if spec.requirements}
    told = [one for one in environments if one.name != one.group or one.group in third_parties]
    return {one.name: list(one.pins) for one in told}


def variants(environments: Sequence[Environment]) -> dict[str, dict[str, Any]]:
    """Of each variant's venv the group that it is one of, and what goes into it without dependencies."""
    told = [one for one in environments if one.name != one.group]
    return {one.name: {"group": one.group, "beside": list(one.beside)} for one in told}


def main(arguments: Sequence[str]) -> int:
    """Answer the noxfile."""
    wanted = [argument for argument in arguments if argument not in ("--needs", "--")]
    try:
        if "--needs" not in arguments:
            session = "ab" if arguments[-1:] == ["ab"] else "bench"
            parser(session).parse_args([*arguments] or ["--help"])
            return 0
        options, plan = plan_for(raw_values(wanted), Path.cwd())
        environments = environments_needed(plan, options)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    idle = any(argument in _NO_RUN for argument in wanted)
    groups = [] if idle else [one.name for one in environments]
    told = {"groups": groups, "requirements": requirements(environments), "variants": variants(environments)}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
