"""Which tests may start a process: those with the marker ``process``, and so all that drive a stack or a browser."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bench.plan.venvs import Venvs
from tests.support.faults import FaultTable
from tests.support.forked_converters import forking

# How long an example takes says nothing on a machine that does other work beside.
settings.register_profile("bench", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=10)
settings.load_profile("bench")

# While tests are collected little is garbage, and looking for it takes a tenth of the time.
gc.disable()

_STARTS_PROCESSES = ("process", "contract", "conversion", "browser", "main_job")
_DRAWN = "stored_report"
"""The fixture that renders a report with its charts."""
_start = subprocess.Popen.__init__
_running: list[pytest.Item] = []


def pytest_configure(config: pytest.Config) -> None:
    """Count the tests that inject a fault."""
    config.pluginmanager.register(FaultTable(), "faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts processes or draws charts by its nature, so that ``nox -s quick`` leaves it out."""
    for item in items:
        if any(item.get_closest_marker(name) for name in _STARTS_PROCESSES):
            item.add_marker("process")
        if item.get_closest_marker("charts") or _DRAWN in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Keep the thousands of collected tests out of every later garbage collection, and what is garbage with them."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has no home folder, as a user id without an account in a container."""

    def no_folder(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_folder)
    monkeypatch.setattr(Path, "expanduser", no_folder)


@pytest.fixture(scope="session")
def forking_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The interpreter of the conversion venv for many conversions, which import their stacks once for all of them."""
    python = Venvs.from_environment({}).conversion().python
    if python is None:
        pytest.skip("no venv that converts models: `nox -s tests` makes it and hands it on")
    with forking(python, tmp_path_factory.mktemp("forked")) as program:
        yield program


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Know which test is running, its fixtures of every scope included."""
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.pop()


def _checked(popen: Any, *arguments: Any, **options: Any) -> None:
    if _running and not _running[-1].get_closest_marker("process"):
        raise AssertionError(f"{_running[-1].nodeid} starts a process: mark it with @pytest.mark.process")
    _start(popen, *arguments, **options)


subprocess.Popen.__init__ = _checked  # type: ignore[method-assign,assignment]

# Compiled modules are kept even where the caller says otherwise: hundreds of processes import the same ones.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What tests write need not survive a power cut, and waiting for the disk takes longer than most of them.
os.fsync = lambda _: None  # type: ignore[assignment]
