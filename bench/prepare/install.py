"""Makes venvs: one per environment, under ``.nox/w`` of the checkout, by virtualenv and pip.

The noxfile calls this on nox's own Python, so it imports the standard library and ``bench.plan.environments`` alone.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bench import PROJECT_ROOT
from bench.plan.environments import Environment, Here, package_name, this_machine

# Short, because Windows limits a path to 260 characters and torch's are long.
VENVS = PROJECT_ROOT / ".nox" / "w"
LONGEST_PATH = 259
"""Characters of a path on Windows, as long as it was not told to allow more."""
BELOW_ROOT = 209
"""Characters that the longest path of a venv has below the checkout: a licence in torch 2.13."""
UNPACKING = 1.4
"""Space that pip needs while it works, over what is left when it is done: packages lie beside what they unpack to."""

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
    packages = [one.pins, one.beside, torch, one.facts.build]
    made_from = [*packages, platform.python_version(), sys.platform, platform.machine()]
    return json.dumps(made_from)


def was_made(name: str) -> bool:
    """Whether a venv is whole, from whatever recipe."""
    # The interpreter is a link on Linux: it may have lost the Python that it was made from.
    return (VENVS / name / "stamp").exists() and interpreter(name).exists()


def is_ready(one: Environment) -> bool:
    """Whether the venv is whole and what its recipe says."""
    return was_made(one.name) and (VENVS / one.name / "stamp").read_text("utf-8") == recipe(one)


def as_it_is(one: Environment, here: Here) -> Outcome | None:
    """What is known of a venv without making it; ``None`` of one that is still to be made."""
    if why := one.facts.unsupported(here):
        return {"unsupported": why}
    return {"python": str(interpreter(one.name))} if is_ready(one) else None


def as_they_are(environments: Iterable[Environment]) -> dict[str, Outcome]:
    """Every venv as it is now; nothing is installed for it."""
    here = this_machine()
    outcomes: dict[str, Outcome] = {}
    for one in environments:
        missing = f"its packages are not installed ({describe(one)}); name it by --backend or --device"
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
        session.log(f"installing {one.name} ({describe(one)}) {count} of {len(missing)}")
        outcomes[one.name] = _made(session, one, failed)
    return {name: outcome for name, outcome in outcomes.items() if outcome is not None}


def _made(session: Session, one: Environment, failed: type[Exception]) -> Outcome:
    log = VENVS / one.name / "pip.log"
    try:
        _install(session, one)
    except failed as error:
        lines = complaints(log, f"no virtual environment could be made: {error}")
        session.warn(f"{one.name} could not be installed: {lines[-1]} (all of it: {log})")
        return {"failed": lines}
    return {"python": str(interpreter(one.name))}


def _install(session: Session, one: Environment) -> None:
    """Make a venv from nothing. Its stamp is written last, so that a half-made venv is never used."""
    home, python = VENVS / one.name, str(interpreter(one.name))
    virtualenv = ("-m", "virtualenv", "-q", "--clear", "--no-periodic-update", "--python", sys.executable, str(home))
    session.run(sys.executable, *virtualenv, external=True)
    pip = (python, "-m", "pip", "install", "--no-input", "--log", str(home / "pip.log"))
    torch = torch_index(one.pins, this_machine(), os.environ)
    session.run(*pip, *torch, *one.pins, external=True, env=one.facts.build)
    if one.beside:
        session.run(*pip, "--no-deps", *one.beside, external=True)
    # The harness compares this with what it finds there when it measures.
    listing = (python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check")
    listed = session.run(*listing, external=True, silent=True, stderr=subprocess.DEVNULL)
    (home / "packages.json").write_text(str(listed), encoding="utf-8")
    (home / "pip.log").unlink(missing_ok=True)
    (home / "stamp").write_text(recipe(one), encoding="utf-8")


def complaints(log: Path, otherwise: str) -> list[str]:
    """The installer's errors and hints, or else its last lines, without time stamps; at most five."""
    if not log.exists():
        return [otherwise]
    logged = (re.sub(r"^\S+,\d+ +", "", line)[:500] for line in log.read_text("utf-8", errors="replace").splitlines())
    lines = [line for line in logged if line.strip()]
    # What pip hints at is how to mend it, such as Windows' limit to the length of paths.
    return [line for line in lines if line.startswith(("ERROR", "HINT"))][-5:] or lines[-5:] or [otherwise]


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
            try:
                shutil.rmtree(folder)
            except OSError as error:
                session.warn(f"{folder} stays in part: {error.strerror or error}; end what runs from it and try again")


def _size_bytes(folder: Path) -> int:
    """What the files below ``folder`` hold; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
