"""``python -m bench.commands doctor``: each device that each stack has here, and what is missing for the others."""

from collections.abc import Sequence
from pathlib import Path

from bench.cli import Parser, command
from bench.measure.child_process import worker_variables
from bench.observe.bandwidth import read_bandwidth
from bench.observe.gauges import Instruments
from bench.observe.isolation import network_kept
from bench.observe.limits import Limits, limits
from bench.observe.machine import machine_facts
from bench.observe.memory import memory_cap
from bench.observe.packages import locked
from bench.plan.backends import BACKENDS
from bench.plan.flags import add_flags
from bench.plan.options import resolve_options
from bench.plan.venvs import Venvs
from bench.run.doctor.diagnose import diagnose, full_lines, system_lines, usable_line
from bench.run.doctor.probe import probe, stacks_of
from bench.run.doctor.system import system_facts
from bench.run.guard.before import check_machine, judge_environment
from bench.run.guard.found import line


@command
def main(arguments: Sequence[str]) -> int:
    """Probe the stacks and print what was found; returns the exit status."""
    given = vars(_parser().parse_args(arguments))
    options = resolve_options(given, Path.cwd())
    venvs = Venvs.from_environment(options.workers)
    names = options.backends if given["backend"] else [name for name, spec in BACKENDS.items() if not spec.simulated]
    system = system_facts()
    usable = limits()
    threads = usable.default_threads
    found = (*check_machine(Instruments()), *judge_environment(worker_variables(threads), threads))
    print(*_machine_lines(usable), *system_lines(system), *map(line, found), sep="\n", flush=True)
    stacks = [stack for name in names for stack in stacks_of(BACKENDS[name], venvs, options.devices)]
    for text in full_lines([one for asked in probe(stacks) for one in diagnose(asked, system)]):
        print(text)
    for stack in stacks:
        # Of an environment whose packages were not all installed by the hashes of a lock file, the reason.
        if (python := stack.venv.python) is not None and not (told := locked(python))["locked"]:
            print(f"packages   {stack.spec.name}, {' '.join(stack.families)}: {told['unlocked_reason']}")
    return 0


def _machine_lines(usable: Limits) -> list[str]:
    machine, threads = machine_facts(), usable.default_threads
    name, memory = machine["cpu"]["name"], machine["memory_bytes"] / 1e9
    network = "no network" if (kept := network_kept()) is None else f"the network is open to them ({kept})"
    return [
        f"machine    {name}, {memory:.1f} GB, {machine['os']}, kernel {machine['kernel']}",
        usable_line(usable),
        f"memory     {read_bandwidth(threads) / 1e9:.1f} GB/s read by {threads} threads",
        f"workers    {network}; {memory_cap() / 1e9:.1f} GB of memory at most, on the CPU",
    ]


def _parser() -> Parser:
    parser = Parser(
        prog="nox -s doctor --",
        description="Say which devices each stack can use on this machine, and how to mend the others.",
        epilog="Without these every stack is asked whose environment is there; with them, theirs are installed first.",
    )
    add_flags(parser, ("backend", "device", "worker"))
    return parser
