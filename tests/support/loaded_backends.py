"""A worker process with a model loaded, as the contract suite asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from backends.spec import BackendSpec, family
from backends.table import BACKENDS
from bench.measure.worker import Loaded, Opened, Timeouts, WorkerProcess
from bench.plan.venvs import Venv, Venvs

Ids = tuple[int, ...]

_SHAPE = {"prompt_tokens": 128, "new_tokens": 64}
"""The largest request of the suite, as the plan would tell it to a stack that compiles for a shape."""


_WAITING = ("transformers", "npu", "llama-cpp", "llama-cpp-python")


@dataclass(frozen=True, slots=True)
class Case:
    """A backend on a device that the suite runs it on.

    Args:
        backend: its name in the table.
        device: the device.
        stand_in: what a worker opens in place of the adapter, and the group whose venv runs it, where the stack itself
            cannot be had.
        needs: what has to be there for the stack to list that device; empty where it always does.
        installed: what a worker opens in place of the adapter where the stack is installed, with or without its device.
    """

    backend: str
    device: str
    stand_in: tuple[str, str] | None = None
    needs: str = ""
    installed: str | None = None

    @property
    def spec(self) -> BackendSpec:
        """Its entry in the table."""
        return BACKENDS[self.backend]

    @property
    def label(self) -> str:
        """For test ids."""
        return f"{self.backend}@{self.device}"

    @property
    def precisions(self) -> tuple[str, ...]:
        """The weight formats that can be asked for."""
        return self.spec.precisions(self.device) or ()

    @property
    def threads(self) -> int:
        """How many threads the stack is told to compute in.

        PyTorch's and llama.cpp's wait for each other in every small layer, which takes most of the time where the
        machine does other work. OpenVINO 2026.4 dies of a division by zero when it loads fp16 or fp32 with one.
        """
        return 1 if self.backend in _WAITING else min(2, psutil.cpu_count(logical=False) or 1)

    @property
    def options(self) -> dict[str, Any]:
        """The load options that a plan would give."""
        return self.spec.load_options(self.device, self.widest, _SHAPE, {})

    @property
    def widest(self) -> str:
        """The weight format that is the model's own, or nearest to it."""
        return "fp32" if "fp32" in self.precisions else self.precisions[-1]

    @property
    def as_reference(self) -> dict[str, str]:
        """What makes a stack that would choose a narrower type compute as the reference, with the same near ties."""
        return {"inference_precision": "f32"} if "inference_precision" in self.spec.options else {}

    @property
    def profiled(self) -> bool:
        """Whether the stack is asked for a profile."""
        return family(self.device) in self.spec.profiled

    def at(self, venvs: Venvs) -> tuple[Venv, str]:
        """The venv and what the worker opens in it: the real stack wherever it is at hand."""
        venv = venvs.backend(self.spec, self.device)
        if venv.python is None and self.stand_in is not None:
            target, group = self.stand_in
            return venvs.group(group), target
        return venv, self.installed or self.spec.target


_STAND_INS = ("tests.contract.stand_ins.npu_library:IntelNpuLibrary", "transformers")
_NOT_ELSEWHERE = {
    "npu@NPU": Case("npu", "NPU", _STAND_INS, installed="tests.contract.stand_ins.npu_on_cpu:IntelNpuLibrary"),
    "ort-genai@OVEP.CPU": Case("ort-genai", "OVEP.CPU", needs="hardware of Intel's"),
    "llama-cpp@VULKAN.LLVMPIPE": Case("llama-cpp", "VULKAN.LLVMPIPE", needs="Mesa's software Vulkan"),
}
"""Cases of stacks that are not loaded everywhere as they are."""


def cases(backends: Mapping[str, BackendSpec]) -> tuple[Case, ...]:
    """Every backend on the devices that its entry says it is tested on."""
    plain = [
        Case(name, device) for name, spec in backends.items() for device in (*spec.tested_on, *spec.tested_if_installed)
    ]
    return tuple(_NOT_ELSEWHERE.get(case.label, case) for case in plain)


CASES = cases(BACKENDS)
"""Every backend where it can run without a device; the NPU library against a stand-in where it is not installed."""


@dataclass(frozen=True, slots=True)
class LoadedBackend:
    """A backend under test.

    Args:
        case: which backend, on which device.
        precision: the weight format that was loaded.
        artifact: what was loaded; ``None`` for a backend that needs none.
        worker: the process.
        opened: what it said of the stack.
        loaded: what it said of the model.
    """

    case: Case
    precision: str
    artifact: Path | None
    worker: WorkerProcess
    opened: Opened
    loaded: Loaded

    @property
    def spec(self) -> BackendSpec:
        """Its entry in the table."""
        return self.case.spec

    def continuation(self, prompt: Sequence[int], new_tokens: int) -> list[int]:
        """The ids that one prompt is continued by."""
        return [row[0] for row in self.worker.generate([prompt], new_tokens).token_ids]


REMEDY = "`nox -s tests` makes it and hands it on"
TIMEOUTS = Timeouts(start_s=600, open_s=600, load_s=600, generation_s=600)
"""Mesa's software Vulkan takes minutes for a long prompt on a machine that does other work."""


@contextmanager
def opened(
    case: Case, venvs: Venvs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WorkerProcess, Opened]]:
    """A worker with nothing loaded, and what it said of the stack."""
    python, target = interpreter_and_target(case, venvs)
    scratch = tmp_path_factory.mktemp(case.backend)
    with WorkerProcess(python, target, scratch, timeouts=TIMEOUTS, threads=case.threads) as worker:
        said = worker.open()
        if case.needs and case.device not in [device["name"] for device in said.devices]:
            pytest.skip(f"{case.label} takes {case.needs}")
        yield worker, said


def load(
    case: Case,
    precision: str,
    opened_worker: tuple[WorkerProcess, Opened],
    request: pytest.FixtureRequest,
    given: Mapping[str, str] = MappingProxyType({}),
) -> LoadedBackend:
    """The default model loaded by a worker; ``given`` are load options."""
    worker, said = opened_worker
    artifact = _artifact(case, precision, partial(request.getfixturevalue, "preparer"))
    loaded = worker.load(artifact, case.device, precision, case.threads, {**case.options, **given})
    return LoadedBackend(case, precision, artifact, worker, said, loaded)


def interpreter_and_target(case: Case, venvs: Venvs) -> tuple[str, str]:
    venv, target = case.at(venvs)
    if venv.python is None:
        wanted = f"--backend {case.backend} --device {case.device}"
        on_demand = f"it is taken where `nox -s bench -- {wanted}` has made it"
        how = REMEDY if case.device in case.spec.tested_on else on_demand
        pytest.skip(f"no venv for {case.label}: {how}")
    return venv.python, target


def _artifact(case: Case, precision: str, preparer: Any) -> Path | None:
    spec = case.spec
    if spec.artifact_format == "none":
        return None
    stored = spec.stored_precision(precision)
    path: Path = preparer().artifact(spec.artifact_format, stored, case.device).path
    return path
