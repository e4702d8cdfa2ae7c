"""A run that a desk has asked a machine for: a folder, and a process that outlives the machine's connection.

::

    FOLDER/sweep.toml    the sweep file of the desk, if there is one
    FOLDER/command.json  what measures
    FOLDER/output.txt    what it says, all attempts after one another
    FOLDER/status        its exit status, once it has ended
    FOLDER/.lock         held by the process that waits for it

A desk that asks again, as it does after a machine was away, gets the same run: it still goes on, has ended, or is
carried on with. ``python -m bench.fleet.job FOLDER`` is that process.
"""

import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bench.errors import MachineError, cause

STOPPED = 128
"""Exit statuses from here on are of a run that was stopped or killed, which is carried on with."""
_RUN = re.compile(rb"^run +(\S+)\r?$", re.MULTILINE)
_POLL_S = 0.5
_LOOKED_AT_S = 10.0
"""How long the measuring process waits for the job's lock: whoever asks :meth:`Job._held` takes it for a moment."""
_TAIL = 4096


@dataclass(frozen=True, slots=True)
class Job:
    """A run that was asked for."""

    folder: Path
    results: Path

    def write(self, command: Sequence[str], arguments: Sequence[str], config: str | None) -> None:
        """Write down what is to be done, unless it is there.

        ``command``: measures, given further arguments.

        Raises:
            MachineError: it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            sweep = self.folder / "sweep.toml"
            sweep.unlink(missing_ok=True)
            if config is not None:
                sweep.write_text(config, "utf-8", newline="")
            told = {"command": [*command], "arguments": [*arguments], "results": str(self.results.absolute())}
            (self.folder / "command.json").write_text(json.dumps(told), "utf-8")
        except OSError as error:
            raise MachineError(f"cannot write to {self.folder}: {error.strerror or error}") from error

    def wait(self) -> Iterator[str]:
        """Have the run measured to its end, by a process that may be there already; yields its last line of output.

        One line every half second. A run that has its status already is not measured again, unless it was stopped or
        killed.

        Raises:
            MachineError: the process that measured ended without a status.
        """
        status = self.status
        if status is not None and status < STOPPED:
            return
        if status is not None:
            (self.folder / "status").unlink(missing_ok=True)
        own = None
        while self.status is None:
            if own is None and not self._held():
                own = subprocess.Popen([sys.executable, "-m", "bench.fleet.job", str(self.folder)])
            # Asked in this order: whoever held it has written a status before letting go.
            elif own is not None and own.poll() is not None and not self._held() and self.status is None:
                raise MachineError(f"the process of {self.folder} ended with {own.returncode}, and left no status")
            time.sleep(_POLL_S)
            yield self.said
        if own is not None:
            own.wait()

    @property
    def config(self) -> list[str]:
        """The option that names the sweep file, if there is one."""
        file = self.folder.absolute() / "sweep.toml"
        return ["--config", str(file)] if file.exists() else []

    @property
    def status(self) -> int | None:
        """The exit status of what measured; ``None`` while it does."""
        with suppress(OSError, ValueError):
            return int((self.folder / "status").read_text("utf-8"))
        return None

    @property
    def run_id(self) -> str | None:
        """The run that was begun last; ``None`` where there is none."""
        with suppress(OSError):
            for found in reversed(_RUN.findall((self.folder / "output.txt").read_bytes())):
                run_id = str(found.decode("utf-8", "replace"))
                if (self.results / run_id / "run.json").is_file():
                    return run_id
        return None

    @property
    def said(self) -> str:
        """The last line of its output that is not about a single cell, which are indented."""
        with suppress(OSError), (self.folder / "output.txt").open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
            lines = stream.read().decode("utf-8", "replace").splitlines()
            return next((line for line in reversed(lines) if line.strip() and not line.startswith(" ")), "")
        return ""

    @property
    def error(self) -> str:
        """Its last line that says what went wrong, without the word before it; else the last line."""
        with suppress(OSError):
            lines = (self.folder / "output.txt").read_text("utf-8", "replace").splitlines()
            errors = [line for line in lines if re.match(r"(error|ERROR|failed): ", line)]
            return errors[-1].partition(": ")[2] if errors else self.said
        return ""

    def packed(self) -> bytes | None:
        """The files of its run as a zip; ``None`` where nothing was begun.

        Raises:
            MachineError: they cannot be read.
        """
        if (run_id := self.run_id) is None:
            return None
        held = io.BytesIO()
        folder = self.results / run_id
        try:
            with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(folder.rglob("*")):
                    if path.is_file() and path.name != ".lock":
                        archive.write(path, f"{run_id}/{path.relative_to(folder).as_posix()}")
        except (OSError, ValueError) as error:
            raise MachineError(f"cannot read {folder}: {cause(error)}") from error
        return held.getvalue()

    def measure(self) -> None:
        """Measure, or carry on; the process of this holds the job's lock meanwhile."""
        try:
            with FileLock(self.folder / ".lock", timeout=_LOOKED_AT_S):
                if self.status is None:
                    (self.folder / "status").write_text(str(self._measured()), "utf-8")
        except Timeout:
            return  # another one does

    def _measured(self) -> int:
        told: dict[str, Any] = json.loads((self.folder / "command.json").read_text("utf-8"))
        # Beside a measurement the process that asks for it is to be small.
        from bench.store.reader import open_run  # noqa: PLC0415
        from bench.store.writer import goes_on  # noqa: PLC0415

        if (run_id := self.run_id) is not None:
            folder = self.results / run_id
            # Only its process may have been killed, and not what measures.
            while goes_on(folder):
                time.sleep(_POLL_S)
            if not open_run(folder).unfinished:
                return 0
        # A run is carried on by the options that it has recorded, those of the sweep file among them.
        how = self.config if run_id is None else ["--resume", run_id]
        where = ["--results-dir", told["results"], "--wait", "24h"]
        with (self.folder / "output.txt").open("ab") as output:
            child = subprocess.Popen(
                [*told["command"], *told["arguments"], *how, *where],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            while True:
                # Ctrl-C in the console of the machine reaches it too, and it ends by itself.
                with suppress(KeyboardInterrupt):
                    status = child.wait()
                    break
        if status < 0:
            return STOPPED - status
        # On Windows what is killed has whatever status the one who killed it gave it: its run has no end.
        was_killed = (run_id := self.run_id) is not None and open_run(self.results / run_id).end is None
        return STOPPED if status < STOPPED and was_killed else status

    def _held(self) -> bool:
        """Whether a process holds the job's lock; the lock file has the name that a run's has."""
        from bench.store.writer import goes_on  # noqa: PLC0415 - see above

        return goes_on(self.folder)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    Job(place, Path(json.loads((place / "command.json").read_text("utf-8"))["results"])).measure()
