"""The loop of the stacks that run on PyTorch, with a model of a few lines in their venv."""

from __future__ import annotations

import subprocess

import pytest

from backends.table import BACKENDS
from bench import PROJECT_ROOT
from bench.plan.venvs import Venvs

pytestmark = pytest.mark.contract

COUNTING = """
import inspect
from types import SimpleNamespace

import torch

from backends.torch_loop import greedy, last_position


class NextId:
    device = "cpu"

    def __init__(self):
        self.kept = []

    def forward(self, input_ids, past_key_values=None, use_cache=False, logits_to_keep=0):
        self.kept.append(logits_to_keep)
        logits = torch.nn.functional.one_hot((input_ids[:, -1:] + 1) % 10, 10)
        return SimpleNamespace(logits=logits, past_key_values=past_key_values)

    __call__ = forward


model, steps, looks = NextId(), [], []
arguments = last_position(model)
look = inspect.signature
inspect.signature = lambda *given: looks.append(given) or look(*given)
greedy(model, [[1, 2], [3, 8]], 3, steps.append, arguments)
print(steps, model.kept, len(looks))
"""


def test_a_request_asks_for_the_last_position_without_looking_at_the_signature(venvs: Venvs) -> None:
    python = venvs.backend(BACKENDS["transformers"], "CPU").python
    if python is None:
        pytest.skip("no venv for transformers: `nox -s tests` makes it and hands it on")
    run = subprocess.run(
        [python, "-c", COUNTING], cwd=PROJECT_ROOT, capture_output=True, encoding="utf-8", check=True, timeout=300
    )
    assert run.stdout.strip() == "[[3, 9], [4, 0], [5, 1]] [1, 1, 1] 0"
