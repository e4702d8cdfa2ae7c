"""The loop of the stacks that run on PyTorch, with a model of a few lines in their venv."""

from __future__ import annotations

import json

import pytest

from backends.table import BACKENDS
from bench.plan.venvs import Venvs
from tests.support.interpreters import told

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
        return SimpleNamespace(logits=logits, past_key_values=(*(past_key_values or ()), input_ids))

    __call__ = forward


model, steps, looks = NextId(), [], []
arguments = last_position(model)
look = inspect.signature
inspect.signature = lambda *given: looks.append(given) or look(*given)
greedy(model, [[1, 2], [3, 8]], 3, steps.append, arguments)
print(steps, model.kept, len(looks))
"""

STATES = """
from types import SimpleNamespace

import torch

from backends.contract import UnsupportedError
from backends.torch_loop import greedy


class Summing:
    '''Its answer is the sum of all ids so far, which it keeps under a name of its own.'''

    device = "cpu"

    def __init__(self, name):
        self.name = name

    def __call__(self, input_ids, use_cache, **given):
        total = given.get(self.name, 0) + int(input_ids.sum())
        logits = torch.nn.functional.one_hot(torch.tensor([[total]]), 100)
        return SimpleNamespace(logits=logits, **{self.name: total})


for name in ("past_key_values", "cache_params", "state"):
    steps = []
    greedy(Summing(name), [[1, 2]], 3, steps.append, {})
    print(name, steps)


class Forgetting(Summing):
    def __call__(self, input_ids, use_cache, **given):
        return SimpleNamespace(logits=torch.zeros(1, 1, 9), past_key_values=None)


for steps in (1, 2):
    answered = []
    try:
        greedy(Forgetting("none"), [[1, 2]], steps, answered.append, {})
    except UnsupportedError as error:
        print(answered, str(error).partition(" (")[0])
"""

KEPT = """
from types import SimpleNamespace

import torch

from backends.contract import UnsupportedError
from backends.torch_loop import KeptCache, greedy


class Cache(list):
    def crop(self, beyond):
        del self[beyond:]


class Summing:
    device = "cpu"

    def __init__(self, cache):
        self.cache = cache

    def __call__(self, input_ids, use_cache, past_key_values=()):
        print("given", input_ids[0].tolist())
        cache = self.cache([*past_key_values, *input_ids[0].tolist()])
        logits = torch.nn.functional.one_hot(torch.tensor([[sum(cache)]]), 100)
        return SimpleNamespace(logits=logits, past_key_values=cache)


kept = KeptCache()
for prompt, steps in (([1, 2, 3], 2), ([1, 2, 3, 5], 1), ([1, 2, 3, 5], 1), ([9], 1)):
    greedy(Summing(Cache), [prompt], steps, print, {}, kept)

fixed = KeptCache()
greedy(Summing(tuple), [[1, 2]], 1, print, {}, fixed)
try:
    greedy(Summing(tuple), [[1, 3]], 1, print, {}, fixed)
except UnsupportedError as error:
    print(error)
"""

SCORED = """
from types import SimpleNamespace

import torch

from backends.contract import Text
from backends.torch_loop import last_position, scores


class Counting:
    '''Its logits are the position and the id there.'''

    device = "cpu"
    embedding = SimpleNamespace(weight=torch.zeros(50, 2))

    def get_input_embeddings(self):
        return self.embedding

    def logits(self, input_ids):
        places = torch.arange(input_ids.shape[1])
        return torch.stack((places, input_ids[0]), dim=1)[None].to(torch.bfloat16)


class Whole(Counting):
    def forward(self, input_ids, use_cache=False):
        return SimpleNamespace(logits=self.logits(input_ids))

    __call__ = forward


class Last(Counting):
    def forward(self, input_ids, past_key_values=None, use_cache=False, logits_to_keep=0):
        print("keeps", logits_to_keep)
        return SimpleNamespace(logits=self.logits(input_ids)[:, -logits_to_keep:])

    __call__ = forward


texts = [Text("all", (7, 8, 9)), Text("later", (7, 8, 9, 10), 1)]
for model in (Whole(), Last()):
    for one in scores(model, texts, last_position(model)):
        print(one.text, one.position, one.logits.dtype, one.logits.tolist())
"""

WANTED = ("0 0 float32 [[0.0, 7.0], [1.0, 8.0]]", "1 1 float32 [[1.0, 8.0], [2.0, 9.0]]")


RUN = """
import contextlib, io, json, sys
printed = {}
for name, program in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()) as kept:
        exec(compile(program, name, "exec"), {"__name__": name})
    printed[name] = kept.getvalue().splitlines()
print(json.dumps(printed))
"""

# The last one changes a module of Python's own.
PROGRAMS = {"states": STATES, "kept": KEPT, "scored": SCORED, "counting": COUNTING}


@pytest.fixture(scope="module")
def printed(venvs: Venvs) -> dict[str, list[str]]:
    """The lines of each program, of one process: torch takes longer to import than all of them to run."""
    python = venvs.backend(BACKENDS["transformers"], "CPU").python
    if python is None:
        pytest.skip("no venv for transformers: `nox -s tests` makes it and hands it on")
    return told(python, "-c", RUN, json.dumps(PROGRAMS))


def test_a_request_asks_for_the_last_position_without_looking_at_the_signature(printed: dict[str, list[str]]) -> None:
    assert printed["counting"] == ["[[3, 9], [4, 0], [5, 1]] [1, 1, 1] 0"]


def test_the_next_step_sees_what_the_model_keeps_whatever_its_name(printed: dict[str, list[str]]) -> None:
    assert printed["states"][:3] == [
        f"{name} [[3], [6], [12]]" for name in ("past_key_values", "cache_params", "state")
    ]


def test_a_model_that_keeps_nothing_answers_nothing(printed: dict[str, list[str]]) -> None:
    assert printed["states"][3:] == ["[] this model hands out no cache of the tokens so far"] * 2


def test_a_cache_that_is_kept_is_cut_back_to_what_the_next_prompt_shares(printed: dict[str, list[str]]) -> None:
    lines = printed["kept"]
    assert lines[:4] == ["given [1, 2, 3]", "[6]", "given [6]", "[12]"]
    assert lines[4:10] == ["given [5]", "[11]", "given [5]", "[11]", "given [9]", "[9]"]
    assert lines[12].startswith("this model's cache cannot be cut back")


def test_the_scored_positions_are_taken_whatever_a_model_is_told_to_keep(printed: dict[str, list[str]]) -> None:
    assert printed["scored"] == [*WANTED, "keeps 3", WANTED[0], "keeps 3", WANTED[1]]
