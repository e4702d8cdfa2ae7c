"""``python -m bench``: what the noxfile asks before it installs anything.

``--help`` prints our flags. ``--needs -- FLAGS…`` prints one line of JSON: the dependency groups that the sweep needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from backends.table import BACKENDS
from bench.errors import UsageError
from bench.plan.flags import parser, raw_values
from bench.plan.options import resolve_options
from bench.plan.plan import Plan, make_plan
from bench.plan.venvs import CONVERSION
from bench.prepare.models import resolve_model

_NO_RUN = ("--version", "-V", "--markers", "--fixtures", "--collect-only", "--co")


def groups_needed(plan: Plan, workers: Sequence[str]) -> list[str]:
    """The dependency groups of the plan's backends, the conversion's first; a user's own interpreter needs none."""
    specs = [BACKENDS[name] for name in dict.fromkeys(load.backend for load in plan.loads)]
    groups = [spec.group for spec in specs if spec.group is not None and spec.name not in workers]
    needs_model = any(spec.artifact_format != "none" for spec in specs)
    return [CONVERSION, *groups] if needs_model else groups


def main(arguments: Sequence[str]) -> int:
    """Answer the noxfile."""
    wanted = [argument for argument in arguments if argument not in ("--needs", "--")]
    try:
        if "--needs" not in arguments:
            parser().parse_args(list(arguments) or ["--help"])
            return 0
        options = resolve_options(raw_values(wanted), Path.cwd())
        groups = groups_needed(make_plan(options), list(options.workers))
        if CONVERSION in groups:
            resolve_model(options.model)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    idle = any(argument in _NO_RUN for argument in wanted)
    print(json.dumps({"groups": [] if idle else groups}))
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
