"""What is broken is called broken: damaged weights of a real model, and a stack that loses its way in a long prompt."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.measure.worker import WorkerProcess
from bench.plan.cells import Cell, Load
from bench.prepare.prompts import PromptBook
from bench.prepare.stage import Preparer
from tests.support.loaded_backends import LoadedBackend
from tests.support.models import with_weights
from tests.support.tiny_run import TinyRun

pytestmark = pytest.mark.contract

LAYER = "model.layers.15"
"""In the middle of thirty, which damages least: the first ones cost more by orders of magnitude."""

MATRICES = (
    *("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
    *("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
)
SHUFFLED = tuple(f"{LAYER}.{name}.weight" for name in MATRICES)
NEGATED = ("model.layers.0.self_attn.o_proj.weight", "model.layers.0.mlp.down_proj.weight")
"""Two whose signs do not cancel, as those of queries and keys would."""

TEXTS = 6
LONG = 1e9
"""Seconds that are never up."""

Scored = Sequence[Mapping[str, Any]]
Judge = Callable[[Scored, Scored], tuple[str, str]]


@pytest.fixture(scope="module")
def texts(prompt_book: PromptBook) -> list[dict[str, Any]]:
    """Some of the fixed texts as ids of the default model."""
    return [_text(name, prompt_book.texts[name]) for name in list(prompt_book.texts)[:TEXTS]]


@pytest.fixture(scope="module")
def scorer(reference: LoadedBackend) -> WorkerProcess:
    """transformers; it loads a model anew for each request."""
    return reference.worker


@pytest.fixture(scope="module")
def model(preparer: Preparer) -> Path:
    """The default model's folder, in fp32."""
    return preparer.artifact("huggingface", "fp32", "CPU").path


@pytest.fixture(scope="module")
def right(scorer: WorkerProcess, model: Path, texts: Sequence[dict[str, Any]]) -> Scored:
    """What the undamaged model thinks of the texts."""
    return _scored(scorer, model, texts)


@pytest.fixture
def judge(tiny_run: TinyRun) -> Judge:
    """The verdict on a load that scored so, beside another one."""

    def verdict(own: Scored, reference: Scored) -> tuple[str, str]:
        loads = [Load("transformers", "CPU", "fp32", variant=name) for name in ("damaged", "right")]
        tiny_run.record = {"options": {"reference": loads[1].label}}
        for load, scores in zip(loads, (own, reference), strict=True):
            tiny_run.planned.append(Cell(load, 10, 3))
            tiny_run.load(load, 0)
            for one in scores:
                tiny_run.text(load, one["name"], one["log_probs"], top_ids=one["top_ids"] or None)
        quality = tiny_run.analyse().loads[0].quality
        assert quality is not None
        return quality.verdict, quality.reason

    return verdict


@pytest.fixture
def tiny_run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path / "results")


@pytest.mark.parametrize(
    ("keys", "change"),
    [(SHUFFLED, np.random.default_rng(1).permutation), (NEGATED, np.negative)],
    ids=["one layer shuffled", "two tensors negated"],
)
def test_damaged_weights_are_broken(
    scorer: WorkerProcess,
    model: Path,
    texts: Sequence[dict[str, Any]],
    right: Scored,
    judge: Judge,
    tmp_path: Path,
    keys: Sequence[str],
    change: Callable[[Any], Any],
) -> None:
    with with_weights(model, tmp_path / "damaged", dict.fromkeys(keys, change)) as damaged:
        assert judge(_scored(scorer, damaged, texts), right) == ("broken", "ratio")


def test_the_same_weights_are_faithful(
    scorer: WorkerProcess, model: Path, texts: Sequence[dict[str, Any]], right: Scored, judge: Judge
) -> None:
    assert judge(_scored(scorer, model, texts), right) == ("faithful", "ratio")


def test_garbage_beyond_256_tokens_is_broken(judge: Judge, tmp_path: Path) -> None:
    texts = [_text(f"chat-{number}", range(number, number + 160)) for number in range(4)]
    texts.append(_text("longest-prompt", range(2048), 2048 - 1 - 64))
    options = {"perplexity_ratio": 1.0}
    with WorkerProcess(sys.executable, "backends.simulated:Simulated", tmp_path / "toy") as worker:
        worker.open()
        of_right, of_broken = (
            worker.score(None, "CPU", "fp32", None, asked, texts=texts, reference=None, seconds=LONG)
            for asked in (options, {**options, "broken_from": 256})
        )
    assert judge(of_broken, of_right) == ("broken", "longest")


def _text(name: str, ids: Sequence[int], start: int = 0) -> dict[str, Any]:
    return {"name": name, "ids": list(ids), "start": start}


def _scored(worker: WorkerProcess, model: Path, texts: Sequence[dict[str, Any]]) -> Scored:
    return worker.score(model, "CPU", "fp32", 1, {}, texts=texts, reference=None, seconds=LONG)
