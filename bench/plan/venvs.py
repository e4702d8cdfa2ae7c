"""The interpreters that nox made, as it hands them on; a user's own by ``--worker`` come first."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from backends.spec import BackendSpec
from bench.errors import UsageError
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.environments import CONVERSION, environment_for
from bench.plan.variants import Variant

VARIABLE = "AIPC_BENCH_VENVS"
REMEDY = "run `nox -s bench` to have its environment made, or name an interpreter that has the stack by --worker"
"""What to do about a stack that cannot be imported, outside an A/B run."""
_NO_ROOM = "failed to map segment from shared object"
_MORE_ROOM = "lift the limit on address space or memory under which the run was started (ulimit -v)"
_RUNTIME = "install Microsoft's Visual C++ Redistributable, by `winget install Microsoft.VCRedist.2015+.x64`"
_NO_DLL = re.compile(r"DLL load failed|\bWinError (126|127|1114)\b")
"""Python's messages, the same in every language, about a DLL that cannot be loaded."""


def missing_runtime(words: str) -> str | None:
    """What to do where ``words`` tell that a library could not be loaded; ``None`` where they do not.

    The stacks' packages for Windows take the C++ library of the system, which a new one lacks.
    """
    if _NO_ROOM in words:
        return _MORE_ROOM
    return _RUNTIME if _NO_DLL.search(words) else None


@dataclass(frozen=True, slots=True)
class Venv:
    """An interpreter with one inference stack, or why there is none.

    Args:
        unsupported: why the stack's packages do not exist for this platform or Python.
        failed: the installer's last lines.
        remedy: what to do where the stack cannot be imported with the interpreter, which is no part of what a venv is.
    """

    python: str | None = None
    unsupported: str | None = None
    failed: tuple[str, ...] = ()
    remedy: str = field(default=REMEDY, compare=False)

    @classmethod
    def told(cls, outcome: Mapping[str, Any]) -> Venv:
        """What nox tells of a venv: one entry of :data:`VARIABLE`."""
        return cls(outcome.get("python"), outcome.get("unsupported"), tuple(outcome.get("failed", ())))

    @property
    def reason(self) -> str:
        """Why there is no interpreter, in one line: the installer's last error, and what it hints at."""
        if self.unsupported is not None:
            return self.unsupported
        hints = [line for line in self.failed if line.startswith("HINT")]
        errors = [line.removeprefix("ERROR: ") for line in self.failed if line not in hints]
        return "; ".join([*errors[-1:], *hints]) or "its venv could not be made"


class Venvs:
    """Group -> venv, from the JSON that nox wrote, ``None`` without nox; ``workers`` are those that the user named."""

    def __init__(
        self, text: str | None, workers: Mapping[str, str], variants: Mapping[str, Variant] | None = None
    ) -> None:
        try:
            self._groups = {group: Venv.told(outcome) for group, outcome in json.loads(text or "{}").items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise UsageError(f"{VARIABLE} holds no JSON of venvs; run `nox -s bench`, which sets it") from error
        self._workers = workers
        self._variants = variants or {}

    @classmethod
    def from_environment(cls, workers: Mapping[str, str], variants: Mapping[str, Variant] | None = None) -> Venvs:
        """Read what nox handed on."""
        return cls(os.environ.get(VARIABLE), workers, variants)

    def of(self, load: Load) -> Venv:
        """The venv in which ``load`` runs."""
        return self.backend(BACKENDS[load.backend], load.device, load.variant)

    def backend(self, spec: BackendSpec, device: str, variant: str = "") -> Venv:
        """The venv in which a backend, or a variant of it, runs on ``device``."""
        mine = self._variants.get(variant)
        if mine is not None and mine.python is not None:
            found = Venv(mine.python)
        elif spec.name in self._workers:
            found = Venv(self._workers[spec.name])
        elif mine is not None and (pinned := environment_for(spec, device)) is not None:
            found = self.group(pinned.replacing(mine.requirements).name, made_by="nox -s ab")
        else:
            group = spec.group_for(device)
            made_by = f"nox -s bench -- --backend {spec.name} --device {device}"
            found = Venv(sys.executable) if group is None else self.group(group, made_by)
        return found if mine is None else replace(found, remedy=mine.remedy(variant))

    def conversion(self) -> Venv:
        """The venv that converts models."""
        return self.group(CONVERSION)

    def group(self, group: str, made_by: str = "nox -s bench") -> Venv:
        """The venv of a dependency group, or of one that a variant changes."""
        missing = Venv(failed=(f"there is no {group} venv; `{made_by}` makes it",))
        return self._groups.get(group, missing)
