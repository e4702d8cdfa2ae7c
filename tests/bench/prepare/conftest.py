"""A model directory of a few bytes, and a stand-in for the converters that needs no inference stack."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import processes
from bench.prepare.model_source import resolve_model
from bench.prepare.stage import Preparer

STAND_IN = """
import json, pathlib, subprocess, sys, time
request = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
output, task = pathlib.Path(request["output"]), request["task"]
behaviour = pathlib.Path(__file__).with_name("behaviour").read_text("utf-8")
print("loading", flush=True)
if behaviour == "die":
    print("the last words", flush=True)
    sys.exit(9)
if behaviour == "hang":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (output / "half").write_text(str(child.pid), "utf-8")
    time.sleep(600)
if behaviour == "refuse":
    answer = {"ok": False, "message": "this architecture is unknown: choose another model"}
else:
    answer = pathlib.Path(__file__).with_name("answer")
    facts = json.loads(answer.read_text("utf-8"))
    if task == "prompts":
        facts = {}
        book = {"kinds": {"chat": [1, 2, 3]}, "openers": [4, 5, 6, 7], "bos": [], "vocab_size": 8}
        (output / "prompts.json").write_text(json.dumps(book), "utf-8")
    (output / "model.bin").write_bytes(b"0" * 48)
    with pathlib.Path(__file__).with_name("calls").open("a", encoding="utf-8") as calls:
        calls.write(task + "\\n")
    answer = {"ok": True, "facts": facts, "peak_memory_bytes": 1}
pathlib.Path(request["result"]).write_text(json.dumps(answer), "utf-8")
"""


def write_model(directory: Path, *, tied: bool = False) -> Path:
    """A directory with an 8 x 4 embedding, a 4 x 8 linear layer and a head of 8 x 4, all zeros."""
    directory.mkdir(parents=True)
    tensors = {"model.embed_tokens.weight": [8, 4], "layer.weight": [4, 8], "lm_head.weight": [8, 4]}
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in tensors.items()}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
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


class StandIn:
    """Converters that do as told; ``calls`` names the tasks that were carried out."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "backends" / "convert"
        self._folder.mkdir(parents=True)
        (root / "backends" / "__init__.py").touch()
        (self._folder / "__init__.py").touch()
        (self._folder / "__main__.py").write_text(STAND_IN, "utf-8")
        self.behave("work")
        self.answer({"weight_elements": {"int4": 60, "int8": 4}, "stored_bytes": 48})

    def answer(self, facts: dict[str, Any]) -> None:
        (self._folder / "answer").write_text(json.dumps(facts), "utf-8")

    def behave(self, how: str) -> None:
        (self._folder / "behaviour").write_text(how, "utf-8")

    @property
    def calls(self) -> list[str]:
        file = self._folder / "calls"
        return file.read_text("utf-8").split() if file.exists() else []


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    root = tmp_path / "project"
    monkeypatch.setattr(processes, "PROJECT_ROOT", root)
    return StandIn(root)


@pytest.fixture
def preparer_of(tmp_path: Path, corpus: Path) -> Callable[..., Preparer]:
    def make(spec: str, said: list[str] | None = None) -> Preparer:
        say = (lambda _: None) if said is None else said.append
        cache = tmp_path / "cache"
        return Preparer(resolve_model(spec), conversion_python=sys.executable, cache=cache, say=say, corpus=corpus)

    return make
