"""Every stack computes the model that it was given: tiny models of several architectures, by their first ids.

``nox -s studies -- architectures`` does the same for many more of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from bench.errors import ModelRefused
from bench.plan.environments import CONVERSION
from bench.plan.venvs import VARIABLE, Venvs
from studies.architectures.measured import Study, TinyModel, compared

pytestmark = pytest.mark.conversion

MODELS = ("Llama-3", "Gemma-3", "Granite-3-MoE", "BLOOM", "Mamba")
"""Scaled rotary positions; windows, norms of queries and keys; experts; no SDPA; no attention."""

CAPPED = {"Gemma-3": "gemma3_text", "Mamba": "mamba"}
"""Model -> what its architecture is called by optimum-intel, which exports it with older versions of transformers."""

REFUSED = {
    **{("openvino-genai", name): rf"exports {kind} models .* up to 5\.\d" for name, kind in CAPPED.items()},
    **{("ort-genai", name): "takes no .* models" for name in ("Granite-3-MoE", "BLOOM", "Mamba")},
}
"""Stack and model -> what is said before anything is converted."""

ATTENTION = {"BLOOM": "EAGER", "Mamba": None}
"""What transformers picks where it has no SDPA."""

ANSWERED = [
    *(("transformers", name) for name in MODELS),
    *((stack, name) for stack in ("openvino-genai", "optimum-intel") for name in MODELS if name not in CAPPED),
    *(("ort-genai", name) for name in ("Llama-3", "Gemma-3")),
]


@pytest.fixture(scope="module")
def study(venvs: Venvs, forking_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    if venvs.group("transformers").python is None:
        pytest.skip("no transformers venv: `nox -s tests` makes it and hands it on")
    forking = {**json.loads(os.environ[VARIABLE]), CONVERSION: {"python": forking_python}}
    with Study(tmp_path_factory.mktemp("architectures"), Venvs(json.dumps(forking), {}), print) as study:
        yield study


@pytest.fixture(scope="module")
def models(study: Study) -> dict[str, TinyModel]:
    return {model.name: model for model in study.models(MODELS)}


def test_what_is_to_be_answered_is_no_token_over_and_over(models: dict[str, TinyModel]) -> None:
    assert {name for name, model in models.items() if max(len(set(ids)) for ids in model.ids) < 4} == set()


@pytest.mark.parametrize(("stack", "name"), ANSWERED)
def test_a_stack_answers_as_the_model_does(stack: str, name: str, study: Study, models: dict[str, TinyModel]) -> None:
    ids, evidence = study.answers(models[name], stack)
    assert compared(ids, models[name]) == "same ids"
    if stack == "transformers":
        assert evidence["attention_backend"] == ATTENTION.get(name, "SDPA")


@pytest.mark.parametrize(("stack", "name"), REFUSED)
def test_an_architecture_that_no_converter_takes_is_refused(
    stack: str, name: str, study: Study, models: dict[str, TinyModel]
) -> None:
    with pytest.raises(ModelRefused, match=REFUSED[stack, name]):
        study.answers(models[name], stack)
