"""The interpreters that nox made, as it hands them on; a user's own by ``--worker`` come first."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.spec import BackendSpec
from bench.errors import UsageError

VARIABLE = "AIPC_BENCH_VENVS"
CONVERSION = "conversion"


@dataclass(frozen=True, slots=True)
class Venv:
    """An interpreter with one inference stack, or why there is none.

    Args:
        python: the interpreter; ``None`` where there is none.
        unsupported: why the stack's packages do not exist for this platform or Python.
        failed: the installer's last lines.
    """

    python: str | None = None
    unsupported: str | None = None
    failed: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Why there is no interpreter, in one line."""
        if self.unsupported is not None:
            return self.unsupported
        return " | ".join(self.failed) or "its venv could not be made"


class Venvs:
    """Group -> venv, as handed on by nox in the environment.

    Args:
        text: the JSON that nox wrote; ``None`` if this was not started by nox.
        workers: backend -> interpreter, as given by the user.
    """

    def __init__(self, text: str | None, workers: Mapping[str, str]) -> None:
        try:
            handed: dict[str, Any] = json.loads(text) if text else {}
        except ValueError as error:
            raise UsageError(f"{VARIABLE} holds no JSON; run `nox -s bench`, which sets it") from error
        self._groups = {
            group: Venv(entry.get("python"), entry.get("unsupported"), tuple(entry.get("failed", ())))
            for group, entry in handed.items()
        }
        self._workers = workers

    @classmethod
    def from_environment(cls, workers: Mapping[str, str]) -> Venvs:
        """Read what nox handed on."""
        return cls(os.environ.get(VARIABLE), workers)

    def backend(self, spec: BackendSpec, device: str) -> Venv:
        """The venv in which a backend runs on ``device``."""
        if spec.name in self._workers:
            return Venv(self._workers[spec.name])
        group = spec.group_for(device)
        return Venv(sys.executable) if group is None else self.group(group)

    def conversion(self) -> Venv:
        """The venv that converts models."""
        return self.group(CONVERSION)

    def group(self, group: str) -> Venv:
        """The venv of a dependency group."""
        missing = Venv(failed=(f"there is no {group} venv; `nox -s bench` makes it",))
        return self._groups.get(group, missing)
