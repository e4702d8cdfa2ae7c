# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["nox>=2026.10"]
#
# [tool.nox]
# script-download-python = "never"
# ///
"""One virtual environment per inference stack, and the sessions that use them.

The stacks exclude each other, so each has a venv of its own under ``.nox/w``, made when a session first needs it and
left alone while its stamp says that it is what would be made again. ``bench`` asks the harness which stacks a command
line needs, makes those, and tells the harness through ``AIPC_BENCH_VENVS`` where they are, or why one is not there;
``ab`` does the same with a venv per variant, in which some of a group's pins are replaced::

    {"<group>": {"python": "<path>"} | {"unsupported": "<reason>"} | {"failed": ["<line of the installer>", ...]}}

Nox's own venvs are not used: they call pip every time, and one that fails ends the session instead of one stack.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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

ROOT = Path(__file__).absolute().parent
# Short, because Windows limits a path to 260 characters and torch's are long.
VENVS = ROOT / ".nox" / "w"
STACKS = ("conversion", "openvino-genai", "ort-genai", "transformers")
"""What the default sweep needs."""
TESTED = (*STACKS, "ort-genai-openvino")
"""What the tests need: every stack that can be installed without a compiler and runs without a device."""
ON_DEMAND = ("ort-genai-dml", "ort-genai-cuda", "ort-genai-winml", "ort-genai-ovep", "npu", "llama-cpp")
"""What a sweep can ask for, made when one does."""
WITHOUT_DEPENDENCIES: dict[str, str] = nox.project.load_toml(ROOT / "pyproject.toml")["tool"]["aipc-bench"][
    "without-dependencies"
]
"""Group of a venv -> a second group that goes into it without what that depends on."""
BUILD_ENVIRONMENT = {"llama-cpp": {"CMAKE_ARGS": "-DLLAVA_BUILD=OFF"}}
"""Group -> what its build is told. Nothing that changes a kernel: what is measured is what a user would build."""
PLUGINS = "AIPC_BENCH_PLUGINS"
"""Names packages that bring backends of their own, as pip requirements separated by semicolons."""
EXTRAS = "AIPC_BENCH_EXTRAS"
"""Names groups of packages that the harness can do without, separated by commas: ``energy``."""
OPTIONAL = ("energy",)
"""Those groups."""

Outcome = dict[str, Any]
"""What became of a venv: one entry of ``AIPC_BENCH_VENVS``."""


class Here(NamedTuple):
    """What decides whether a package exists for this machine."""

    platform: str
    machine: str
    python: tuple[int, int]


class Cost(NamedTuple):
    """What a venv takes: gigabytes on disk, and minutes on a machine of two cores near its package index."""

    gigabytes: float
    minutes: float


COSTS = {
    "harness": Cost(0.6, 0.4),
    "tests": Cost(0.9, 0.8),
    "conversion": Cost(1.8, 1.0),
    "openvino-genai": Cost(0.3, 0.2),
    "ort-genai": Cost(0.2, 0.2),
    "transformers": Cost(1.3, 0.8),
    "ort-genai-openvino": Cost(0.5, 0.3),
    "ort-genai-dml": Cost(0.3, 0.3),
    "ort-genai-cuda": Cost(4.0, 1.5),
    "ort-genai-winml": Cost(0.3, 0.3),
    "ort-genai-ovep": Cost(0.4, 0.3),
    "npu": Cost(1.7, 1.5),
    "llama-cpp": Cost(0.2, 8.0),
    "resolver": Cost(0.1, 0.1),
}
"""Group -> what its venv takes; llama.cpp is compiled."""
UNKNOWN_COST = Cost(1.0, 2.0)
"""What a third party's worker is taken for."""
LONGEST_PATH = 259
"""Characters of a path on Windows, as long as it was not told to allow more."""
BELOW_ROOT = 209
"""Characters that the longest path of a venv has below the checkout: a licence in torch 2.13."""
CONTROL_C_EXIT = 0xC000013A
"""Status of a process of Windows that Ctrl-C, Ctrl-Break or the end of its console ended."""
UNPACKING = 1.4
"""Space that pip needs while it works, over what is left when it is done: packages lie beside what they unpack to."""


def _windows_on_arm(package: str) -> Callable[[Here], str | None]:
    def predicate(here: Here) -> str | None:
        if here.platform == "win32" and here.machine.upper() == "ARM64":
            return f"{package} is not published for Windows on ARM"
        return None

    return predicate


def _windows_only(package: str) -> Callable[[Here], str | None]:
    def predicate(here: Here) -> str | None:
        return None if here.platform == "win32" else f"{package} is published for Windows only"

    return predicate


def _npu_library(here: Here) -> str | None:
    package = "intel-npu-acceleration-library"
    if here.platform != "win32":
        return f"{package} has no wheel for Linux: build it yourself and name that interpreter by --worker npu=PYTHON"
    if here.python > (3, 12):
        return f"{package} has no wheel for Python 3.13 or later: make the .venv with `py -3.12 -m venv .venv`"
    return _windows_on_arm(package)(here)


NOT_HERE: dict[str, Callable[[Here], str | None]] = {
    "harness": _windows_on_arm("pyarrow"),
    "tests": _windows_on_arm("pyarrow"),
    "conversion": _windows_on_arm("openvino"),
    "openvino-genai": _windows_on_arm("openvino-genai"),
    "transformers": _windows_on_arm("torch"),
    "ort-genai-openvino": _windows_on_arm("onnxruntime-openvino"),
    "ort-genai-dml": _windows_only("onnxruntime-genai-directml"),
    "ort-genai-winml": _windows_only("onnxruntime-genai-winml"),
    "ort-genai-cuda": _windows_on_arm("onnxruntime-genai-cuda"),
    "ort-genai-ovep": _windows_on_arm("onnxruntime-ep-openvino"),
    "npu": _npu_library,
}
"""Group -> why its packages do not exist for a machine, or ``None`` where they do."""


# -- what a venv is ---------------------------------------------------------------------------------------------------


def interpreter(group: str) -> Path:
    """The Python of a group's venv, whether it is made yet or not."""
    return VENVS / group / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def pins(group: str) -> tuple[str, ...]:
    """The requirements of a group of ``pyproject.toml``, of a third party's worker, or of a variant of one of these."""
    if group in TOLD:
        return TOLD[group]
    own = nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), group)
    if group not in ("harness", "tests"):
        return own
    return (*own, *plugins(os.environ), *(pin for extra in extras(os.environ) for pin in pins(extra)))


def plugins(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The packages that bring backends of their own."""
    return tuple(name.strip() for name in environ.get(PLUGINS, "").split(";") if name.strip())


def extras(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The groups that the harness gets beside its own."""
    asked = tuple(name.strip() for name in environ.get(EXTRAS, "").split(",") if name.strip())
    if unknown := [name for name in asked if name not in OPTIONAL]:
        raise SystemExit(f"{EXTRAS}: no group {unknown[0]!r}; there is {', '.join(OPTIONAL)}")
    return asked


def beside(group: str) -> tuple[str, ...]:
    """The requirements that go into a venv afterwards, without what they depend on."""
    if group in VARIANTS:
        return VARIANTS[group].beside
    extra = WITHOUT_DEPENDENCIES.get(group)
    return pins(extra) if extra else ()


def base(group: str) -> str:
    """The group that a variant is one of; any other group itself."""
    return VARIANTS[group].group if group in VARIANTS else group


class Variant(NamedTuple):
    """A venv in which some of a group's pins are replaced."""

    group: str
    beside: tuple[str, ...]


TOLD: dict[str, tuple[str, ...]] = {}
"""Group -> requirements that stand in no file here, as the harness told them: a third party's worker, a variant."""
VARIANTS: dict[str, Variant] = {}
"""Name -> the variant that a command line asks for, as the harness told it."""


def recipe(group: str) -> str:
    """All that a venv is made from, as text: a venv whose stamp says the same need not be made again."""
    torch = torch_index(pins(group), this_machine(), os.environ)
    packages = [pins(group), beside(group), torch, BUILD_ENVIRONMENT.get(base(group), {})]
    made_from = [*packages, platform.python_version(), sys.platform, platform.machine()]
    return json.dumps(made_from)


def is_ready(group: str) -> bool:
    """Whether the venv is whole and what its recipe says."""
    stamp = VENVS / group / "stamp"
    # The interpreter is a link on Linux: it may have lost the Python that it was made from.
    return stamp.exists() and interpreter(group).exists() and stamp.read_text("utf-8") == recipe(group)


def torch_index(requirements: Iterable[str], here: Here, environ: Mapping[str, str]) -> list[str]:
    """The arguments that let pip find another build of torch than the package index has: for the CPU, CUDA or XPU."""
    url = environ.get("AIPC_BENCH_TORCH_INDEX", "").strip()
    return ["--extra-index-url", url] if url and has_torch(requirements) and here.platform in ("linux", "win32") else []


def has_torch(requirements: Iterable[str]) -> bool:
    """Whether torch itself is asked for; torchvision and its like have other names."""
    return any(re.split(r"[^\w.-]", requirement)[0].lower() == "torch" for requirement in requirements)


def unsupported(group: str, here: Here) -> str | None:
    """Why a group's packages do not exist for a machine; ``None`` where they do."""
    predicate = NOT_HERE.get(base(group))
    return predicate(here) if predicate else None


# -- how a venv is made -----------------------------------------------------------------------------------------------


def describe(group: str) -> str:
    """What a venv costs, for people."""
    what = f"{base(group)} with {' '.join(pins(group) + beside(group))}; " if group in VARIANTS else ""
    return f"{what}{cost(group).gigabytes:.1f} GB, about {max(1, round(cost(group).minutes))} min"


def cost(group: str) -> Cost:
    """What a venv takes."""
    return COSTS.get(base(group), UNKNOWN_COST)


def shortage(groups: Iterable[str], free_bytes: int) -> str | None:
    """Why the venvs of ``groups`` do not fit into ``free_bytes``; ``None`` if they do."""
    needed = sum(cost(group).gigabytes for group in groups) * UNPACKING
    free = free_bytes / 1e9
    if needed <= free:
        return None
    return (
        f"installing {', '.join(groups)} needs {needed:.1f} GB and {ROOT} has {free:.1f} GB free: "
        "make room, or ask for fewer stacks with `--backend`"
    )


def complaints(log: Path, otherwise: str) -> list[str]:
    """The installer's last words: its errors and hints without their time stamps, at most five."""
    if not log.exists():
        return [otherwise]
    lines = [re.sub(r"^\S+,\d+ +", "", line)[:500] for line in log.read_text("utf-8", errors="replace").splitlines()]
    said = [line for line in lines if line.strip()]
    # What pip hints at is how to mend it, such as Windows' limit to the length of paths.
    return [line for line in said if line.startswith(("ERROR", "HINT"))][-5:] or said[-5:] or [otherwise]


def install(session: nox.Session, group: str, here: Here) -> None:
    """Make a group's venv from nothing. Its stamp is written last, so that a half-made venv is never used."""
    home = VENVS / group
    make = ("-m", "virtualenv", "-q", "--clear", "--no-periodic-update", "--python", sys.executable, str(home))
    session.run(sys.executable, *make, external=True)
    pip = (str(interpreter(group)), "-m", "pip", "install", "--no-input", "--log", str(home / "pip.log"))
    torch = torch_index(pins(group), here, os.environ)
    session.run(*pip, *torch, *pins(group), external=True, env=BUILD_ENVIRONMENT.get(base(group)))
    if extra := beside(group):
        session.run(*pip, "--no-deps", *extra, external=True)
    # The harness compares this with what it finds there when it measures.
    listing = (str(interpreter(group)), "-m", "pip", "list", "--format=json", "--disable-pip-version-check")
    listed = session.run(*listing, external=True, silent=True, stderr=subprocess.DEVNULL)
    (home / "packages.json").write_text(str(listed), encoding="utf-8")
    (home / "pip.log").unlink(missing_ok=True)
    (home / "stamp").write_text(recipe(group), encoding="utf-8")


def as_it_is(group: str, here: Here) -> Outcome | None:
    """What is known of a group's venv without making it; ``None`` of one that is still to be made."""
    if why := unsupported(group, here):
        return {"unsupported": why}
    return {"python": str(interpreter(group))} if is_ready(group) else None


def venv(session: nox.Session, group: str, here: Here, turn: str = "") -> Outcome:
    """The venv of a group, made if need be. What goes wrong is told, not raised: other stacks can still be measured."""
    if (known := as_it_is(group, here)) is not None:
        return known
    session.log(f"installing {group} ({describe(group)}){turn}")
    try:
        install(session, group, here)
    except nox.command.CommandFailed as error:
        lines = complaints(VENVS / group / "pip.log", f"no virtual environment could be made: {error}")
        session.warn(f"{group} could not be installed: {lines[-1]} (all of it: {VENVS / group / 'pip.log'})")
        return {"failed": lines}
    return {"python": str(interpreter(group))}


def venvs(session: nox.Session, groups: Sequence[str]) -> dict[str, Outcome]:
    """The venvs of all ``groups``; says first what will be installed, and refuses if it cannot fit on the disk."""
    here = this_machine()
    missing = [group for group in groups if not unsupported(group, here) and not is_ready(group)]
    if missing:
        announce(session, missing)
    turns = {group: f" {count} of {len(missing)}" for count, group in enumerate(missing, start=1)}
    return {group: venv(session, group, here, turns.get(group, "")) for group in groups}


def announce(session: nox.Session, groups: Sequence[str]) -> None:
    """Say what the installation of ``groups`` takes, before it starts."""
    free_bytes = shutil.disk_usage(ROOT).free
    gigabytes, minutes = (sum(values) for values in zip(*map(cost, groups), strict=True))
    session.log(
        f"to be installed: {', '.join(groups)}; {gigabytes:.1f} GB and about {max(1, round(minutes))} min in all "
        f"(longer over a slow line), {free_bytes / 1e9:.0f} GB free"
    )
    torch_wanted = any(has_torch(pins(group)) for group in groups)
    if sys.platform == "linux" and torch_wanted and not os.environ.get("AIPC_BENCH_TORCH_INDEX"):
        session.log(
            "torch: where the package index has CUDA builds only, this is several GB more; "
            "AIPC_BENCH_TORCH_INDEX=https://download.pytorch.org/whl/cpu avoids it"
        )
    if problem := too_deep(ROOT, this_machine(), long_paths=has_long_paths()):
        session.warn(problem)
    if problem := shortage(groups, free_bytes):
        session.error(problem)


def too_deep(root: Path, here: Here, *, long_paths: bool) -> str | None:
    """Why paths of venvs may become longer than Windows allows; ``None`` where they cannot.

    Args:
        root: the checkout.
        here: the machine.
        long_paths: whether it was told to allow longer ones.
    """
    most = LONGEST_PATH - BELOW_ROOT
    if here.platform != "win32" or long_paths or len(str(root)) <= most:
        return None
    return (
        f"{root} is longer than {most} characters, so paths of torch below it may pass the {LONGEST_PATH} that Windows "
        "allows: move the checkout, e.g. to C:\\aipc-bench, or allow longer ones, in a PowerShell of an administrator: "
        "New-ItemProperty HKLM:\\SYSTEM\\CurrentControlSet\\Control\\FileSystem -Name LongPathsEnabled -Value 1 -Force"
    )


def has_long_paths() -> bool:
    """Whether Windows was told to allow paths of any length."""
    if sys.platform != "win32":
        return True
    else:  # noqa: RET505 - the checker for types reads one platform at a time
        import winreg  # noqa: PLC0415 - exists on Windows only

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except OSError:
            return False


def this_machine() -> Here:
    """The machine that this runs on."""
    return Here(sys.platform, platform.machine(), sys.version_info[:2])


# -- what the sessions share ------------------------------------------------------------------------------------------


def harness(session: nox.Session, group: str = "harness") -> str:
    """The harness's interpreter; without one nothing can go on, so that is an error."""
    outcome = venvs(session, [group])[group]
    if "python" not in outcome:
        session.error(f"nothing works without the {group} venv, and it cannot be made: {reason(outcome)}")
    return str(outcome["python"])


def reason(outcome: Outcome) -> str:
    """Why there is no venv, in one line."""
    return str(outcome.get("unsupported") or outcome["failed"][-1])


def needs(python: str, arguments: Sequence[str]) -> list[str]:
    """The groups that a command line needs, as the harness's own parser says.

    A command line that cannot be ends the session with the parser's exit status; its message has been shown by then.
    """
    query = [python, "-m", "bench.commands.needs", "--needs", "--", *arguments]
    answer = subprocess.run(query, cwd=ROOT, env=utf8(), stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if answer.returncode:
        raise SystemExit(exit_status(answer.returncode))
    told = json.loads(answer.stdout.strip().splitlines()[-1])
    TOLD.update({group: tuple(asked) for group, asked in told["requirements"].items()})
    VARIANTS.update({name: Variant(one["group"], tuple(one["beside"])) for name, one in told["variants"].items()})
    return list(told["groups"])


def utf8() -> dict[str, str]:
    """The environment of everything that the harness runs in: the caller's, with one encoding on every system."""
    return {**os.environ, "PYTHONUTF8": "1"}


def exit_status(return_code: int) -> int:
    """A child's return code as a shell tells it: one that a signal ended has 128 + the signal's number.

    On Windows Ctrl-C and Ctrl-Break count as such, and what else ended it is a failure.
    """
    if return_code == CONTROL_C_EXIT:
        return 128 + signal.SIGINT
    if return_code > 255:
        return 1
    return return_code if return_code >= 0 else 128 - return_code


def finish(session: nox.Session, python: str, *arguments: str, made: Mapping[str, Outcome] | None = None) -> None:
    """Run a command to its end; a status other than 0 ends the session with exactly that status.

    Not by ``session.run``: that leaves at the second Ctrl-C, with the command still writing to the console.
    """
    env = utf8() | ({} if made is None else {"AIPC_BENCH_VENVS": json.dumps(made)})
    break_as_interrupt()
    line = ["python", *arguments]
    session.log(subprocess.list2cmdline(line) if sys.platform == "win32" else shlex.join(line))
    with subprocess.Popen([python, *arguments], cwd=ROOT, env=env) as child:
        status = wait(child)
    if status:
        raise SystemExit(status)


def measure(session: nox.Session, python: str) -> None:
    """Install what the command line needs, then run it."""
    made = venvs(session, needs(python, session.posargs))
    finish(session, python, "-m", "pytest", "bench/", *session.posargs, made=made)


def break_as_interrupt() -> None:
    """Have Ctrl-Break of a Windows console do what Ctrl-C does, or it would end nox and leave the command running."""
    if (number := getattr(signal, "SIGBREAK", None)) is not None:
        signal.signal(number, signal.default_int_handler)


def wait(child: subprocess.Popen[bytes]) -> int:
    """The exit status of ``child``. Ctrl-C reaches it from the console too; how to end is its own affair."""
    while True:
        try:
            return exit_status(child.wait())
        except KeyboardInterrupt:
            continue


def asks_for_help(arguments: Iterable[str]) -> bool:
    """Whether nothing but the help is wanted, which needs no stack."""
    return not {"-h", "--help"}.isdisjoint(arguments)


def lint_with(session: nox.Session, python: str) -> None:
    """Style, format and types, the quickest first; types twice, since the checker reads the code of one system."""
    other = "linux" if sys.platform == "win32" else "win32"
    types_of_other = ("mypy", "--platform", other, "--cache-dir", f".mypy_cache/{other}")
    for check in (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), types_of_other):
        finish(session, python, "-m", *check)


def size_bytes(folder: Path) -> int:
    """What the files below ``folder`` hold; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


def clean_venvs(session: nox.Session, *, remove: bool) -> None:
    """Say what each venv takes, and remove all of them if asked."""
    for folder in sorted(path for path in VENVS.glob("*") if path.is_dir()):
        session.log(f"{'removing' if remove else 'venv'} {folder} ({size_bytes(folder) / 1e9:.2f} GB)")
        if remove:
            try:
                shutil.rmtree(folder)
            except OSError as error:
                session.warn(f"{folder} stays in part: {error.strerror or error}; end what runs from it and try again")


# -- sessions ---------------------------------------------------------------------------------------------------------


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """The main job: install what is missing, convert the model, measure, report. `-- --help` lists its options."""
    python = harness(session)
    if asks_for_help(session.posargs):
        finish(session, python, "-m", "bench.commands.needs", "--help")
        return
    measure(session, python)


@nox.session(venv_backend="none")
def ab(session: nox.Session) -> None:
    """Measure two variants of a stack, `-- --a SPEC --b SPEC`, interleaved in one run. Takes the options of `bench`."""
    python = harness(session)
    if asks_for_help(session.posargs):
        finish(session, python, "-m", "bench.commands.needs", "--help", "ab")
        return
    if not any(re.match(r"--[ab](=|$)", argument) for argument in session.posargs):
        session.warn("error: ab compares two variants, --a SPEC and --b SPEC; see `nox -s ab -- --help`")
        raise SystemExit(4)
    measure(session, python)


@nox.session(venv_backend="none")
def models(session: nox.Session) -> None:
    """Prepare models and prompts for a sweep and measure nothing. Takes the options of `bench`."""
    python = harness(session)
    wanted = () if asks_for_help(session.posargs) else needs(python, session.posargs)
    made = venvs(session, [group for group in wanted if group == "conversion"])
    finish(session, python, "-m", "bench.commands.models", *session.posargs, made=made)


@nox.session(venv_backend="none")
def report(session: nox.Session) -> None:
    """Render runs again: those named, else the newest one in `results/`."""
    finish(session, harness(session), "-m", "bench.commands.report", *session.posargs)


@nox.session(venv_backend="none")
def compare(session: nox.Session) -> None:
    """Compare stored runs cell by cell: the base first, then one or more others."""
    finish(session, harness(session), "-m", "bench.commands.compare", *session.posargs)


@nox.session(venv_backend="none")
def history(session: nox.Session) -> None:
    """All stored runs of a machine over time: estimates, change points, and what changed there."""
    finish(session, harness(session), "-m", "bench.commands.history", *session.posargs)


@nox.session(venv_backend="none")
def gate(session: nox.Session) -> None:
    """Say by the exit status whether a run shows a regression: 0 no, 1 yes, 2 cannot tell. For CI."""
    finish(session, harness(session), "-m", "bench.commands.gate", *session.posargs)


STUDIES = ("intervals", "overhead", "report-speed")
"""Packages of ``studies/``, with dashes in their names as people type them."""


@nox.session(venv_backend="none")
def studies(session: nox.Session) -> None:
    """Experiments about the benchmark itself: `-- intervals`, `-- overhead` or `-- report-speed`, and its options."""
    name, *arguments = session.posargs or ("",)
    if name not in STUDIES:
        session.warn(
            f"error: name a study: `nox -s studies -- NAME`, with one of {', '.join(STUDIES)}; each takes --help"
        )
        raise SystemExit(0 if asks_for_help([name]) else 4)
    python = harness(session)
    on_a_stack = name == "overhead" or (name == "intervals" and arguments[:1] in (["real"], ["variance"]))
    made = venvs(session, STACKS) if on_a_stack and not asks_for_help(arguments) else {}
    finish(session, python, "-m", f"studies.{name.replace('-', '_')}", *arguments, made=made)


@nox.session(venv_backend="none")
def doctor(session: nox.Session) -> None:
    """What each stack can really use here, and how to mend the rest. Installs what is named by `-- --backend`."""
    python = harness(session)
    if asks_for_help(session.posargs):
        finish(session, python, "-m", "bench.commands.doctor", "--help")
        return
    named = any(argument.startswith(("--backend", "--device")) for argument in session.posargs)
    asked = needs(python, session.posargs) if named else []
    made = venvs(session, asked)
    finish(session, python, "-m", "bench.commands.doctor", *session.posargs, made={**ready_or_not(), **made})


def ready_or_not() -> dict[str, Outcome]:
    """Every stack's venv as it is now; nothing is installed for it."""
    here = this_machine()
    outcomes: dict[str, Outcome] = {}
    for group in (*TESTED, *ON_DEMAND):
        missing = f"its packages are not installed ({describe(group)}); name it by --backend or --device"
        outcomes[group] = as_it_is(group, here) or {"failed": [missing]}
    return outcomes


@nox.session(venv_backend="none")
def resolve(session: nox.Session) -> None:
    """Prove that every worker's packages resolve for Windows and Linux, Python 3.11 to 3.13; nothing is installed."""
    python = harness(session, "resolver")
    failed = []
    for group in (*TESTED, *ON_DEMAND):
        for system, wanted in RESOLVED_FOR.items():
            for minor in range(OLDEST[1], NEWEST[1] + 1):
                said = resolved(python, group, Here(wanted, "x86_64", (3, minor)), system)
                session.log(f"{group:<20} {system:<8} 3.{minor}  {said}")
                failed += [group] if said.startswith("FAILED") else []
    if failed:
        session.error(f"these cannot be resolved: {', '.join(dict.fromkeys(failed))}")


RESOLVED_FOR = {"windows": "win32", "linux": "linux"}
"""uv's name of a platform -> Python's."""


def resolved(python: str, group: str, here: Here, system: str) -> str:
    """What uv's resolver makes of a group for a machine: ``ok``, why it is not published, or ``FAILED`` and why."""
    if why := unsupported(group, here):
        return f"not published: {why}"
    sets = [pins(group), *([extra] if (extra := beside(group)) else [])]
    version = ".".join(map(str, here.python))
    for number, requirements in enumerate(sets):
        command = [python, "-m", "uv", "pip", "compile", "--quiet", "--no-header"]
        command += [] if group in BUILD_ENVIRONMENT else ["--only-binary", ":all:"]
        command += ["--python-platform", system, "--python-version", version, *(["--no-deps"] if number else []), "-"]
        lines = "\n".join(requirements)
        done = subprocess.run(command, cwd=ROOT, input=lines, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            return f"FAILED {' '.join(done.stderr.split())[-300:]}"
    return "ok"


@nox.session(venv_backend="none")
def clean(session: nox.Session) -> None:
    """Say what lies in the caches and in the venvs; `-- --remove` removes it."""
    # A venv of an older recipe is good enough to look into a cache, and needs no disk that may be full.
    usable = interpreter("harness").exists() and (VENVS / "harness" / "stamp").exists()
    python = str(interpreter("harness")) if usable else harness(session)
    finish(session, python, "-m", "bench.commands.clean", *session.posargs)
    if not asks_for_help(session.posargs):
        clean_venvs(session, remove="--remove" in session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, format and types."""
    lint_with(session, harness(session, "tests"))


@nox.session(venv_backend="none")
def quick(session: nox.Session) -> None:
    """The tests of logic alone: no lint, no process, no browser, no stack. Takes pytest's options."""
    finish(session, harness(session, "tests"), "-m", "pytest", "-m", "not process", *session.posargs)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Lint, then all tests, on every stack. Takes pytest's options; with any, it leaves lint out."""
    python = harness(session, "tests")
    if not session.posargs:
        lint_with(session, python)
    made = venvs(session, TESTED)
    for group, outcome in made.items():
        if "python" not in outcome:
            session.error(f"the tests need every stack, and {group} cannot be had: {reason(outcome)}")
    if not is_ready("llama-cpp"):
        session.log("llama-cpp is compiled, so its tests run where its venv is: `nox -s bench -- --backend llama-cpp`")
    finish(session, python, "-m", "pytest", *session.posargs, made=ready_or_not())


if __name__ == "__main__":
    nox.main()
