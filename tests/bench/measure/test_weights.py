"""What a load may be called, by the weights that it has."""

from __future__ import annotations

import pytest

from bench.measure.weights import why_not_as_asked
from bench.plan.cells import Load

SHARES = {
    "transformers int8, GPT-2": ("transformers", "int8", {"bf16": 1.0}, 0.23, False),
    "transformers int8, a mixture of experts": ("transformers", "int8", {"bf16": 0.81, "int8": 0.19}, 0.52, False),
    "transformers int8, Llama": ("transformers", "int8", {"int8": 0.53, "bf16": 0.47}, 0.47, True),
    "transformers fp32": ("transformers", "fp32", {"fp32": 1.0}, 0.2, True),
    "cast to bf16, but for the norms": ("transformers", "bf16", {"bf16": 0.99, "fp32": 0.01}, 0.0, True),
    "OpenVINO int4, small layers": ("openvino-genai", "int4", {"int4": 0.48, "int8": 0.52}, 0.52, True),
    "OpenVINO int4 of the document's ratio": ("openvino-genai", "int4", {"int8": 0.52, "int4": 0.48}, 0.21, True),
    "OpenVINO int4, of which most became int8": ("openvino-genai", "int4", {"int8": 0.7, "int4": 0.3}, 0.2, False),
    "llama.cpp int4": ("llama-cpp", "int4", {"q4_0": 0.79, "q8_0": 0.21}, 0.21, True),
    "llama.cpp int4 by importance": ("llama-cpp", "int4", {"iq4_nl": 0.8, "q6_k": 0.2}, 0.0, True),
    "llama.cpp int8, a GGUF of five bits": ("llama-cpp", "int8", {"q5_k": 1.0}, 0.0, False),
    "exactly half": ("ort-genai", "int4", {"int4": 0.5, "fp32": 0.5}, 0.0, False),
    "what the model has": ("llama-cpp", "original", {"q6_k": 1.0}, 0.0, True),
    "not known": ("ort-genai", "int4", None, 0.0, True),
}


@pytest.mark.parametrize("case", SHARES)
def test_most_of_the_layers_weights_are_what_a_load_is_called(case: str) -> None:
    backend, precision, shares, embedding, allowed = SHARES[case]
    assert (why_not_as_asked(Load(backend, "CPU", precision), shares, embedding) is None) is allowed


def test_a_load_that_is_something_else_is_refused_with_the_share_and_what_it_is() -> None:
    assert why_not_as_asked(Load("transformers", "CPU", "int8"), {"bf16": 0.9, "int8": 0.1}, 0.2) == (
        "only 10% of the weights are int8 (90% bf16, 10% int8): the stack does not make int8 of "
        "most of this model's layers; ask for --precision bf16, or for another stack"
    )


def test_what_the_stack_cannot_be_asked_for_is_not_advised() -> None:
    assert str(why_not_as_asked(Load("ort-genai", "CPU", "int8"), {"bf16": 1.0}, 0.2)).endswith(
        "; ask for another stack"
    )
