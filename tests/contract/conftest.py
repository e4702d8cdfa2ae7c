"""Every backend behind the same fixtures: a worker process of its own, with a real model loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from backends.table import BACKENDS, BackendSpec
from bench.measure.worker import Timeouts, WorkerProcess
from bench.plan.venvs import Venvs
from bench.prepare.cache import cache_root
from bench.prepare.models import resolve_model
from bench.prepare.prompts import PromptBook, PromptKey
from bench.prepare.stage import Preparer
from tests.contract.loaded import Ids, LoadedBackend

THREADS = min(2, psutil.cpu_count(logical=False) or 1)
_REMEDY = "`nox -s tests` makes it and hands it on"
_TIMEOUTS = Timeouts(start_s=60, open_s=120, load_s=180, generation_s=120)


@pytest.fixture(scope="session")
def venvs() -> Venvs:
    """The interpreters that nox made."""
    return Venvs.from_environment({})


@pytest.fixture(scope="session")
def preparer(venvs: Venvs) -> Preparer:
    """Makes the default model's artifacts, or finds them made."""
    python = venvs.conversion().python
    if python is None:
        pytest.skip(f"no venv that converts models: {_REMEDY}")
    return Preparer(resolve_model("default"), conversion_python=python, cache=cache_root(), say=print)


@pytest.fixture(scope="session")
def prompt_book(preparer: Preparer) -> PromptBook:
    """The corpus as ids of the default model."""
    return preparer.prompts()


@pytest.fixture(scope="session", params=list(BACKENDS.values()), ids=list(BACKENDS))
def spec(request: pytest.FixtureRequest) -> BackendSpec:
    """Each backend of the table in turn."""
    entry: BackendSpec = request.param
    return entry


@pytest.fixture(scope="session")
def backend(
    spec: BackendSpec, venvs: Venvs, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedBackend]:
    """The backend with its narrowest weight format loaded, which is the least work."""
    precision = "int4" if "int4" in spec.devices["CPU"] else "fp32"
    yield from _load(spec, precision, venvs, request, tmp_path_factory)


@pytest.fixture(scope="session")
def fp32_backend(
    spec: BackendSpec,
    backend: LoadedBackend,
    venvs: Venvs,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LoadedBackend]:
    """The backend with the model's own weights, to be compared with another stack's answers."""
    if "fp32" not in spec.devices["CPU"]:
        pytest.skip(f"{spec.name} takes no fp32 weights")
    if backend.precision == "fp32":
        yield backend
    else:
        yield from _load(spec, "fp32", venvs, request, tmp_path_factory)


@pytest.fixture(scope="session")
def reference(
    venvs: Venvs, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedBackend]:
    """transformers on the model's own weights: the stack that model makers publish with."""
    yield from _load(BACKENDS["transformers"], "fp32", venvs, request, tmp_path_factory)


@pytest.fixture(scope="session")
def real(backend: LoadedBackend) -> LoadedBackend:
    """A backend that runs a model."""
    return _real(backend)


@pytest.fixture(scope="session")
def real_fp32(fp32_backend: LoadedBackend) -> LoadedBackend:
    """A backend that runs a model on weights that nobody changed."""
    return _real(fp32_backend)


@pytest.fixture
def fresh(spec: BackendSpec, venvs: Venvs, tmp_path: Path) -> Iterator[WorkerProcess]:
    """A worker with nothing loaded, for what may bring it down."""
    with WorkerProcess(_python(spec, venvs), spec.target, tmp_path / "worker", timeouts=_TIMEOUTS) as worker:
        worker.open()
        yield worker


@pytest.fixture(scope="session")
def spec_book(spec: BackendSpec, request: pytest.FixtureRequest) -> PromptBook:
    """Prompts that the backend's model understands; made-up ones where there is no model."""
    if spec.artifact_format == "none":
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
def long_prompts(spec_book: PromptBook) -> Sequence[Ids]:
    """Prompts of 512 ids, of which no two begin alike."""
    return _prompts(spec_book, 512, 4)


def _prompts(book: PromptBook, length: int, count: int) -> Sequence[Ids]:
    keys = [PromptKey(length, ordinal, 0) for ordinal in range(count)]
    return [prompt.ids for prompt in book.prompts_for_visit(0, keys).values()]


def _real(backend: LoadedBackend) -> LoadedBackend:
    if backend.spec.simulated:
        pytest.skip("the simulated backend runs no model")
    return backend


def _load(
    spec: BackendSpec,
    precision: str,
    venvs: Venvs,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LoadedBackend]:
    python = _python(spec, venvs)
    artifact = _artifact(spec, precision, partial(request.getfixturevalue, "preparer"))
    scratch = tmp_path_factory.mktemp(spec.name)
    with WorkerProcess(python, spec.target, scratch, timeouts=_TIMEOUTS, threads=THREADS) as worker:
        opened = worker.open()
        loaded = worker.load(artifact, "CPU", precision, THREADS, {})
        yield LoadedBackend(spec, precision, artifact, worker, opened, loaded)


def _python(spec: BackendSpec, venvs: Venvs) -> str:
    python = venvs.backend(spec).python
    if python is None:
        pytest.skip(f"no venv for {spec.name}: {_REMEDY}")
    return python


def _artifact(spec: BackendSpec, precision: str, preparer: Any) -> Path | None:
    if spec.artifact_format == "none":
        return None
    path: Path = preparer().artifact(spec.artifact_format, precision, "CPU").path
    return path
