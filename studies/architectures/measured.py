"""What each stack answers for a tiny model of an architecture, beside what the model answers by definition."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench import PROJECT_ROOT
from bench.errors import BenchError, ModelRefused, UsageError, WorkerError, WorkerUnsupported
from bench.measure.worker import WorkerProcess
from bench.plan.backends import BACKENDS
from bench.plan.cells import Load
from bench.plan.venvs import Venv, Venvs
from bench.prepare.model_source import resolve_model
from bench.prepare.preparation import CORPUS
from bench.prepare.stage import Preparer, wanted_artifact
from studies.architectures.tiny import VOCABULARY
from studies.intervals.real import run_module
from studies.intervals.stack import DEVICE

_F32 = {"inference_precision": "f32", "kv_cache_precision": "f32"}
_LLAMA_F32 = {"type_k": "f32", "type_v": "f32", "flash_attention": "off"}
STACKS: Mapping[str, Mapping[str, Any]] = {
    "transformers": {},
    "openvino-genai": _F32,
    "optimum-intel": _F32,
    "ort-genai": {},
    "llama-cpp": _LLAMA_F32,
    "llama-cpp-python": _LLAMA_F32,
}
"""Backend -> the load options with which nothing is rounded that the reference does not round."""

PRECISION = "fp32"
PROMPT_TOKENS = (12, 40)
NEW_TOKENS = 12
_PROMPTS = [random.Random(length).sample(range(100, VOCABULARY), length) for length in PROMPT_TOKENS]
"""None of the first ids, some of which have a meaning of their own."""
_NEAR = 1e-4
"""Between two logits so near to each other, the order of a sum decides."""
_THREADS = {"transformers": 1}
"""Other than two: PyTorch's threads wait for each other in every small layer, while other programs compute."""

Ids = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class TinyModel:
    """A tiny model with random weights, and what it answers by definition.

    Args:
        preparer: makes its artifacts.
        ids: that each prompt is answered with, in the order of :data:`PROMPT_TOKENS`.
        gaps: of each of these, by how much its logit is above the next one's.
    """

    name: str
    preparer: Preparer
    ids: Ids
    gaps: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a model on a stack.

    Args:
        said: a word or two for a table.
        reason: why it is so; empty where it runs.
        versions: of the stack's packages, where it was loaded.
    """

    said: str
    reason: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


class Study:
    """Models and stacks. Use as a context manager: a stack's worker loads one model after the other until it ends.

    Args:
        folder: models and artifacts are made here, and kept.
        venvs: the stacks' interpreters.
        say: takes a line of progress.
    """

    def __init__(self, folder: Path, venvs: Venvs, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._venvs = venvs
        self._say = say
        self._workers: dict[str, WorkerProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for backend in [*self._workers]:
            self._end(backend)

    def models(self, names: Sequence[str]) -> list[TinyModel]:
        """Those of :data:`studies.architectures.tiny.MODELS` that are named, made where they are missing.

        Raises:
            BenchError: one cannot be written, or transformers cannot compute what it answers.
        """
        folder = self._folder / "models"
        folder.mkdir(parents=True, exist_ok=True)
        conversion = _found(self._venvs.conversion())
        run_module("studies.architectures.tiny", str(folder), str(CORPUS), *names, python=conversion)
        cache = self._folder / "cache"
        preparers = {
            name: Preparer(resolve_model(str(folder / name)), conversion_python=conversion, cache=cache, say=self._say)
            for name in names
        }
        asked = json.dumps({str(folder / name): _PROMPTS for name in names})
        python = _found(self._venv("transformers"))
        printed = run_module("studies.architectures.reference", asked, str(NEW_TOKENS), python=python)
        answers = json.loads(printed.splitlines()[-1])
        return [TinyModel(name, preparers[name], **answers[str(folder / name)]) for name in names]

    def answers(self, model: TinyModel, backend: str) -> tuple[Ids, Mapping[str, Any]]:
        """The ids that a stack answers the model's prompts with, and what it says of the loaded model.

        Raises:
            ModelRefused, UsageError, WorkerUnsupported: it takes no such model.
            BenchError: it failed.
        """
        spec = BACKENDS[backend]
        _found(self._venv(backend))
        load = Load(backend, DEVICE, PRECISION, spec.load_options(DEVICE, PRECISION, {}, STACKS[backend]))
        artifact = model.preparer.artifact(*wanted_artifact(load))
        try:
            worker = self._worker(backend)
            loaded = worker.load(artifact.path, DEVICE, PRECISION, _threads(backend), load.options)
            found = [[row[0] for row in worker.generate([prompt], NEW_TOKENS).token_ids] for prompt in _PROMPTS]
        except WorkerError:
            # Nobody knows what a stack does after an error.
            self._end(backend)
            raise
        return found, loaded.evidence

    def outcome(self, model: TinyModel, backend: str) -> Outcome:
        """What becomes of the model on a stack."""
        try:
            ids, evidence = self.answers(model, backend)
        except (ModelRefused, UsageError, WorkerUnsupported) as error:
            return Outcome("refused", self._words(error, model))
        except _NotThereError as error:
            return Outcome("not tried", str(error))
        except BenchError as error:
            return Outcome("fails", self._words(error, model))
        return Outcome(compared(ids, model), versions=evidence["versions"])

    def _worker(self, backend: str) -> WorkerProcess:
        """The stack's worker, with whatever it loaded last."""
        if backend not in self._workers:
            scratch = self._folder / "scratch" / backend
            python, target = _found(self._venv(backend)), BACKENDS[backend].target
            self._workers[backend] = WorkerProcess(python, target, scratch, threads=_threads(backend))
            self._workers[backend].open()
        return self._workers[backend]

    def _end(self, backend: str) -> None:
        if (worker := self._workers.pop(backend, None)) is not None:
            worker.close()

    def _venv(self, backend: str) -> Venv:
        return self._venvs.backend(BACKENDS[backend], DEVICE)

    def _words(self, error: BenchError, model: TinyModel) -> str:
        """The first line of an error, without folders of this machine."""
        line = str(error).splitlines()[0].partition(" (all it printed is in ")[0]
        for folder in (self._folder / "models" / model.name, self._folder, PROJECT_ROOT):
            line = line.replace(str(folder), folder.name)
        return line


class _NotThereError(BenchError):
    """A stack is not installed."""


def compared(ids: Ids, model: TinyModel) -> str:
    """Whether ``ids`` are those that the model answers by definition, or where they first differ."""
    for length, mine, wanted, gaps in zip(PROMPT_TOKENS, ids, model.ids, model.gaps, strict=True):
        for place, (one, other) in enumerate(zip(mine, wanted, strict=True)):
            if one != other:
                near = " (a near tie)" if gaps[place] < _NEAR else ""
                return f"differs at token {place + 1} after {length}{near}"
    return "same ids"


def _threads(backend: str) -> int:
    return _THREADS.get(backend, 2)


def _found(venv: Venv) -> str:
    if venv.python is None:
        raise _NotThereError(venv.reason)
    return venv.python
