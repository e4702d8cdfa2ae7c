"""Every stack computes the model that it was given: tiny models of several architectures, by their first ids.

``nox -s studies -- architectures`` does the same for many more of them.
"""

from __future__ import annotations

import pytest

from bench.errors import ModelRefused
from bench.plan.venvs import Venvs
from studies.architectures.measured import Study, TinyModel, compared

pytestmark = pytest.mark.contract

MODELS = ("Llama-3", "Qwen3", "Gemma-3", "Granite-3-MoE", "BLOOM", "Mamba")
"""Rotary scaling; norms of queries and keys; windows; experts; no SDPA; no attention."""


OPENVINO = ("openvino-genai", "optimum-intel")
CAPPED = {"Gemma-3": "gemma3_text", "Mamba": "mamba"}
"""Model -> what its architecture is called by optimum-intel, which exports it with older versions of transformers."""

REFUSED = {
    **{(stack, name): rf"exports {kind} models .* up to 5\.\d" for stack in OPENVINO for name, kind in CAPPED.items()},
    **{("ort-genai", name): "builds no .* models" for name in ("Granite-3-MoE", "BLOOM", "Mamba")},
}
"""Stack and model -> what is said before anything is converted."""


@pytest.fixture(scope="module")
def study(venvs: Venvs, tmp_path_factory: pytest.TempPathFactory) -> Study:
    for group in ("conversion", "transformers"):
        if venvs.group(group).python is None:
            pytest.skip(f"no {group} venv: `nox -s tests` makes it and hands it on")
    return Study(tmp_path_factory.mktemp("architectures"), venvs, print)


@pytest.fixture(scope="module")
def models(study: Study) -> dict[str, TinyModel]:
    return {model.name: model for model in study.models(MODELS)}


def test_what_is_to_be_answered_is_no_token_over_and_over(models: dict[str, TinyModel]) -> None:
    assert {name for name, model in models.items() if any(len(set(ids)) < 3 for ids in model.ids)} == set()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("stack", ["transformers", *OPENVINO, "ort-genai"])
def test_a_stack_answers_as_the_model_does(stack: str, name: str, study: Study, models: dict[str, TinyModel]) -> None:
    refused = REFUSED.get((stack, name))
    if refused is not None:
        with pytest.raises(ModelRefused, match=refused):
            study.answers(models[name], stack)
    else:
        assert compared(study.answers(models[name], stack)[0], models[name]) == "same ids"
