"""Every backend behind the same fixtures: a worker process of its own, with a real model loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from bench.measure.worker import Opened, WorkerProcess
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.model_source import resolve_model
from bench.prepare.prompts import PromptBook, PromptKey
from bench.prepare.stage import Preparer
from tests.support.loaded_backends import (
    CASES,
    Case,
    Ids,
    LoadedBackend,
    load,
    opened,
)

MANY = 40

REFERENCE = Case("transformers", "CPU")
"""The stack that model makers publish with."""


@pytest.fixture(scope="session")
def venvs() -> Venvs:
    """The interpreters that nox made."""
    return Venvs.from_environment({})


@pytest.fixture(scope="session")
def preparer(forking_python: str) -> Preparer:
    """Makes the default model's artifacts, or finds them made."""
    return Preparer(resolve_model("default"), conversion_python=forking_python, cache=cache_root(), say=print)


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
    with opened(case, venvs, tmp_path_factory) as worker:
        yield load(case, case.precisions[0], worker, request)


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
    elif case == REFERENCE:
        yield request.getfixturevalue("reference")
    else:
        with opened(case, venvs, tmp_path_factory) as worker:
            yield load(case, case.widest, worker, request, case.as_reference)


@pytest.fixture(scope="session")
def reference(
    venvs: Venvs, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedBackend]:
    """What the others are held against, on the model's own weights."""
    with opened(REFERENCE, venvs, tmp_path_factory) as worker:
        yield load(REFERENCE, "fp32", worker, request)


@pytest.fixture(scope="session")
def opened_spare(
    case: Case, venvs: Venvs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WorkerProcess, Opened]]:
    """A worker beside those that keep a model, for one load after the other."""
    with opened(case, venvs, tmp_path_factory) as worker:
        yield worker


@pytest.fixture(scope="session")
def spare(opened_spare: tuple[WorkerProcess, Opened]) -> WorkerProcess:
    """That worker alone."""
    return opened_spare[0]


@pytest.fixture(scope="session")
def real(backend: LoadedBackend) -> LoadedBackend:
    """A backend that runs a model."""
    return _real(backend)


@pytest.fixture(scope="session")
def real_fp32(fp32_backend: LoadedBackend) -> LoadedBackend:
    """A backend that runs a model on weights that nobody changed."""
    return _real(fp32_backend)


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
    """Prompts of 128 ids, of which no two begin alike: long enough for a repeat from a cache to stand out."""
    return _prompts(spec_book, 128, 24)


def _prompts(book: PromptBook, length: int, count: int) -> Sequence[Ids]:
    keys = [PromptKey(length, ordinal, 0) for ordinal in range(count)]
    return [prompt.ids for prompt in book.prompts_for_visit(0, keys).values()]


def _real(backend: LoadedBackend) -> LoadedBackend:
    if backend.spec.simulated:
        pytest.skip("the simulated backend runs no model")
    return backend
