"""``python -m bench.commands ahead FLAGS…``: convert what a sweep needs while nox still installs its stacks.

Nothing is said of what cannot be done: the run, which comes next, finds it again, and says what it means.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from backends.process import end_with_harness
from bench.cli import INTERRUPTED, command_line
from bench.commands import say
from bench.errors import BenchError
from bench.plan.flags import raw_values
from bench.plan.venvs import Venvs
from bench.prepare.stage import preparation_for, wanted_artifacts
from bench.run.machine_lock import hold_machine
from bench.run.planning import plan_for


def main(arguments: Sequence[str]) -> int:
    """Prepare the model, its prompts and every artifact that the sweep needs on the CPU, as far as that goes."""
    # A session that was killed would leave a conversion behind, which holds the machine.
    end_with_harness()
    try:
        # With options of pytest a run may need less than its plan.
        options, plan = plan_for(raw_values(arguments, pytests=False), Path.cwd())
        # A run that is carried on measures the commit of its model that it has measured before.
        if options.resume is not None:
            return 0
        # Another run would be disturbed.
        hold_machine(plan.loads, "ahead", f"nox -s bench -- {command_line(arguments)}", options, say)
        # Whether another device is usable, the stacks alone can tell.
        loads = [load for load in plan.loads if load.device == "CPU"]
        preparer = preparation_for(options, Venvs.from_environment(options.workers, options.variants), loads, say)
        if preparer is None:
            return 0
        preparer.prompts()
        for wanted in wanted_artifacts(loads):
            with suppress(BenchError):
                preparer.artifact(*wanted)
    except BenchError as error:
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
