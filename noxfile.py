# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["nox>=2026.10", "packaging>=26.1"]
#
# [tool.nox]
# script-download-python = "never"
# ///
"""One virtual environment per inference stack, and the sessions that use them.

The stacks exclude each other, so each has a venv of its own under ``.nox/w``, made when a session first needs it and
left alone while its stamp says that it is what would be made again. ``bench`` asks the harness which stacks a command
line needs, makes those, and tells the harness through ``AIPC_BENCH_VENVS`` where they are, or why one is not there;
``ab`` does the same with a venv per variant, in which some of a group's pins are replaced. What a venv is made from is
``bench/plan/environments.py``'s affair, and how it is made that of ``bench/prepare/install.py``. While the last venvs
of a sweep are made, the model is converted already::

    {"<group>": {"python": "<path>"} | {"unsupported": "<reason>"} | {"failed": ["<line of the installer>", ...]}}

Nox's own venvs are not used: they call pip every time, and one that fails ends the session instead of one stack.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OLDEST, NEWEST = (3, 11), (3, 13)


def refusal(version: tuple[int, int]) -> str | None:
    """Why this project does not run on a Python ``version``; ``None`` where it does."""
    if OLDEST <= version <= NEWEST:
        return None
    return (
        f"AIPC Bench needs Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, "
        f"and this is {version[0]}.{version[1]}: "
        "make the .venv with another one, e.g. `python3.12 -m venv .venv` (Windows: `py -3.12 -m venv .venv`)."
    )


# Before nox is imported: an old Python has an old nox, whose own message would not help.
if _refused := refusal(sys.version_info[:2]):
    raise SystemExit(_refused)

import nox  # noqa: E402

nox.needs_version = ">=2026.10"
nox.options.sessions = ["bench"]
if find_spec("packaging.dependency_groups") is None:
    raise SystemExit(f"packaging 26.1 or newer is needed beside nox: `{sys.executable} -m pip install -U packaging`")

ROOT = Path(__file__).absolute().parent
sys.path.insert(0, str(ROOT))

from backends.table import BACKENDS  # noqa: E402 - found from here on
from bench.cli import INTERRUPTED  # noqa: E402
from bench.commands import child  # noqa: E402
from bench.commands.fleet import BENCH  # noqa: E402
from bench.errors import PrepareError  # noqa: E402
from bench.plan.environments import (  # noqa: E402
    CONVERSION,
    FLEET,
    HARNESS,
    TESTS,
    Environment,
    all_groups,
    contract_groups,
    default_groups,
    environment,
    from_json,
    known_groups,
)
from bench.plan.venvs import Venv  # noqa: E402
from bench.prepare import install  # noqa: E402
from bench.prepare.install import Outcome  # noqa: E402
from bench.prepare.installers import Uv  # noqa: E402
from bench.prepare.locks import problem  # noqa: E402
from bench.prepare.resolve import renew, resolve_all  # noqa: E402

STUDIES = (
    *("architectures", "dataset", "faults", "fleet", "fuzz", "intervals"),
    *("overhead", "report-speed", "scale", "settings", "soak", "warmups"),
)
"""Packages of ``studies/``, with dashes in their names as people type them."""

PARTS = (
    "contract",
    "(conversion or main_job or browser) and not contract",
    "process and not contract and not conversion and not main_job and not browser",
    "not process",
)
"""Markers of the tests on stacks, of those that convert models or open a browser, of others that start processes, and
of those of logic. A part leaves cores idle while it waits for processes, so they run at the same time. With a fifth
they got the CPU so late that simulated latencies were no longer what was asked for."""

HALF = ("tests/bench/analyse", "tests/bench/report")
"""Folders whose tests of logic take about as long as all others do."""

FLEET_ENGINE = ("certs", "run", "scheduler", "worker")
"""Commands of `fleet` that need more packages than the harness has."""


# -- what the sessions share ------------------------------------------------------------------------------------------


def find_uv() -> Uv | None:
    """The uv of nox's own Python or of the system, as nox finds it."""
    # Where there is none, nox says so on the terminal when it first looks; it keeps the answer.
    logging.disable()
    try:
        there, program, version = nox.virtualenv.find_uv()
    finally:
        logging.disable(logging.NOTSET)
    return Uv(program, version) if there else None


UV = find_uv()


def installation(session: nox.Session) -> install.Installation:
    """What makes venvs, as a context."""
    return install.Installation(session, UV)


def venvs(session: nox.Session, environments: Iterable[Environment]) -> dict[str, Outcome]:
    """The venvs of all ``environments``, by name, made where they are missing."""
    wanted = list(environments)
    with installation(session) as making:
        making.begin(wanted)
        return making.outcomes(wanted)


def go_back(session: nox.Session) -> None:
    """Have relative paths be the caller's: nox has gone to the checkout, for work on which it stays there."""
    if Path(session.invoked_from) != Path.cwd():
        session.chdir(session.invoked_from)


def harness(session: nox.Session, group: str = HARNESS) -> str:
    """The harness's interpreter; without one nothing can go on, so that is an error."""
    if group == HARNESS:
        go_back(session)
    return python_of(session, group, venvs(session, [environment(group)])[group])


def python_of(session: nox.Session, group: str, outcome: Outcome) -> str:
    """The interpreter of a venv without which nothing can go on."""
    if "python" not in outcome:
        session.error(f"nothing works without the {group} venv, and it cannot be made: {Venv.told(outcome).reason}")
    return str(outcome["python"])


def needs(python: str, arguments: Sequence[str], command: str = "needs") -> list[Environment]:
    """The environments that a command line needs, as the harness's own parser says.

    A command line that cannot be ends the session with the parser's exit status; its message has been shown by then.
    """
    query = [python, "-m", "bench.commands", command, "--needs", "--", *arguments]
    answer = subprocess.run(query, env=child.surroundings(), stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if answer.returncode:
        raise SystemExit(child.exit_status(answer.returncode))
    return [from_json(one) for one in json.loads(answer.stdout.strip().splitlines()[-1])]


def finish(session: nox.Session, python: str, *arguments: str, made: Mapping[str, Outcome] | None = None) -> None:
    """Run a command of the harness to its end; a status other than 0 ends the session with exactly that status."""
    tell(session, python, arguments)
    status = child.run([python, *arguments], {} if made is None else {"AIPC_BENCH_VENVS": json.dumps(made)})
    if status:
        raise SystemExit(status)


def finish_together(session: nox.Session, python: str, *commands: Sequence[str], **variables: str) -> None:
    """As :func:`finish`, of several commands at the same time; the first is shown meanwhile, the others at the end."""
    for arguments in commands:
        tell(session, python, arguments)
    shown, *beside = ([python, *arguments] for arguments in commands)
    status = child.run(shown, variables, beside)
    if status:
        raise SystemExit(status)


def tell(session: nox.Session, python: str, arguments: Sequence[str]) -> None:
    """Show a command before it runs."""
    line = [Path(python).name, *arguments]
    session.log(subprocess.list2cmdline(line) if sys.platform == "win32" else shlex.join(line))


def finish_parts(session: nox.Session, python: str, parts: Iterable[Sequence[str]], **variables: str) -> None:
    """Run parts of the tests at the same time; each is what pytest is called with."""
    # pytest removes the temporary folders of earlier runs below a folder that all its processes share.
    with tempfile.TemporaryDirectory(prefix="aipc-bench-tests-", ignore_cleanup_errors=True) as home:
        commands = (
            ["-m", "pytest", f"--basetemp={Path(home, str(number))}", *part] for number, part in enumerate(parts)
        )
        # Every converter runs, as the cache is empty, and once for all parts, as they share it.
        cache = os.environ.get("AIPC_BENCH_CACHE") or str(Path(home, "cache"))
        finish_together(session, python, *commands, AIPC_BENCH_CACHE=cache, **variables)


def measure(session: nox.Session) -> None:
    """Install what the command line needs and convert the model meanwhile, then run the command line."""
    go_back(session)
    with installation(session) as making:
        # A sweep that names nothing needs the default stacks, which the harness need not be asked for.
        making.begin(map(environment, (HARNESS, *(() if session.posargs else default_groups()))))
        python = python_of(session, HARNESS, making.outcome(HARNESS))
        wanted = needs(python, session.posargs)
        making.begin(wanted)
        if any(one.name == CONVERSION for one in wanted) and "python" in making.outcome(CONVERSION) and making.at_work:
            # What fails ahead fails again in the run, which says so.
            ahead = [python, "-m", "bench.commands", "ahead", *session.posargs]
            conversion = json.dumps({CONVERSION: making.outcome(CONVERSION)})
            if child.run_quietly(ahead, {"AIPC_BENCH_VENVS": conversion}, making.lines.show) == INTERRUPTED:
                raise SystemExit(INTERRUPTED)
        made = making.outcomes(wanted)
    suites = "bench/" if Path.cwd() == ROOT else str(ROOT / "bench")
    finish(session, python, "-m", "pytest", suites, *session.posargs, made=made)


def asks_for_help(arguments: Iterable[str]) -> bool:
    """Whether nothing but the help is wanted, which needs no stack."""
    return not {"-h", "--help"}.isdisjoint(arguments)


def lint_with(session: nox.Session, python: str) -> None:
    """Style, format and types, the quickest first; types once per system, since the checker reads the code of one."""
    other = "linux" if sys.platform == "win32" else "win32"
    workflows = map(str, sorted(ROOT.glob(".github/workflows/*.yml")))
    schema = ("check_jsonschema", "--builtin-schema")
    finish(session, python, "-m", "ruff", "check", ".")
    finish(session, python, "-m", "ruff", "format", "--check", ".")
    finish(session, python, "-m", *schema, "vendor.github-actions", "action.yml")
    finish(session, python, "-m", *schema, "vendor.github-workflows", *workflows)
    # Its package has a program and no module.
    finish(session, str(Path(python).with_name("zizmor")), "--offline", "--quiet", ".")
    for_other = ("--platform", other, "--cache-dir", f".mypy_cache/{other}")
    finish_together(session, python, ("-m", "mypy"), ("-m", "mypy", *for_other))


# -- sessions ---------------------------------------------------------------------------------------------------------


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """The main job: install what is missing, convert the model, measure, report. `-- --help` lists its options."""
    if asks_for_help(session.posargs):
        finish(session, harness(session), "-m", "bench.commands", "needs", "--help")
        return
    measure(session)


@nox.session(venv_backend="none")
def ab(session: nox.Session) -> None:
    """Measure two variants of a stack, `-- --a SPEC --b SPEC`, interleaved in one run. Takes the options of `bench`."""
    if asks_for_help(session.posargs):
        finish(session, harness(session), "-m", "bench.commands", "needs", "--help", "ab")
        return
    if not any(re.match(r"--([ab]|resume)(=|$)", argument) for argument in session.posargs):
        session.warn("error: ab compares two variants, --a SPEC and --b SPEC; see `nox -s ab -- --help`")
        raise SystemExit(4)
    measure(session)


@nox.session(venv_backend="none")
def models(session: nox.Session) -> None:
    """Prepare models and prompts for a sweep and measure nothing. Takes the options of `bench`."""
    python = harness(session)
    wanted = () if asks_for_help(session.posargs) else needs(python, session.posargs)
    made = venvs(session, [one for one in wanted if one.name == CONVERSION])
    finish(session, python, "-m", "bench.commands", "models", *session.posargs, made=made)


def of_the_harness(name: str, purpose: str) -> Callable[..., Any]:
    """A session that hands its arguments on to the command of the same name, which needs nothing but the harness."""

    def run(session: nox.Session) -> None:
        finish(session, harness(session), "-m", "bench.commands", name, *session.posargs)

    run.__doc__ = purpose
    return nox.session(name=name, venv_backend="none")(run)


report = of_the_harness("report", "Render runs again: those named, else the newest one in `results/`.")
compare = of_the_harness("compare", "Compare stored runs cell by cell: the base first, then one or more others.")
history = of_the_harness(
    "history",
    "All stored runs of a machine over time: estimates, change points, and what changed there.",
)
gate = of_the_harness(
    "gate",
    "Say by the exit status whether a run shows a regression: 0 no, 1 yes, 2 cannot tell. For CI.",
)
verify = of_the_harness(
    "verify",
    "Check stored runs, the newest unless they are named, against their digests; `-- --artifacts` checks the cache.",
)
collect = of_the_harness(
    "collect",
    "Bring runs together into a dataset: from `-- SOURCE…`, folders of runs or zips of them, `--into DIR`.",
)
sql = of_the_harness("sql", 'Ask stored runs, or a dataset, in SQL: `-- "select …"`; without a query a shell.')


@nox.session(venv_backend="none")
def quality(session: nox.Session) -> None:
    """Score texts with the loads of a stored run, the newest one unless it is named, and render its report again."""
    python = harness(session)
    wanted = () if asks_for_help(session.posargs) else needs(python, session.posargs, "quality")
    finish(session, python, "-m", "bench.commands", "quality", *session.posargs, made=venvs(session, wanted))


@nox.session(venv_backend="none")
def fleet(session: nox.Session) -> None:
    """Measure on many machines from one desk: `-- report`, and `certs`, `scheduler`, `worker` and `run`."""
    python = harness(session, FLEET if {*session.posargs[:1]} & {*FLEET_ENGINE} else HARNESS)
    go_back(session)
    nox_here = [sys.executable, "-m", "nox", "-f", str(ROOT / "noxfile.py"), "-s"]
    os.environ.setdefault(BENCH, json.dumps({name: [*nox_here, name, "--"] for name in ("bench", "models")}))
    finish(session, python, "-m", "bench.commands", "fleet", *session.posargs)


@nox.session(venv_backend="none")
def studies(session: nox.Session) -> None:
    """Experiments about the benchmark itself; `-- --help` names them."""
    name, *arguments = session.posargs or ("",)
    if name not in STUDIES:
        session.warn(
            f"error: name a study: `nox -s studies -- NAME`, with one of {', '.join(STUDIES)}; each takes --help"
        )
        raise SystemExit(0 if asks_for_help([name]) else 4)
    python = harness(session, FLEET if name == "fleet" else HARNESS)
    go_back(session)
    on_stacks = name in ("architectures", "overhead", "settings", "soak", "warmups")
    on_a_stack = on_stacks or (name == "intervals" and arguments[:1] in (["real"], ["variance"]))
    groups = contract_groups() if name == "architectures" else default_groups()
    made = venvs(session, map(environment, groups)) if on_a_stack and not asks_for_help(arguments) else {}
    # What must be compiled is measured where it is there.
    if name in ("architectures", "settings", "warmups"):
        made = {**install.as_they_are(map(environment, all_groups())), **made}
    finish(session, python, "-m", "studies", name, *arguments, made=made)


@nox.session(venv_backend="none")
def doctor(session: nox.Session) -> None:
    """What each stack can really use here, and how to mend the rest. Installs what is named by `-- --backend`."""
    python = harness(session)
    if asks_for_help(session.posargs):
        finish(session, python, "-m", "bench.commands", "doctor", "--help")
        return
    named = any(argument.startswith(("--backend", "--device")) for argument in session.posargs)
    made = venvs(session, needs(python, session.posargs) if named else [])
    known = install.as_they_are(map(environment, all_groups()))
    finish(session, python, "-m", "bench.commands", "doctor", *session.posargs, made={**known, **made})


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Make the lock files for Windows and Linux, Python 3.11 to 3.13. Takes --upgrade, or --check, which only looks."""
    if unknown := set(session.posargs) - {"--check", "--upgrade"}:
        session.warn(f"error: lock knows no {min(unknown)}; it takes --check and --upgrade")
        raise SystemExit(0 if asks_for_help(unknown) else 4)
    if "--check" in session.posargs:
        if outdated := [why for group in known_groups() if (why := problem(group)) is not None]:
            session.error("; ".join(outdated))
        return
    python, minors = harness(session, "resolver"), range(OLDEST[1], NEWEST[1] + 1)
    try:
        for said in renew(python, minors, upgrade="--upgrade" in session.posargs):
            session.log(said)
    except PrepareError as error:
        session.error(str(error))
    failed = []
    for group, system, version, said in resolve_all(python, minors):
        session.log(f"{group:<20} {system:<8} {version}  {said}")
        failed += [group] if said.startswith("FAILED") else []
    if failed:
        session.error(f"these cannot be installed by their locks: {', '.join(dict.fromkeys(failed))}")


@nox.session(venv_backend="none")
def audit(session: nox.Session) -> None:
    """Look up known faults of all packages in the lock files; `-- --sbom FOLDER` writes what is installed here."""
    python = harness(session, TESTS)
    go_back(session)
    here = install.as_they_are(map(environment, dict.fromkeys((HARNESS, FLEET, TESTS, *all_groups()))))
    finish(session, python, "-m", "bench.commands", "audit", *session.posargs, made=here)


@nox.session(venv_backend="none")
def clean(session: nox.Session) -> None:
    """Say what lies in the caches and in the venvs; `-- --remove` removes it."""
    # A venv of an older recipe is good enough to look into a cache, and needs no disk that may be full.
    usable = install.was_made(HARNESS) and install.damage(HARNESS) is None
    go_back(session)
    python = str(install.interpreter(HARNESS)) if usable else harness(session)
    finish(session, python, "-m", "bench.commands", "clean", *session.posargs)
    if not asks_for_help(session.posargs):
        install.clean(session, remove="--remove" in session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, format and types."""
    lint_with(session, harness(session, TESTS))


@nox.session(venv_backend="none")
def quick(session: nox.Session) -> None:
    """The tests of logic alone: no lint, process, browser, stack or long simulation. Takes pytest's options.

    Without options they run in two processes, each with folders of its own. Those of pytest-xdist would both collect
    all tests and report each of them to a third.
    """
    python = harness(session, TESTS)
    choice = ("-m", "not process and not slow", "--hypothesis-profile=quick")
    if session.posargs:
        finish(session, python, "-m", "pytest", *choice, *session.posargs)
    else:
        ignored = [f"--ignore={folder}" for folder in HALF]
        finish_parts(session, python, [(*choice, *HALF), (*choice, *ignored)])


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Lint, then all tests, on every stack. Takes pytest's options; with any, it leaves lint out."""
    python = harness(session, TESTS)
    if not session.posargs:
        lint_with(session, python)
    made = venvs(session, map(environment, contract_groups()))
    for group, outcome in made.items():
        if "python" not in outcome:
            session.error(f"the tests need every stack, and {group} cannot be had: {Venv.told(outcome).reason}")
    known = install.as_they_are(map(environment, all_groups()))
    for name, spec in BACKENDS.items():
        if spec.group and not spec.tested_on and not {"python", "unsupported"} & set(known[spec.group]):
            session.log(f"the tests of {name} run where its venv is: `nox -s bench -- --backend {name}` makes it")
    if session.posargs:
        finish(session, python, "-m", "pytest", *session.posargs, made=known)
    else:
        session.log("the tests on stacks are shown while they run, those that run beside them when all have ended")
        parts = [("--durations=30", "-m", chosen) for chosen in PARTS]
        finish_parts(session, python, parts, AIPC_BENCH_VENVS=json.dumps(known))


if __name__ == "__main__":
    nox.main()
