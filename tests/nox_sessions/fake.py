"""A nox session that plays virtualenv and pip, and a checkout that it can play on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import nox

import noxfile
from bench.plan.environments import Environment, Here, environment, pins, read_project
from bench.prepare import install, locks
from bench.prepare.install import Installation, Outcome
from bench.prepare.installers import InstallError, Programs, Uv
from bench.prepare.locks import Row

LINUX = Here("linux", "x86_64", (3, 12))
WINDOWS = Here("win32", "AMD64", (3, 12))
WINDOWS_ON_ARM = Here("win32", "ARM64", (3, 12))
REAL = (Path(noxfile.__file__).with_name("pyproject.toml")).read_text("utf-8")
FACTS = REAL[REAL.index("[tool.aipc-bench]") : REAL.index("[tool.pytest")]
"""What the project says of its venvs beside their pins."""
PROJECT = f"""
[dependency-groups]
harness = ["pytest==1"]
fleet = [{{ include-group = "harness" }}, "distributed==1"]
tests = [{{ include-group = "fleet" }}, "ruff==1"]
conversion = ["torch==2", "openvino==3"]
default-model = ["weights==4"]
openvino-genai = ["openvino-genai==5"]
ort-genai = ["onnxruntime-genai==6"]
transformers = ["torch==2", "transformers==7"]
ort-genai-openvino = ["onnxruntime-openvino==8"]
ort-genai-beside-openvino = ["onnxruntime-genai==6"]
ort-genai-dml = ["onnxruntime-genai-directml==6"]
ort-genai-cuda = ["onnxruntime-genai-cuda==6"]
ort-genai-winml = ["onnxruntime-genai-winml==6"]
ort-genai-ovep = ["onnxruntime-ep-openvino==6"]
npu = ["intel-npu-acceleration-library==9"]
llama-cpp = ["cyllama==10"]
llama-cpp-vulkan = ["cyllama-vulkan==10"]
llama-cpp-python = ["llama-cpp-python==10"]
energy = ["codecarbon==12"]
resolver = ["uv==11"]

{FACTS}
"""


class AbortedError(Exception):
    """What nox raises inside of ``session.error``."""


LISTED = '[{"name": "numpy", "version": "2.4.6"}]'
"""What pip lists of every venv."""


def put_package(venv: str) -> Path:
    """Put into a venv what :data:`LISTED` says; returns the package's only file."""
    site = install.VENVS / venv / ("Lib" if sys.platform == "win32" else "lib/python3.12") / "site-packages"
    (site / "numpy").mkdir(parents=True, exist_ok=True)
    file = site / "numpy" / "__init__.py"
    file.write_text("pass\n", encoding="utf-8")
    about = site / "numpy-2.4.6.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 2.4.6\n", encoding="utf-8")
    (about / "RECORD").write_text("numpy/__init__.py,sha256=0,5\nnumpy-2.4.6.dist-info/RECORD,,\n", encoding="utf-8")
    return file


class FakeSession:
    """Plays virtualenv and pip: records each call, makes what virtualenv would make, and fails where it is told to."""

    def __init__(self, *posargs: str, failing: str | None = None, errors: str = "", settings: str = "") -> None:
        self.posargs = list(posargs)
        self.invoked_from = str(Path.cwd())
        self.failing, self.errors, self.settings = failing, errors, settings
        self.calls: list[tuple[str, ...]] = []
        self.options: list[dict[str, Any]] = []
        self.said: list[str] = []

    def run(self, *arguments: str, **options: Any) -> str | None:
        if "list" in arguments:
            return self.settings if "config" in arguments else LISTED
        if "check" not in arguments:
            self.calls.append(arguments)
            self.options.append(options)
        if "virtualenv" in arguments:
            python = install.interpreter(Path(arguments[-1]).name)
            python.parent.mkdir(parents=True, exist_ok=True)
            Path(arguments[-1]).mkdir(parents=True, exist_ok=True)
            python.touch()
            put_package(Path(arguments[-1]).name)
        if "tell" in options:
            for line in self.errors.splitlines():
                options["tell"](line)
        self._fail_at(*arguments)
        return None

    def _fail_at(self, *arguments: str) -> None:
        if self.failing and any(self.failing in argument for argument in arguments):
            raise InstallError("Returned code 1")

    def chdir(self, folder: str) -> None:
        os.chdir(folder)

    def log(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.said.append(message)

    def error(self, message: str) -> None:
        raise AbortedError(message)

    @property
    def pip_calls(self) -> list[tuple[str, ...]]:
        return [call for call in self.calls if "pip" in call]


class FakePrograms(Programs):
    """Has the session play each program."""

    def __init__(self, session: FakeSession) -> None:
        super().__init__()
        self.session = session

    def run(self, *command: str, **options: Any) -> str:
        return self.session.run(*command, **options) or ""


def installation(session: FakeSession, uv: Uv | None = None) -> Installation:
    return Installation(session, uv, FakePrograms(session))


def as_session(fake: FakeSession) -> nox.Session:
    return cast("nox.Session", fake)


def made(fake: FakeSession, *asked: str | Environment) -> dict[str, Outcome]:
    """The venvs of groups, and of other environments."""
    return noxfile.venvs(as_session(fake), [environment(one) if isinstance(one, str) else one for one in asked])


SHA = "sha256:" + "0" * 64


def lock(group: str, *packages: str) -> None:
    """Write the lock of a group, whose pins are in it before ``packages``."""
    locks.lock_file(group).parent.mkdir(exist_ok=True)
    locks.write(group, [Row(one, (SHA,)) for one in (*pins(group), *packages)])


ERRORS = """\
Collecting onnxruntime-genai==6
  Skipping link
ERROR: Could not find a version
ERROR: No matching distribution found
"""


def write_project(root: Path, text: str) -> None:
    """A checkout's ``pyproject.toml``, as the next session reads it."""
    (root / "pyproject.toml").write_text(text, encoding="utf-8")
    read_project.cache_clear()


def write_plan(root: Path, text: str) -> None:
    folder = root / "bench" / "commands"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__main__.py").write_text(text, encoding="utf-8")


class Finished:
    """Stands for ``finish``, ``run`` and ``run_quietly``: records what would have run."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.commands: list[tuple[str, ...]] = []
        self.together: list[Sequence[str]] = []
        self.ahead: list[Sequence[str]] = []
        self.made: dict[str, Outcome] | None = None
        self.variables: dict[str, str] = {}
        self.pip_calls_before: list[int] = []

    def __call__(
        self,
        session: FakeSession,
        python: str,
        *arguments: str,
        made: dict[str, Outcome] | None = None,
    ) -> None:
        self.commands.append(arguments)
        self.made = made
        self.pip_calls_before.append(len(session.pip_calls))
        if self.status:
            raise SystemExit(self.status)

    def run(self, shown: Sequence[str], variables: Mapping[str, str], beside: Iterable[Sequence[str]]) -> int:
        self.together += [shown, *beside]
        self.variables = dict(variables)
        self.made = json.loads(variables.get("AIPC_BENCH_VENVS", "null"))
        return self.status

    def run_quietly(self, command: Sequence[str], variables: Mapping[str, str], show: object) -> int:
        self.ahead.append(command)
        return 0
