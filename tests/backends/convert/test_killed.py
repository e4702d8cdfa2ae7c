"""Real conversions that are killed, and two runs that want the same one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest

from bench import PROJECT_ROOT
from bench.prepare.cache import ArtifactStore, differences, remove
from tests.support.models import write_weights

pytestmark = pytest.mark.conversion

RUN = """
import sys
from pathlib import Path
from bench.prepare.model_source import resolve_model
from bench.prepare.stage import Preparer

def say(line):
    print(line, flush=True)

model, python, cache = sys.argv[1:]
preparer = Preparer(resolve_model(model), conversion_python=python, cache=Path(cache), say=say)
say(f"made {preparer.artifact('huggingface', 'fp16', 'CPU').path}")
"""

Start = Callable[[], subprocess.Popen[str]]
T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "cache")


@pytest.fixture
def start(tmp_path: Path, store: ArtifactStore, conversion_python: str) -> Start:
    """Starts a run that has a model of 30 MB made fp16."""
    model = tmp_path / "model"
    model.mkdir()
    write_weights(model / "model.safetensors", {"model.embed_tokens.weight": np.zeros((1 << 18, 32))})
    (model / "config.json").write_text(f'{{"vocab_size": {1 << 18}, "max_position_embeddings": 8}}', "utf-8")
    (model / "tokenizer.json").write_text("{}", "utf-8")

    def start_one() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", RUN, str(model), conversion_python, str(store.root)]
        return subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start_one


def converters(store: ArtifactStore) -> list[psutil.Process]:
    """Those that work below the cache."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "backends.convert" in command and str(store.making) in command[-1]:
            found.append(process)
    return found


def came(moment: str, store: ArtifactStore, harness: subprocess.Popen[str]) -> bool:
    """Whether a file of this pattern is there; or it is too late for that."""
    return any(store.making.glob(moment)) or harness.poll() is not None


def until(true: Callable[[], T]) -> T:
    """Wait until something is true, and return it."""
    end = time.monotonic() + 600
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


@pytest.mark.fault("convert-killed")
def test_a_conversion_whose_harness_is_killed_at_any_moment_is_made_by_the_next_start(
    store: ArtifactStore, start: Start
) -> None:
    for moment in ("*/request.json", "*/out/*", "*/result.json"):
        with start() as harness:
            until(partial(came, moment, store, harness))
            harness.kill()
        psutil.wait_procs(converters(store), timeout=300)
        assert converters(store) == []
        for folder in store.artifacts.glob("*"):
            # The kill came too late.
            assert differences(folder) == []
            remove(folder)
    with start() as first:
        (converter,) = until(lambda: converters(store))
        converter.suspend()
        with start() as second:
            assert second.stdout is not None
            waiting = second.stdout.readline()
            converter.resume()
            said = [first.communicate()[0].splitlines(), [waiting, *second.communicate()[0].splitlines()]]
    assert [lines[0].partition(" model")[0] for lines in said] == [
        "converting",
        "waiting for another run that converts",
    ]
    (folder,) = store.artifacts.iterdir()
    assert [lines[-1] for lines in said] == [f"made {folder}"] * 2
    assert (differences(folder), list(store.making.iterdir())) == ([], [])


@pytest.mark.fault("convert-killed")
def test_a_converter_that_is_killed_is_told_in_a_line_and_leaves_nothing(store: ArtifactStore, start: Start) -> None:
    with start() as harness:
        until(lambda: converters(store))[0].kill()
        _, said = harness.communicate()
    assert "PrepareError: converting model to huggingface fp16 failed: the converter died (" in said.splitlines()[-1]
    assert (store.artifacts.exists(), list(store.making.iterdir())) == (False, [])
