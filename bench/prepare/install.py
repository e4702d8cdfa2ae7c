"""Makes venvs: one per environment, under ``.nox/w`` of the checkout, by virtualenv and pip, or uv where it is there.

The noxfile calls this on nox's own Python, so beside the standard library it imports only what nox brings.
"""

import csv
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Self

from packaging.utils import canonicalize_name
from packaging.version import Version

from bench import PROJECT_ROOT
from bench.errors import cause
from bench.observe.packages import LOCK_FILE, PACKAGES_FILE, listed_packages
from bench.observe.windows import registry_value
from bench.plan.environments import CONVERSION, HARNESS, Environment, Here, package_name, this_machine
from bench.prepare import locks
from bench.prepare.install_lines import Lines, Session
from bench.prepare.installers import (
    FOREIGN,
    InstallError,
    Programs,
    Uv,
    complaints,
    explanation,
    has_torch,
    own_pip,
    own_uv,
    own_virtualenv,
    torch_index,
)
from bench.prepare.locks import Lock, Row, lock_of

# Short, because Windows limits a path to 260 characters and torch's are long.
VENVS = PROJECT_ROOT / ".nox" / "w"
LONGEST_PATH = 259
"""Characters of a path on Windows, as long as it was not told to allow more."""
BELOW_ROOT = 209
"""Characters that the longest path of a venv has below the checkout: a licence in torch 2.13."""
UNPACKING = 1.4
"""Space that pip needs while it works, over what is left when it is done: packages lie beside what they unpack to."""

LOG = "install.log"
"""All that pip and uv say while they fill a venv, in its folder."""
TEMPORARY = "tmp"
"""Where pip puts its temporary files, in the folder of a venv."""
AT_ONCE = max(2, min(4, os.cpu_count() or 1))
"""Venvs that are made at the same time: pip works on one CPU and waits for the disk and the network."""
_POLL_S = 0.5

Outcome = dict[str, Any]
"""What became of a venv: one entry of ``AIPC_BENCH_VENVS``."""


# -- what a venv is ---------------------------------------------------------------------------------------------------


def interpreter(name: str) -> Path:
    """The Python of a venv, whether it is made yet or not."""
    return VENVS / name / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def recipe(one: Environment) -> str:
    """All that a venv is made from, as text: a venv whose stamp says the same need not be made again."""
    torch = torch_index(one.pins, this_machine(), os.environ)
    locked = hashlib.sha256(repr(lock_of(one)).encode()).hexdigest()[:16]
    packages = [one.pins, one.beside, torch, one.facts.build, locked]
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
    wanted = listed_packages(home)
    if wanted is None:
        return "its list of packages cannot be read"
    found: dict[str, Distribution] = {canonicalize_name(one.name): one for one in installed_in(home) if one.name}
    for package in sorted(wanted):
        if package not in found:
            return f"{package} {wanted[package]} is gone"
        if (file := _lost_file(found[package])) is not None:
            return f"{package} has lost {file}"
    return None


def installed_in(home: Path) -> Iterable[Distribution]:
    """The packages in the venv ``home``, by their metadata; nothing is started for it."""
    folders = (*home.glob("lib/python*/site-packages"), *home.glob("Lib/site-packages"))
    return distributions(path=list(map(str, folders)))


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


# -- how venvs are made -----------------------------------------------------------------------------------------------


class Installation:
    """Makes venvs, several at the same time, while the caller does something else.

    A context, at whose end installers that are still at work are ended; what they left is never taken for a venv. What
    goes wrong with one venv is its outcome: other stacks can still be measured.

    ``uv``: installs what it can; ``None`` has pip install all.
    """

    def __init__(self, session: Session, uv: Uv | None = None, programs: Programs | None = None) -> None:
        self.lines = Lines(session)
        self._uv = uv
        self._programs = Programs() if programs is None else programs
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._here = this_machine()
        self._outcomes: dict[str, Future[Outcome]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._programs.end()
        self._pool.shutdown(cancel_futures=True)
        self.lines.close()

    def begin(self, environments: Iterable[Environment]) -> None:
        """Have those of ``environments`` made that are missing, in their order, where they fit on the disk."""
        missing = []
        for one in environments:
            if one.name not in self._outcomes:
                self._outcomes[one.name] = Future()
                if (outcome := as_it_is(one, self._here)) is None:
                    missing.append(one)
                else:
                    self._outcomes[one.name].set_result(outcome)
        if missing:
            _announce(self.lines, missing)
        for count, one in enumerate(missing, start=1):
            self._outcomes[one.name] = self._pool.submit(self._make, one, f"{count} of {len(missing)}")

    @property
    def at_work(self) -> bool:
        """Whether a venv is still being made."""
        return not all(outcome.done() for outcome in self._outcomes.values())

    def outcome(self, name: str) -> Outcome:
        """What became of a venv that was begun, once it is made."""
        # On Windows a wait without end cannot be interrupted by Ctrl-C.
        while not wait([self._outcomes[name]], timeout=_POLL_S).done:
            pass
        return self._outcomes[name].result()

    def outcomes(self, environments: Iterable[Environment]) -> dict[str, Outcome]:
        """What became of all ``environments``, by name."""
        return {one.name: self.outcome(one.name) for one in environments}

    def _make(self, one: Environment, place: str) -> Outcome:
        with _alone(self.lines, one.name, lambda: self._programs.ended):
            # Whoever had the lock may have made it.
            if (outcome := as_it_is(one, self._here)) is not None:
                return outcome
            if is_ready(one):
                self.lines.warn(f"the venv of {one.name} is broken: {damage(one.name)}; it is made again")
            self.lines.log(f"installing {one.name} ({describe(one)}) {place}")
            return self._made(one)

    def _made(self, one: Environment) -> Outcome:
        home, since = VENVS / one.name, time.monotonic()
        log = home / LOG
        self.lines.begin(one.name)
        try:
            by = self._install(one)
            lost = damage(one.name)
            lines = [f"the installer ended well, and {lost}"] if lost else []
        except (InstallError, OSError) as error:
            lines = complaints(log, f"no virtual environment could be made: {cause(error)}")
            lines = explanation(log, one) or lines
        finally:
            self.lines.end(one.name)
        if lines:
            self.lines.warn("\n  ".join([f"{one.name} could not be installed; all of it is in {log}:", *lines]))
            return {"failed": lines}
        shutil.rmtree(home / TEMPORARY, ignore_errors=True)
        (home / "stamp").write_text(recipe(one), encoding="utf-8")
        size = f"{_size_bytes(home) / 1e9:.1f} GB"
        self.lines.log(f"installed {one.name} by {by}: {size} in {time.monotonic() - since:.0f} s")
        return {"python": str(interpreter(one.name))}

    def _install(self, one: Environment) -> str:
        """Make a venv from nothing; returns what it was filled by.

        Its stamp is written after it was looked at, so that no half-made venv is used.
        """
        home, python = VENVS / one.name, str(interpreter(one.name))
        options = ("-q", "--clear", "--no-periodic-update", "--no-setuptools", "--python", sys.executable)
        # It clears the folder, so the log begins after it.
        self._programs.run(sys.executable, "-m", "virtualenv", *options, str(home), env=own_virtualenv(os.environ))
        pip = (python, "-m", "pip")
        unset = dict.fromkeys(FOREIGN)
        asked = (*pip, "config", "list", "-vvv", "--disable-pip-version-check")
        said = self._programs.run(*asked, env={**unset, **own_pip(os.environ, "")}, errors=False)
        settings = {**unset, **own_pip(os.environ, said), "PIP_CONFIG_FILE": os.devnull}
        if not one.facts.build:
            # What a pip that is killed leaves there goes with the venv. A compiler's paths would get too long.
            (home / TEMPORARY).mkdir(exist_ok=True)
            settings |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(home / TEMPORARY))
        torch = torch_index(one.pins, this_machine(), os.environ)
        # Nothing that is timed imports these, and most files never are; the others keep their bytecode when they are.
        untimed = one.name in (HARNESS, CONVERSION) and not sys.dont_write_bytecode
        compiled = ("--no-compile",) if untimed else ()
        install = (*pip, "install", "--no-input", *compiled)
        lock = lock_of(one)
        rows, by_name = lock.rows, [*lock.by_name] if lock.rows else [*one.pins]
        if lock.missing:
            self.lines.warn(f"{one.name} is installed without a lock: {lock.missing}")
        elif (build := self._provided_torch(one, (*install, *torch), settings)) is not None:
            rows = locks.without(rows, one.pins, "torch", build.get("requires_dist", []))
            by_name.append(f"torch=={build['version']}")
        by = self._by_hash(one, rows, install, settings) if rows else "pip"
        if by_name:
            self._run(one, *install, *torch, *by_name, env={**settings, **one.facts.build})
        # Before what comes without its dependencies, which would be missed here.
        self._run(one, *pip, "check", env=settings)
        if lock.beside:
            self._by_hash(one, lock.beside, install, settings)
        elif one.beside:
            self._run(one, *install, "--no-deps", *one.beside, env=settings)
        # The harness compares this with what it finds there when it measures.
        listing = (*pip, "list", "--format=json", "--disable-pip-version-check")
        listed = self._programs.run(*listing, env=settings, errors=False)
        (home / PACKAGES_FILE).write_text(listed, encoding="utf-8")
        _note_lock(one, lock, (*rows, *lock.beside), listed, by)
        return by

    def _by_hash(
        self, one: Environment, rows: Iterable[Row], install: Sequence[str], settings: Mapping[str, str | None]
    ) -> str:
        """Install the rows of a lock, by uv where that can; returns what did it."""
        home = VENVS / one.name
        file = home / "requirements.txt"
        file.write_text("".join(map(str, rows)), encoding="utf-8")
        wheels = () if one.facts.build else ("--only-binary", ":all:")
        asked = ("--no-deps", "--require-hashes", *wheels, "-r", str(file))
        of_uv = None if one.facts.build else own_uv(self._uv, settings, os.environ)
        if self._uv is not None and of_uv is not None:
            options = [] if "--no-compile" in install else ["--compile-bytecode"]
            options += ["--no-index"] if settings.get("PIP_NO_INDEX") else []
            uv = (self._uv.program, "pip", "install", "--python", str(interpreter(one.name)), *options)
            try:
                self._run(one, *uv, *asked, env=of_uv)
            except InstallError as error:
                self.lines.warn(f"uv does not install {one.name}, so pip does: {error}")
            else:
                return f"uv {self._uv.version}"
        self._run(one, *install, *asked, env={**settings, **one.facts.build})
        return "pip"

    def _run(self, one: Environment, *command: str, env: Mapping[str, str | None]) -> None:
        """Run an installer, whose lines go to the log."""
        # Not pip's own --log, which names each file of an index that it does not take: 70 MB for a venv.
        with (VENVS / one.name / LOG).open("a", encoding="utf-8", buffering=1) as log:

            def tell(line: str) -> None:
                self.lines.tell(one.name, line)
                log.write(f"{line}\n")

            self._programs.run(*command, env=env, tell=tell)

    def _provided_torch(
        self, one: Environment, install: Sequence[str], settings: Mapping[str, str | None]
    ) -> dict[str, Any] | None:
        """The metadata of the build of torch that pip takes where an index of the user's has one, else ``None``.

        A version with a local label, such as 2.13.0+cpu, cannot be of the public index, whose hashes the lock has.
        """
        pins = [pin for pin in one.pins if package_name(pin) == "torch"]
        file = VENVS / one.name / "torch.json"
        if not pins:
            return None
        self._run(one, *install, "--dry-run", "--no-deps", "--quiet", "--report", str(file), *pins, env=settings)
        metadata: dict[str, Any] = json.loads(file.read_text("utf-8"))["install"][0]["metadata"]
        return metadata if Version(metadata["version"]).local else None


@contextmanager
def _alone(session: Session, name: str, ended: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold the lock under which a venv is made; a process that dies gives it back.

    Raises:
        CancelledError: ``ended`` while another session held it.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - comes with nox, and is needed for this alone

    # Not in the venv, which is removed under the lock.
    locks = VENVS.with_name("locks")
    lock = FileLock(locks / f"{name}.lock")
    try:
        locks.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        session.log(f"waiting for another session that makes the venv of {name}")
        while not lock.is_locked:
            if ended():
                raise CancelledError from None
            with suppress(Timeout):
                lock.acquire(timeout=_POLL_S)
    except OSError as error:
        session.error(
            f"{VENVS.parent} cannot be written ({error.strerror or error}), and venvs are made there: let the user who "
            "starts nox write into it, or start from a copy of the checkout that this user owns"
        )
    try:
        yield
    finally:
        lock.release()


def _note_lock(one: Environment, lock: Lock, rows: Iterable[Row], listed: str, by: str) -> None:
    """Write into a venv whether all of it was installed by hash, and by what, for run.json."""
    why = lock.missing
    if why is None:
        installed = {entry["name"]: entry["version"] for entry in json.loads(listed) if entry["name"] != "pip"}
        added = locks.unlocked(rows, installed)
        compiled = "compiled here, by build tools that no lock has" if one.facts.build else None
        why = f"installed by name, from an index of yours: {', '.join(added)}" if added else compiled
    noted = {"locked": why is None} if why is None else {"locked": False, "unlocked_reason": why}
    (VENVS / one.name / LOCK_FILE).write_text(json.dumps({**noted, "installer": by}), encoding="utf-8")


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
    torch_wanted = any(has_torch(one.pins) for one in missing)
    if sys.platform == "linux" and torch_wanted and not os.environ.get("AIPC_BENCH_TORCH_INDEX"):
        session.log(
            "torch: where the package index has CUDA builds only, this is several GB more; "
            "AIPC_BENCH_TORCH_INDEX=https://download.pytorch.org/whl/cpu avoids it"
        )
    long_paths = registry_value(r"SYSTEM\CurrentControlSet\Control\FileSystem", "LongPathsEnabled")
    if problem := too_deep(PROJECT_ROOT, this_machine(), long_paths=bool(long_paths)):
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


# -- what lies there --------------------------------------------------------------------------------------------------


def clean(session: Session, *, remove: bool) -> None:
    """Say what each venv takes, and remove all of them if asked."""
    for folder in sorted(path for path in VENVS.glob("*") if path.is_dir()):
        session.log(f"{'removing' if remove else 'venv'} {folder} ({_size_bytes(folder) / 1e9:.2f} GB)")
        if remove:
            with _alone(session, folder.name):
                try:
                    shutil.rmtree(folder)
                except OSError as error:
                    why = error.strerror or error
                    session.warn(f"{folder} stays in part: {why}; end what runs from it and try again")


def _size_bytes(folder: Path) -> int:
    """What the files below ``folder`` hold; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
