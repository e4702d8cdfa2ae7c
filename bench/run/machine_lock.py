"""Which runs measure on this machine now: each holds a lock of the operating system, which ends with its process.

The locks are files in the system's folder for temporary files, one per run, with a description beside it for those who
are refused. A file that nobody holds is of a run that was killed, and is removed by the next one.
"""

import atexit
import json
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from backends.contract import one_line
from backends.no_secrets import without_secrets
from bench.errors import MachineError
from bench.findings import Code
from bench.observe.packages import without_home
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.options import Options
from bench.prepare.preparation import Say
from bench.run.guard.found import Found

_NAME = "aipc-bench"
_ANYBODY = 0o666
"""Mode of the lock files: another user's run has to be able to ask whether one is held."""
_POLL_S = 1.0
_ENTER_S = 30.0
_LONGEST = 4096
"""Of a description, in bytes."""
_TOLD = ("run_id", "since", "command")
"""What a description says in words."""

SHARED_QUALITY = Found(Code.SHARED, messages=("shared-quality",), severity="info")
"""What is found about a run whose texts alone were scored beside other runs."""


def hold_machine(loads: Iterable[Load], run_id: str, command: str, options: Options, say: Say) -> list[Found]:
    """Hold the machine for a run of ``loads`` until this process ends; what there is to be found about that.

    Where all loads are played, others lose nothing by it, and nothing is held.

    Raises:
        MachineError: another run measures on this machine.
    """
    if all(BACKENDS[load.backend].simulated for load in loads):
        return []
    return MachineLock(run_id, command, say).take(shared=options.shared, wait_s=options.wait_s)


@dataclass(frozen=True, slots=True)
class Holder:
    """A run that measures on this machine; ``since`` is an ISO time, ``command`` how it was started."""

    run_id: str
    pid: int
    since: str
    command: str

    @property
    def words(self) -> str:
        """All that is known of it, for people."""
        since = datetime.fromisoformat(self.since).astimezone()
        return f"run {self.run_id} (process {self.pid}, since {since:%Y-%m-%d %H:%M:%S}, `{self.command}`)"


class MachineLock:
    """The lock of the run ``run_id``, which was started by ``command``; held from :meth:`take` to the process's end."""

    def __init__(self, run_id: str, command: str, say: Say) -> None:
        shown = without_secrets(without_home(command))
        self._me = Holder(run_id, os.getpid(), datetime.now(UTC).isoformat(), shown)
        self._say = say
        self._folder = Path(tempfile.gettempdir())
        name = f"{_NAME}-run-{run_id}-{os.getpid()}"
        self._lock = FileLock(self._folder / f"{name}.lock", mode=_ANYBODY)
        self._description = self._folder / f"{name}.json"

    def take(self, *, shared: bool, wait_s: float) -> list[Found]:
        """Hold the machine; what there is to be found about that.

        Args:
            shared: measure beside other runs, which is a finding.
            wait_s: how long to wait for others to end.

        Raises:
            MachineError: another run measures on this machine.
        """
        end, waits = time.monotonic() + wait_s, False
        while others := self._enter(shared=shared):
            if shared:
                return [_found(others)]
            if time.monotonic() >= end:
                waited = f" and did not end within {wait_s:g} s" if wait_s else ""
                raise MachineError(
                    f"another run measures on this machine{waited}: {_listed(others)}; have this one wait by --wait "
                    "2h, or measure beside it by --shared, which is a finding about every number"
                )
            if not waits:
                self._say(f"waiting for {_listed(others)}")
                waits = True
            time.sleep(max(0.0, min(_POLL_S, end - time.monotonic())))
        return [_found(())] if shared else []

    def release(self) -> None:
        self._lock.release()
        for file in (self._description, Path(self._lock.lock_file)):
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def _enter(self, *, shared: bool) -> list[Holder | None]:
        """The others that hold the machine; without any, or if it is to be ``shared``, this run holds it too."""
        try:
            # Two that come at once must not both find nobody.
            with FileLock(self._folder / f"{_NAME}.lock", mode=_ANYBODY, timeout=_ENTER_S):
                others = self._others()
                if shared or not others:
                    self._lock.acquire(timeout=0)
                    atexit.register(self.release)
                    self._description.write_text(json.dumps(asdict(self._me)), "utf-8")
                return others
        except OSError as error:
            reason = one_line(error)
            raise MachineError(
                f"whether another run measures on this machine cannot be told, because {self._folder} cannot be used "
                f"({reason}): unlock it, or set TMPDIR (Windows: TEMP) to another folder"
            ) from error

    def _others(self) -> list[Holder | None]:
        found: list[Holder | None] = []
        for file in sorted(self._folder.glob(f"{_NAME}-run-*.lock")):
            lock = FileLock(file, mode=_ANYBODY)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                found.append(_read(file.with_suffix(".json")))
            except OSError:
                continue  # no lock of ours
            else:
                # Its run was killed. Another user's file may not be removed, and does no harm.
                with suppress(OSError):
                    file.with_suffix(".json").unlink(missing_ok=True)
                with suppress(OSError):
                    file.unlink(missing_ok=True)
                lock.release()
        return found


def _read(description: Path) -> Holder | None:
    """Who holds a lock; ``None`` where that cannot be read, as of another user."""
    try:
        with description.open("rb") as stream:
            told = json.loads(stream.read(_LONGEST))
        shown = {name: "".join(sign for sign in str(told[name]) if sign.isprintable()) for name in _TOLD}
        holder = Holder(shown["run_id"], int(told["pid"]), shown["since"], shown["command"])
        datetime.fromisoformat(holder.since)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return holder


def _listed(others: Iterable[Holder | None]) -> str:
    return ", ".join("a run that does not say what it is" if one is None else one.words for one in others)


def _found(others: Iterable[Holder | None]) -> Found:
    runs = ", ".join("unknown" if one is None else one.run_id for one in others)
    if runs:
        return Found(Code.SHARED, {"runs": runs}, ("shared-with",), "serious")
    return Found(Code.SHARED)
