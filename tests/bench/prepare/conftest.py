"""A model directory of a few bytes, and a stand-in for the converters that needs no inference stack."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench import processes
from bench.prepare.model_source import resolve_model
from bench.prepare.stage import Preparer
from tests.support.converters import StandIn
from tests.support.models import write_weights


def write_model(directory: Path, *, tied: bool = False) -> Path:
    """A directory with an 8 x 4 embedding, a 4 x 8 linear layer and a head of 8 x 4, all zeros."""
    directory.mkdir(parents=True)
    shapes = {"model.embed_tokens.weight": (8, 4), "layer.weight": (4, 8), "lm_head.weight": (8, 4)}
    write_weights(directory / "model.safetensors", {name: np.zeros(shape) for name, shape in shapes.items()})
    config = {"vocab_size": 8, "max_position_embeddings": 100, "tie_word_embeddings": tied}
    (directory / "config.json").write_text(json.dumps(config), "utf-8")
    (directory / "tokenizer.json").write_text("{}", "utf-8")
    return directory


@pytest.fixture
def model_directory(tmp_path: Path) -> Path:
    return write_model(tmp_path / "my-model")


@pytest.fixture
def tied_directory(tmp_path: Path) -> Path:
    return write_model(tmp_path / "my-tied-model", tied=True)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "chat.txt").write_text("Good morning to all of you.", "utf-8")
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("chat-1", "chat-2", "writing-1"):
        (folder / f"{name}.txt").write_text(f"This is {name}.", "utf-8")
    return folder


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    root = tmp_path / "project"
    monkeypatch.setattr(processes, "PROJECT_ROOT", root)
    return StandIn(root)


@pytest.fixture
def preparer_of(tmp_path: Path, corpus: Path, texts: Path) -> Callable[..., Preparer]:
    def make(spec: str, said: list[str] | None = None) -> Preparer:
        say = (lambda _: None) if said is None else said.append
        return Preparer(
            resolve_model(spec),
            conversion_python=sys.executable,
            cache=tmp_path / "cache",
            say=say,
            corpus=corpus,
            texts=texts,
        )

    return make
