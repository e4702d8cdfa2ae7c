"""``python -m bench``: what the noxfile asks before it installs anything.

``--help`` prints our flags. ``--needs -- FLAGS…`` prints one line of JSON: the dependency groups that the sweep needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.plan.backends import BACKENDS
from bench.plan.flags import parser, raw_values
from bench.plan.plan import Plan
from bench.plan.venvs import CONVERSION
from bench.planning import plan_for

_NO_RUN = ("--version", "-V", "--markers", "--fixtures", "--collect-only", "--co")


def groups_needed(plan: Plan, workers: Sequence[str]) -> list[str]:
    """The dependency groups of the plan's backends, the conversion's first; a user's own interpreter needs none."""
    specs = [(BACKENDS[load.backend], load.device) for load in plan.loads]
    groups = [spec.group_for(device) for spec, device in specs if spec.name not in workers]
    needs_model = [CONVERSION] if any(spec.artifact_format != "none" for spec, _ in specs) else []
    return [group for group in dict.fromkeys([*needs_model, *groups]) if group is not None]


def requirements(groups: Sequence[str]) -> dict[str, list[str]]:
    """What the workers of third parties are made from, by group; those of this project stand in its own file."""
    asked = {spec.group_for(""): list(spec.requirements) for spec in BACKENDS.values() if spec.requirements}
    return {group: asked[group] for group in groups if group in asked}


def main(arguments: Sequence[str]) -> int:
    """Answer the noxfile."""
    wanted = [argument for argument in arguments if argument not in ("--needs", "--")]
    try:
        if "--needs" not in arguments:
            parser().parse_args(list(arguments) or ["--help"])
            return 0
        options, plan = plan_for(raw_values(wanted), Path.cwd())
        groups = groups_needed(plan, list(options.workers))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    idle = any(argument in _NO_RUN for argument in wanted)
    print(json.dumps({"groups": [] if idle else groups, "requirements": requirements(groups)}))
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
