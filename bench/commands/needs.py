"""``python -m bench.commands needs``: what the noxfile asks before it installs anything.

``--help`` prints our flags, ``--help ab`` as that session has them. ``--needs -- FLAGS…`` prints one line of JSON: a
list of the venvs that the sweep needs, as :func:`bench.plan.environments.from_json` reads them.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from bench.cli import command
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.environments import CONVERSION, Environment, environment, environment_for, to_json
from bench.plan.flags import parser, raw_values
from bench.plan.options import Options
from bench.run.planning import plan_for

_NO_RUN = ("--version", "-V", "--markers", "--fixtures", "--collect-only", "--co")


def environments_needed(loads: Sequence[Load], options: Options) -> list[Environment]:
    """The environments of the backends of ``loads``, the conversion's first; a user's own interpreter needs none."""
    needs_model = any(BACKENDS[load.backend].artifact_format != "none" for load in loads)
    found = [environment(CONVERSION)] if needs_model else []
    for load in loads:
        pinned = environment_for(BACKENDS[load.backend], load.device)
        variant = options.variants.get(load.variant)
        if pinned is None or load.backend in options.workers or (variant is not None and variant.python is not None):
            continue
        found.append(pinned if variant is None else pinned.replacing(variant.requirements))
    return list({one.name: one for one in found}.values())


@command
def main(arguments: Sequence[str]) -> int:
    """Answer the noxfile."""
    if "--needs" not in arguments:
        session = "ab" if arguments[-1:] == ["ab"] else "bench"
        parser(session).parse_args([*arguments] or ["--help"])
        return 0
    wanted = [argument for argument in arguments if argument not in ("--needs", "--")]
    options, plan = plan_for(raw_values(wanted), Path.cwd())
    environments = environments_needed(plan.loads, options)
    idle = any(argument in _NO_RUN for argument in wanted)
    print(json.dumps([] if idle else [to_json(one) for one in environments]))
    return 0
