"""Stored runs made by hand with the real writer: what the analyse and report stages read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from bench.plan.cells import Load
from bench.report.render import ReportPaths
from tests.support.charts import blank_charts, real_charts
from tests.support.reports import render
from tests.support.shared_analyses import shared_analyses
from tests.support.stored_runs import FakeRun


@pytest.fixture(scope="session")
def fake_run() -> Callable[..., FakeRun]:
    """Makes a :class:`FakeRun`; keyword arguments replace its defaults."""
    return FakeRun


@pytest.fixture(scope="session")
def stored_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stacks at 21 cells, all measured."""
    return FakeRun().write(tmp_path_factory.mktemp("stored"))


@pytest.fixture(scope="session")
def simulated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the simulated backend alone."""
    model = {"name": "simulated", "kind": "simulated", "synthetic": False, "digest": None, "parameters": None}
    loads = [Load("simulated", "CPU", precision) for precision in ("int4", "int8")]
    run = FakeRun(loads=loads, model=model, prompt_tokens=(32, 128))
    return run.write(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def stored_report(stored_run: Path, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    """The report of :func:`stored_run`, with its charts."""
    with real_charts():
        return render(stored_run, tmp_path_factory.mktemp("stored-report"))


@pytest.fixture(scope="session")
def simulated_report(simulated_run: Path, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    """The report of :func:`simulated_run`, with blank charts."""
    with blank_charts():
        return render(simulated_run, tmp_path_factory.mktemp("simulated-report"))


@pytest.fixture(scope="module", autouse=True)
def blank() -> Iterator[None]:
    """The pages that tests and fixtures render have blank charts, but for those of :func:`charts`."""
    with blank_charts(), shared_analyses():
        yield


@pytest.fixture(autouse=True)
def charts(request: pytest.FixtureRequest) -> Iterator[None]:
    """The pages that a test with the marker ``charts`` renders have their charts, or those of the modules named."""
    marker = request.node.get_closest_marker("charts")
    with real_charts(*marker.args) if marker else nullcontext():
        yield
