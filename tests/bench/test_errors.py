from __future__ import annotations

import inspect

import pytest

from bench import errors
from bench.errors import BenchError, WorkerError

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == "bench.errors"]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_tree(kind: type[Exception]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_a_bench_error(kind: type[Exception]) -> None:
    assert issubclass(kind, BenchError)


@pytest.mark.parametrize(
    "kind", [kind for kind in ALL if issubclass(kind, WorkerError)], ids=lambda kind: kind.__name__
)
def test_every_worker_error_has_a_status_that_the_store_knows(kind: type[WorkerError]) -> None:
    assert kind("what happened").status in {"failed", "timeout", "crashed", "unsupported"}


def test_a_worker_error_is_named_by_its_class() -> None:
    assert errors.WorkerCrashed("it died").error_type == "WorkerCrashed"


def test_a_worker_error_may_be_named_by_what_the_worker_raised() -> None:
    assert errors.WorkerFailed("no", error_type="ArtifactError").error_type == "ArtifactError"
