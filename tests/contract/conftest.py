"""Every backend behind the same fixtures: a worker process of its own, with a real model loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.measure.worker import WorkerProcess
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.model_source import resolve_model
from bench.prepare.prompts import PromptBook, PromptKey
from bench.prepare.stage import Preparer
from tests.support.loaded_backends import (
    CASES,
    REMEDY,
    TIMEOUTS,
    Case,
    Ids,
    LoadedBackend,
    interpreter_and_target,
    load,
)

MANY = 40

StartWorker = Callable[[], WorkerProcess]


@pytest.fixture(scope="session")
def venvs() -> Venvs:
    """The interpreters that nox made."""
    return Venvs.from_environment({})


@pytest.fixture(scope="session")
def preparer(venvs: Venvs) -> Preparer:
    """Makes the default model's artifacts, or finds them made."""
    python = venvs.conversion().python
    if python is None:
        pytest.skip(f"no venv that converts models: {REMEDY}")
    return Preparer(resolve_model("default"), conversion_python=python, cache=cache_root(), say=print)


@pytest.fixture(scope="session")
def prompt_book(preparer: Preparer) -> PromptBook:
    """The corpus as ids of the default model."""
    return preparer.prompts()


@pytest.fixture(scope="session", params=CASES, ids=[case.label for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    """Each backend in turn, on each device that it can run on here."""
    entry: Case = request.param
    return entry


@pytest.fixture(scope="session")
def backend(
    case: Case, venvs: Venvs, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedBackend]:
    """The backend with its narrowest weight format loaded, which is the least work."""
    yield from load(case, case.precisions[0], venvs, request, tmp_path_factory)


@pytest.fixture(scope="session")
def fp32_backend(
    case: Case,
    backend: LoadedBackend,
    venvs: Venvs,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LoadedBackend]:
    """The backend with the model's own weights, or the nearest to them, to be compared with another stack's answers."""
    if backend.precision == case.widest:
        yield backend
    else:
        yield from load(case, case.widest, venvs, request, tmp_path_factory, case.as_reference)


@pytest.fixture(scope="session")
def reference(
    venvs: Venvs, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedBackend]:
    """transformers on the model's own weights: the stack that model makers publish with."""
    yield from load(Case("transformers", "CPU"), "fp32", venvs, request, tmp_path_factory)


@pytest.fixture(scope="session")
def real(backend: LoadedBackend) -> LoadedBackend:
    """A backend that runs a model."""
    return _real(backend)


@pytest.fixture(scope="session")
def real_fp32(fp32_backend: LoadedBackend) -> LoadedBackend:
    """A backend that runs a model on weights that nobody changed."""
    return _real(fp32_backend)


@pytest.fixture
def fresh(case: Case, venvs: Venvs, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts a worker with nothing loaded, for what may bring it down; a test that is skipped imports no stack."""
    python, target = interpreter_and_target(case, venvs)
    with ExitStack() as stack:

        def start() -> WorkerProcess:
            worker = stack.enter_context(WorkerProcess(python, target, tmp_path / "worker", timeouts=TIMEOUTS))
            worker.open()
            return worker

        yield start


@pytest.fixture(scope="session")
def spec_book(case: Case, request: pytest.FixtureRequest) -> PromptBook:
    """Prompts that the backend's model understands; made-up ones where there is no model."""
    if case.spec.artifact_format == "none":
        return PromptBook.made_up()
    book: PromptBook = request.getfixturevalue("prompt_book")
    return book


@pytest.fixture(scope="session")
def prompts(spec_book: PromptBook) -> Sequence[Ids]:
    """Prompts of 32 ids, of which no two begin alike."""
    return _prompts(spec_book, 32, 3)


@pytest.fixture(scope="session")
def model_prompts(prompt_book: PromptBook) -> Sequence[Ids]:
    """Prompts of 32 ids for the default model, whatever the backend."""
    return _prompts(prompt_book, 32, 2)


@pytest.fixture(scope="session")
def many_prompts(prompt_book: PromptBook) -> Sequence[Ids]:
    """Short texts for the default model, enough to tell a share of them."""
    return _prompts(prompt_book, 16, MANY)


@pytest.fixture(scope="session")
def long_prompts(spec_book: PromptBook) -> Sequence[Ids]:
    """Prompts of 256 ids, of which no two begin alike: long enough for a repeat from a cache to stand out."""
    return _prompts(spec_book, 256, 4)


def _prompts(book: PromptBook, length: int, count: int) -> Sequence[Ids]:
    keys = [PromptKey(length, ordinal, 0) for ordinal in range(count)]
    return [prompt.ids for prompt in book.prompts_for_visit(0, keys).values()]


def _real(backend: LoadedBackend) -> LoadedBackend:
    if backend.spec.simulated:
        pytest.skip("the simulated backend runs no model")
    return backend
