"""Makes venvs: one per environment, under ``.nox/w`` of the checkout, by virtualenv and pip.

The noxfile calls this on nox's own Python, so beside the standard library it imports only what nox brings.
"""

from __future__ import annotations

import ast
import csv
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Protocol

from packaging.utils import canonicalize_name
from packaging.version import Version

from backends.no_secrets import without_secrets
from bench import PROJECT_ROOT
from bench.observe.packages import LOCK_FILE
from bench.plan.environments import Environment, Here, package_name, this_machine
from bench.prepare import locks
from bench.prepare.locks import Lock, Row, fingerprint, lock_of

# Short, because Windows limits a path to 260 characters and torch's are long.
VENVS = PROJECT_ROOT / ".nox" / "w"
LONGEST_PATH = 259
"""Characters of a path on Windows, as long as it was not told to allow more."""
BELOW_ROOT = 209
"""Characters that the longest path of a venv has below the checkout: a licence in torch 2.13."""
UNPACKING = 1.4
"""Space that pip needs while it works, over what is left when it is done: packages lie beside what they unpack to."""

FOREIGN = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHONINSPECT"),
    *("PYTHONSAFEPATH", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"),
)
"""Variables that decide what a Python finds installed or what it runs besides: no venv's Python gets the caller's."""
PASSED_ON = frozenset(
    (
        *("index-url", "pypi-url", "extra-index-url", "no-index", "find-links", "trusted-host", "resume-retries"),
        *("proxy", "cert", "client-cert", "keyring-provider", "timeout", "default-timeout", "retries"),
        *("cache-dir", "no-cache-dir", "constraint", "build-constraint", "uploaded-prior-to"),
        *("only-binary", "no-binary", "prefer-binary", "no-color", "progress-bar", "disable-pip-version-check"),
    )
)
"""Settings of pip that say where packages come from and how they are fetched; of the user's no others are taken."""
INSTALLERS = frozenset(("pip", "setuptools", "wheel"))
"""Packages that a venv works without, once it is made."""

Outcome = dict[str, Any]
"""What became of a venv: one entry of ``AIPC_BENCH_VENVS``."""


class Session(Protocol):
    """What an installation needs of a nox session."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; raises where it fails."""

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Say what happens."""

    def warn(self, *args: Any, **kwargs: Any) -> None:
        """Say what went wrong."""

    def error(self, *args: Any) -> Any:
        """Say why the session cannot go on, and end it."""


# -- what a venv is ---------------------------------------------------------------------------------------------------


def interpreter(name: str) -> Path:
    """The Python of a venv, whether it is made yet or not."""
    return VENVS / name / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def recipe(one: Environment) -> str:
    """All that a venv is made from, as text: a venv whose stamp says the same need not be made again."""
    torch = torch_index(one.pins, this_machine(), os.environ)
    packages = [one.pins, one.beside, torch, one.facts.build, fingerprint(one)]
    made_from = [*packages, platform.python_version(), sys.platform, platform.machine()]
    return json.dumps(made_from)


def was_made(name: str) -> bool:
    """Whether a venv is whole, from whatever recipe."""
    # The interpreter is a link on Linux: it may have lost the Python that it was made from.
    return (VENVS / name / "stamp").exists() and interpreter(name).exists()


def is_ready(one: Environment) -> bool:
    """Whether the venv was finished by what its recipe says now."""
    return was_made(one.name) and (VENVS / one.name / "stamp").read_text("utf-8") == recipe(one)


def damage(name: str) -> str | None:
    """What a finished venv has lost since, in words; ``None`` if nothing.

    Nothing is started for it: what pip listed must still be there, with all files that its wheels brought. Another
    version than the listed one is somebody's choice, and a finding of the run.
    """
    home = VENVS / name
    try:
        listed = json.loads((home / "packages.json").read_text("utf-8"))
        wanted = {canonicalize_name(entry["name"]): entry["version"] for entry in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return "its list of packages cannot be read"
    folders = [str(folder) for folder in (*home.glob("lib/python*/site-packages"), *home.glob("Lib/site-packages"))]
    found = {canonicalize_name(one.name): one for one in distributions(path=folders) if one.name}
    for package in sorted(wanted.keys() - INSTALLERS):
        if package not in found:
            return f"{package} {wanted[package]} is gone"
        if (file := _lost_file(found[package])) is not None:
            return f"{package} has lost {file}"
    return None


def _lost_file(installed: Distribution) -> str | None:
    """A file that a package brought and that is not there, or is empty and was not."""
    # Without an object per file, as ``installed.files`` makes them: torch has 10,000.
    for row in csv.reader((installed.read_text("RECORD") or "").splitlines()):
        if len(row) != 3 or not row[1]:
            continue  # made here, such as what is compiled
        try:
            size = os.stat(str(installed.locate_file(row[0]))).st_size  # noqa: PTH116 - see above
        except OSError:
            return row[0]
        if size == 0 and row[2] != "0":
            return row[0]
    return None


def as_it_is(one: Environment, here: Here) -> Outcome | None:
    """What is known of a venv without making it; ``None`` of one that is still to be made."""
    if why := one.facts.unsupported(here):
        return {"unsupported": why}
    return {"python": str(interpreter(one.name))} if is_ready(one) and damage(one.name) is None else None


def as_they_are(environments: Iterable[Environment]) -> dict[str, Outcome]:
    """Every venv as it is now; nothing is installed for it."""
    here = this_machine()
    outcomes: dict[str, Outcome] = {}
    for one in environments:
        state = f"are broken, {lost}" if is_ready(one) and (lost := damage(one.name)) else "are not installed"
        missing = f"its packages {state} ({describe(one)}); name it by --backend or --device"
        outcomes[one.name] = as_it_is(one, here) or {"failed": [missing]}
    return outcomes


def reason(outcome: Outcome) -> str:
    """Why there is no venv, in one line."""
    return str(outcome.get("unsupported") or outcome["failed"][-1])


# -- how venvs are made -----------------------------------------------------------------------------------------------


def make(session: Session, environments: Sequence[Environment], failed: type[Exception]) -> dict[str, Outcome]:
    """The venvs of all ``environments``, by name. Those that are missing are made, where they fit on the disk.

    What goes wrong with one, ``failed`` raised by the session, is told: other stacks can still be measured.
    """
    here = this_machine()
    outcomes = {one.name: as_it_is(one, here) for one in environments}
    missing = [one for one in environments if outcomes[one.name] is None]
    if missing:
        _announce(session, missing)
    for count, one in enumerate(missing, start=1):
        with _alone(session, one.name):
            # Whoever had the lock may have made it.
            if (outcome := as_it_is(one, here)) is None:
                if is_ready(one):
                    session.warn(f"the venv of {one.name} is broken: {damage(one.name)}; it is made again")
                session.log(f"installing {one.name} ({describe(one)}) {count} of {len(missing)}")
                outcome = _made(session, one, failed)
            outcomes[one.name] = outcome
    return {name: outcome for name, outcome in outcomes.items() if outcome is not None}


@contextmanager
def _alone(session: Session, name: str) -> Iterator[None]:
    """Hold the lock under which a venv is made; a process that dies gives it back."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - comes with nox, and is needed for this alone

    # Not in the venv, which is removed under the lock.
    locks = VENVS.with_name("locks")
    lock = FileLock(locks / f"{name}.lock")
    try:
        locks.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        session.log(f"waiting for another session that makes the venv of {name}")
        lock.acquire()
    except OSError as error:
        session.error(
            f"{VENVS.parent} cannot be written ({error.strerror or error}), and venvs are made there: let the user who "
            "starts nox write into it, or start from a copy of the checkout that this user owns"
        )
    try:
        yield
    finally:
        lock.release()


def _made(session: Session, one: Environment, failed: type[Exception]) -> Outcome:
    home = VENVS / one.name
    log = home / "pip.log"
    try:
        _install(session, one)
        lost = damage(one.name)
        lines = [f"the installer ended well, and {lost}"] if lost else []
    except failed as error:
        lines = complaints(log, f"no virtual environment could be made: {error}")
        lines = mismatch(log, one) or lines
    if lines:
        session.warn(f"{one.name} could not be installed: {lines[-1]} (all of it: {log})")
        return {"failed": lines}
    log.unlink(missing_ok=True)
    (home / "stamp").write_text(recipe(one), encoding="utf-8")
    return {"python": str(interpreter(one.name))}


def _install(session: Session, one: Environment) -> None:
    """Make a venv from nothing. Its stamp is written after it was looked at, so that no half-made venv is used."""
    home, python = VENVS / one.name, str(interpreter(one.name))
    virtualenv = (
        "-m",
        "virtualenv",
        "-q",
        "--clear",
        "--no-periodic-update",
        "--no-setuptools",
        "--python",
        sys.executable,
        str(home),
    )
    session.run(sys.executable, *virtualenv, external=True, env=own_virtualenv(os.environ))
    asked = (python, "-m", "pip", "config", "list", "-vvv", "--disable-pip-version-check")
    unset = dict.fromkeys(FOREIGN)
    said = session.run(
        *asked, external=True, silent=True, stderr=subprocess.DEVNULL, env={**unset, **own_pip(os.environ, "")}
    )
    settings = {**unset, **own_pip(os.environ, str(said)), "PIP_CONFIG_FILE": os.devnull}
    pip, log = (python, "-m", "pip"), ("--log", str(home / "pip.log"))
    torch = torch_index(one.pins, this_machine(), os.environ)
    install = (*pip, "install", "--no-input", *log)
    lock = lock_of(one)
    by_hash = (
        *install,
        "--no-deps",
        "--require-hashes",
        *([] if one.facts.build else ["--only-binary", ":all:"]),
        "-r",
    )
    rows, by_name = lock.rows, [*lock.by_name] if lock.rows else [*one.pins]
    if lock.missing:
        session.warn(f"{one.name} is installed without a lock: {lock.missing}")
    elif (build := _provided_torch(session, one, (*install, *torch), settings)) is not None:
        rows = locks.without(rows, one.pins, "torch", build.get("requires_dist", []))
        by_name.append(f"torch=={build['version']}")
    if rows:
        session.run(*by_hash, _written(home, rows), external=True, env={**settings, **one.facts.build})
    if by_name:
        session.run(*install, *torch, *by_name, external=True, env={**settings, **one.facts.build})
    # Before what comes without its dependencies, which would be missed here.
    session.run(*pip, "check", *log, external=True, silent=True, env=settings)
    if lock.beside:
        session.run(*by_hash, _written(home, lock.beside), external=True, env=settings)
    elif one.beside:
        session.run(*install, "--no-deps", *one.beside, external=True, env=settings)
    # The harness compares this with what it finds there when it measures.
    listing = (*pip, "list", "--format=json", "--disable-pip-version-check")
    listed = str(session.run(*listing, external=True, silent=True, stderr=subprocess.DEVNULL, env=settings))
    (home / "packages.json").write_text(listed, encoding="utf-8")
    _note_lock(one, lock, (*rows, *lock.beside), listed)


def _written(home: Path, rows: Iterable[Row]) -> str:
    """The path of a file for pip that holds the rows of a lock."""
    file = home / "requirements.txt"
    file.write_text("".join(map(str, rows)), encoding="utf-8")
    return str(file)


def _provided_torch(
    session: Session, one: Environment, install: Sequence[str], settings: Mapping[str, str | None]
) -> dict[str, Any] | None:
    """The metadata of the build of torch that pip takes where an index of the user's has one, else ``None``.

    A version with a local label, such as 2.13.0+cpu, cannot be of the public index, whose hashes the lock has.
    """
    pins = [pin for pin in one.pins if package_name(pin) == "torch"]
    file = VENVS / one.name / "torch.json"
    if not pins:
        return None
    asked = ("--dry-run", "--no-deps", "--quiet", "--report", str(file))
    session.run(*install, *asked, *pins, external=True, silent=True, env=settings)
    metadata: dict[str, Any] = json.loads(file.read_text("utf-8"))["install"][0]["metadata"]
    return metadata if Version(metadata["version"]).local else None


def _note_lock(one: Environment, lock: Lock, rows: Iterable[Row], listed: str) -> None:
    """Write into a venv whether all of it was installed by hash, for run.json."""
    why = lock.missing
    if why is None:
        installed = {entry["name"]: entry["version"] for entry in json.loads(listed) if entry["name"] != "pip"}
        added = locks.unlocked(rows, installed)
        compiled = "compiled here, by build tools that no lock has" if one.facts.build else None
        why = f"installed by name, from an index of yours: {', '.join(added)}" if added else compiled
    noted = {"locked": why is None} if why is None else {"locked": False, "unlocked_reason": why}
    (VENVS / one.name / LOCK_FILE).write_text(json.dumps(noted), encoding="utf-8")


def own_virtualenv(environ: Mapping[str, str]) -> dict[str, str | None]:
    """What virtualenv gets in place of the caller's settings of it: only where its own data lie is theirs."""
    theirs = [name for name in environ if name.startswith("VIRTUALENV_") and not name.endswith("APP_DATA")]
    return {**dict.fromkeys(theirs), "VIRTUALENV_CONFIG_FILE": os.devnull}


def own_pip(environ: Mapping[str, str], listed: str) -> dict[str, str | None]:
    """What pip gets in place of the caller's settings: those of :data:`PASSED_ON`, and no others.

    Args:
        environ: the caller's variables, which win over files.
        listed: what ``pip config list`` prints of the files.

    Returns:
        Variable -> value, ``None`` for one that is to be unset.
    """
    theirs: dict[str, str | None] = {}
    for section in ("global", "install"):
        for key, value in re.findall(rf"^{section}\.([\w-]+)=(['\"].*)$", listed, re.MULTILINE):
            if key in PASSED_ON:
                theirs[_variable(key)] = str(ast.literal_eval(value))
    passed = {_variable(key) for key in PASSED_ON}
    # PIP_CONFIG_FILE names a file, whose settings are in the list by then.
    named = [name for name in environ if name.startswith("PIP_") and name != "PIP_CONFIG_FILE"]
    return {
        **dict.fromkeys(named),
        **theirs,
        **{name: environ[name] for name in named if environ[name] and name in passed},
    }


def _variable(key: str) -> str:
    """The variable of a setting of pip."""
    return "PIP_" + key.upper().replace("-", "_")


def complaints(log: Path, otherwise: str) -> list[str]:
    """The installer's errors and hints, or else its last lines, without time stamps and keys in URLs; at most five."""
    if not log.exists():
        return [otherwise]
    text = without_secrets(log.read_text("utf-8", errors="replace"))
    logged = (re.sub(r"^\S+,\d+ +", "", line)[:500] for line in text.splitlines())
    # The last error of packages that exclude each other is an address with advice.
    lines = [line for line in logged if line.strip() and not line.startswith("ERROR: ResolutionImpossible")]
    # What pip hints at is how to mend it, such as Windows' limit to the length of paths.
    return [line for line in lines if line.startswith(("ERROR", "HINT"))][-5:] or lines[-5:] or [otherwise]


def mismatch(log: Path, one: Environment) -> list[str]:
    """Which file of the lock the index lacks or has otherwise, and what to do; empty for other failures of pip."""
    text = without_secrets(log.read_text("utf-8", errors="replace")) if log.exists() else ""
    lacking = re.search(r"No matching distribution found for ([\w.-]+)==\S+", text)
    if lacking and lock_of(one).rows and package_name(lacking[1]) not in one.packages:
        return [*complaints(log, lacking[0]), f"HINT: {locks.LACKING}"]
    if "DO NOT MATCH THE HASHES" not in text:
        return []
    found = re.search(r"^\S* +(\S+==\S+) from ([^\s#]+)[^\n]*:$", text, re.MULTILINE)
    file = f"{found[1]} from {found[2]}" if found else "a package"
    return [f"ERROR: {file} is not the file whose hash the lock of {one.group} has", f"HINT: {locks.REMEDY}"]


def torch_index(requirements: Iterable[str], here: Here, environ: Mapping[str, str]) -> list[str]:
    """The arguments that let pip find another build of torch than the package index has: for the CPU, CUDA or XPU."""
    url = environ.get("AIPC_BENCH_TORCH_INDEX", "").strip()
    wanted = url and _has_torch(requirements) and here.platform in ("linux", "win32")
    return ["--extra-index-url", url] if wanted else []


def _has_torch(requirements: Iterable[str]) -> bool:
    return "torch" in map(package_name, requirements)


# -- announcements ----------------------------------------------------------------------------------------------------


def describe(one: Environment) -> str:
    """What a venv costs, for people."""
    changed = f"{one.group} with {' '.join(one.pins + one.beside)}; " if one.name != one.group else ""
    return f"{changed}{one.facts.gigabytes:.1f} GB, about {max(1, round(one.facts.minutes))} min"


def _announce(session: Session, missing: Sequence[Environment]) -> None:
    """Say what an installation takes, and refuse it where it cannot fit on the disk."""
    free_bytes = shutil.disk_usage(PROJECT_ROOT).free
    gigabytes = sum(one.facts.gigabytes for one in missing)
    minutes = max(1, round(sum(one.facts.minutes for one in missing)))
    session.log(
        f"to be installed: {', '.join(one.name for one in missing)}; {gigabytes:.1f} GB and about {minutes} min in all "
        f"(longer over a slow line), {free_bytes / 1e9:.0f} GB free"
    )
    torch_wanted = any(_has_torch(one.pins) for one in missing)
    if sys.platform == "linux" and torch_wanted and not os.environ.get("AIPC_BENCH_TORCH_INDEX"):
        session.log(
            "torch: where the package index has CUDA builds only, this is several GB more; "
            "AIPC_BENCH_TORCH_INDEX=https://download.pytorch.org/whl/cpu avoids it"
        )
    if problem := too_deep(PROJECT_ROOT, this_machine(), long_paths=_has_long_paths()):
        session.warn(problem)
    if problem := shortage(missing, free_bytes):
        session.error(problem)


def shortage(environments: Sequence[Environment], free_bytes: int) -> str | None:
    """Why venvs do not fit into ``free_bytes``; ``None`` if they do."""
    needed = sum(one.facts.gigabytes for one in environments) * UNPACKING
    free = free_bytes / 1e9
    if needed <= free:
        return None
    return (
        f"installing {', '.join(one.name for one in environments)} needs {needed:.1f} GB and {PROJECT_ROOT} has "
        f"{free:.1f} GB free: make room, or ask for fewer stacks with `--backend`"
    )


def too_deep(root: Path, here: Here, *, long_paths: bool) -> str | None:
    """Why venvs below the checkout ``root`` may have longer paths than Windows allows; ``None`` if they cannot."""
    most = LONGEST_PATH - BELOW_ROOT
    if here.platform != "win32" or long_paths or len(str(root)) <= most:
        return None
    return (
        f"{root} is longer than {most} characters, so paths of torch below it may pass the {LONGEST_PATH} that Windows "
        "allows: move the checkout, e.g. to C:\\aipc-bench, or allow longer ones, in a PowerShell of an administrator: "
        "New-ItemProperty HKLM:\\SYSTEM\\CurrentControlSet\\Control\\FileSystem -Name LongPathsEnabled -Value 1 -Force"
    )


def _has_long_paths() -> bool:
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


# -- what lies there --------------------------------------------------------------------------------------------------


def clean(session: Session, *, remove: bool) -> None:
    """Say what each venv takes, and remove all of them if asked."""
    for folder in sorted(path for path in VENVS.glob("*") if path.is_dir()):
        session.log(f"{'removing' if remove else 'venv'} {folder} ({_size_bytes(folder) / 1e9:.2f} GB)")
        if remove:
            with _alone(session, folder.name):
                _remove(session, folder)


def _remove(session: Session, folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        session.warn(f"{folder} stays in part: {error.strerror or error}; end what runs from it and try again")


def _size_bytes(folder: Path) -> int:
    """What the files below ``folder`` hold; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
