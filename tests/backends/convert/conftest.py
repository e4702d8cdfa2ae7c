"""The conversion venv, where the caller names one, and one cache for all tests that convert for real."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.prepare.cache import CACHE_VARIABLE
from bench.prepare.model_source import resolve_model
from bench.prepare.stage import Preparer

VENVS_VARIABLE = "AIPC_BENCH_VENVS"


@pytest.fixture(scope="session")
def conversion_python() -> str:
    python = json.loads(os.environ.get(VENVS_VARIABLE, "{}")).get("conversion", {}).get("python")
    if not python:
        pytest.skip(f"{VENVS_VARIABLE} names no conversion interpreter: run `nox -s tests`, which makes one")
    return str(python)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def preparer_for(forking_python: str, cache: Path) -> Callable[[str], Preparer]:
    made: dict[str, Preparer] = {}

    def get(spec: str) -> Preparer:
        if spec not in made:
            source = resolve_model(spec)
            made[spec] = Preparer(source, conversion_python=forking_python, cache=cache, say=lambda _: None)
        return made[spec]

    return get
